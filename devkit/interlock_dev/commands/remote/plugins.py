"""`interlock plugins` and `interlock plugin NAME`."""

from __future__ import annotations

import json as json_module
import shlex
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from interlock_client.documents import Tool
from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.inputs import placeholder
from interlock_dev.commands.remote.output import console, print_json, printable, table
from interlock_dev.commands.remote.profiles import did_you_mean
from interlock_dev.commands.remote.schemas import Node, node
from interlock_dev.commands.remote.target import connect

_DEPTH = 2
"""How deep the fields of objects are listed."""


def show_plugins(target: Target, *, json: bool) -> Exit:
    """Print the plugins with their states and tools. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        plugins = interlock.plugins()
    if json:
        print_json(plugins)
        return Exit.OK
    rows = [
        (one["name"], one["version"], one["state"], ", ".join(one["tools"]), one["reason"] or one["title"])
        for one in plugins
    ]
    console().print(table(("plugin", "version", "state", "tools", ""), rows))
    return Exit.OK


def show_plugin(target: Target, name: str, *, json: bool) -> Exit:
    """Print a plugin's tools, their inputs and outputs as tables, and an example call. Raise `UsageError`."""
    wanted, _, only = name.partition(".")
    with connect(target) as (interlock, _service):
        summary = {one["name"]: one for one in interlock.plugins()}
        if wanted not in summary:
            suggestion = did_you_mean(wanted, summary) or ": see `interlock plugins`"
            raise CommandFailed(f"there is no plugin {wanted!r}{suggestion}", Exit.REFUSED)
        plugin = interlock.plugin(wanted)
    if json:
        print_json(plugin)
        return Exit.OK
    out = console()
    out.print(f"{plugin['name']} {plugin['version']}  {printable(plugin['title'])}", style="bold")
    if plugin["description"]:
        out.print(printable(plugin["description"]))
    if summary[wanted]["reason"]:
        out.print(f"{summary[wanted]['state']}: {printable(summary[wanted]['reason'] or '')}", style="red")
    for tool in plugin["tools"]:
        if only in {"", tool["name"]}:
            _show_tool(out, plugin["name"], tool)
    return Exit.OK


def example(plugin: str, tool: Tool) -> str:
    """Return an example call with the required fields."""
    schema = node(tool["input_schema"])
    fields = schema.properties
    words = [f"{name}={_example_value(fields[name])}" for name in schema.required if name in fields]
    return " ".join(["interlock run", f"{plugin}.{tool['name']}", *words])


def _show_tool(out: Console, plugin: str, tool: Tool) -> None:
    network = ", network" if tool["network"] else ""
    out.print()
    out.print(
        f"{plugin}.{tool['name']}  (at most {tool['timeout_s']:g} s, {tool['memory_mb']} MiB{network})", style="bold"
    )
    if tool["description"]:
        out.print(printable(tool["description"]))
    for title, schema in (("input", tool["input_schema"]), ("output", tool["output_schema"])):
        rows = list(_rows(node(schema), ""))
        if rows:
            out.print(table((title, "type", "default", ""), rows))
    out.print(f"$ {example(plugin, tool)}", style="cyan")


def _rows(schema: Node, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each field, and for the fields of objects and of lists of objects below it."""
    required = schema.required
    for name, field in schema.properties.items():
        default = "required" if name in required else _default(field)
        yield f"{prefix}{name}", field.described(), default, str(field.schema.get("description", " "))
        if prefix.count(".") < _DEPTH:
            yield from _rows(field, f"{prefix}{name}.")
            if field.items is not None:
                yield from _rows(field.items, f"{prefix}{name}[].")


def _default(field: Node) -> str:
    return json_module.dumps(field.schema["default"], ensure_ascii=False) if "default" in field.schema else "-"


def _example_value(field: Node) -> str:
    if field.is_file:
        return "@FILE"
    examples: list[Any] = field.schema.get("examples") or []
    value = examples[0] if examples else (field.choices or [placeholder(field)])[0]
    return shlex.quote(value if isinstance(value, str) else json_module.dumps(value, ensure_ascii=False))
