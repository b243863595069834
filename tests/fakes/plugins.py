"""Manifests of plugins without code, and an index of them."""

import json
from pathlib import Path
from typing import Any

from interlock.domain.manifest import PluginManifest, PluginSource, ToolManifest
from interlock.plugins.building import index_text
from interlock.plugins.index import PluginIndex

TEXT = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
"""The schema of `{"text": "..."}`."""


def a_tool(name: str = "say", **fields: Any) -> ToolManifest:
    given: dict[str, Any] = {
        "title": name.capitalize(),
        "description": f"The tool {name}.",
        "timeout_s": 20.0,
        "memory_mb": 256,
        "input_schema": TEXT,
        "output_schema": TEXT,
    }
    return ToolManifest(name=name, **(given | fields))


def a_plugin(name: str = "echo", *tools: ToolManifest, **fields: Any) -> PluginManifest:
    given: dict[str, Any] = {"version": "1.0.0", "title": name.capitalize(), "description": f"The plugin {name}."}
    source = PluginSource(f"plugins.{name}", "Plugin")
    return PluginManifest(name=name, source=source, tools=tools or (a_tool(),), **(given | fields))


def a_broken_plugin(name: str = "broken", reason: str = "needs torch: not installed") -> PluginManifest:
    return PluginManifest.broken(name, PluginSource(f"plugins.{name}", "Plugin"), reason)


def an_index(folder: Path, *manifests: PluginManifest) -> PluginIndex:
    """Write the files of a plugin index, as the build does, and return the index."""
    (folder / "plugins").mkdir(parents=True)
    for manifest in manifests:
        (folder / "plugins" / f"{manifest.name}.json").write_text(json.dumps(manifest.to_dict()))
    (folder / "index.json").write_text(index_text(manifests))
    return PluginIndex(folder)
