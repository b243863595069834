"""Plugin tools as MCP tools: names, descriptions, and pages of the list."""

import base64
from collections.abc import Iterable

from mcp_types import ListToolsResult, Tool, ToolAnnotations

from interlock.domain.errors import UnknownTool
from interlock.domain.file_references import takes_uploads
from interlock.domain.manifest import PluginManifest, ToolManifest
from interlock.mcp.messages import ProtocolError, invalid_params

PAGE_TOOLS = 100
"""A page ends with the plugin that reaches this number of tools."""

LIST_TTL_MS = 60_000
"""How long clients may keep a list. It changes with a deployment, and when a plugin cannot be loaded for a run."""

SEPARATOR = "-"
"""Separates the names of plugin and tool, which cannot contain this character."""

FILE_HINT = (
    'Files in the input are base64 text, a data: URL, or {"upload_id": "..."} of a file uploaded with '
    "POST /v1/uploads, which suits files over 1 MB."
)


def tool_name(plugin: PluginManifest, tool: ToolManifest) -> str:
    return f"{plugin.name}{SEPARATOR}{tool.name}"


def split_name(name: str) -> tuple[str, str]:
    """Return the names of plugin and tool. Raise `UnknownTool`."""
    plugin, separator, tool = name.partition(SEPARATOR)
    if not separator:
        raise UnknownTool(f"There is no tool {name[:130]!r}. Names are of the form PLUGIN-TOOL.")
    return plugin, tool


def tool_page(plugins: Iterable[PluginManifest], *, modern: bool) -> ListToolsResult:
    """Return the tools of the first plugins, with the cursor that continues after them."""
    tools: list[Tool] = []
    last: str | None = None
    for plugin in plugins:
        if last is not None and len(tools) >= PAGE_TOOLS:
            return ListToolsResult(tools=tools, next_cursor=_cursor(last), ttl_ms=LIST_TTL_MS)
        tools += [_described(plugin, tool, modern=modern) for tool in plugin.tools]
        last = plugin.name
    # A list needs a key, so caches must not share it: the scope stays "private".
    return ListToolsResult(tools=tools, ttl_ms=LIST_TTL_MS)


def read_cursor(cursor: str | None) -> str:
    """Return the plugin to continue after, empty for the first page. Raise `ProtocolError`."""
    if cursor is None:
        return ""
    try:
        name = base64.urlsafe_b64decode(cursor).decode()
    except ValueError:
        raise _unknown_cursor() from None
    if not name or _cursor(name) != cursor:
        raise _unknown_cursor()
    return name


def _unknown_cursor() -> ProtocolError:
    return invalid_params("Invalid params: cursor is not a nextCursor of this list.")


def _cursor(plugin: str) -> str:
    return base64.urlsafe_b64encode(plugin.encode()).decode()


def _described(plugin: PluginManifest, tool: ToolManifest, *, modern: bool) -> Tool:
    hint = [FILE_HINT] if takes_uploads(tool.input_schema) else []
    # Before 2026-07-28, a structured result had to be an object.
    has_schema = modern or tool.output_schema.get("type") == "object"
    return Tool(
        name=tool_name(plugin, tool),
        title=tool.title,
        description=" ".join([tool.description or tool.title, *hint]),
        input_schema=dict(tool.input_schema),
        output_schema=dict(tool.output_schema) if has_schema else None,
        annotations=ToolAnnotations(
            read_only_hint=tool.read_only,
            idempotent_hint=tool.idempotent,
            destructive_hint=tool.destructive,
            open_world_hint=tool.network,
        ),
    )
