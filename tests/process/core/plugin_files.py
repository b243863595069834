"""Sources of plugins, and indexes built from them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from interlock.domain.manifest import PluginManifest
from interlock.plugins import building
from interlock.plugins.audit import InstalledPlugin
from interlock.plugins.building import build_index

HEAD = """
import ctypes, os, sys, time
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool

class In(BaseModel):
    text: str

class Out(BaseModel):
    text: str
"""


def plugin_class(name: str, class_name: str = "Added", tool_name: str = "say", version: str = "1.0.0") -> str:
    return f"""
class {class_name}(Plugin):
    "What it is for."
    name, version = "{name}", "{version}"

    @tool(timeout_s=5)
    def {tool_name}(self, input: In, context: ToolContext) -> Out:
        return {{"text": input.text}}
"""


def build(folder: Path, *files: Path) -> Mapping[str, PluginManifest]:
    built = build_index(folder / "index", files)
    return {manifest.name: manifest for manifest in built}


def added_file(folder: Path, name: str, source: str) -> Path:
    (folder / name).write_text(source)
    return folder / name


def installed(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str, str]) -> None:
    plugins = [InstalledPlugin(*entry, distribution="interlock-plugins", version="1") for entry in entries]
    monkeypatch.setattr(building, "installed_plugins", lambda _: plugins)
