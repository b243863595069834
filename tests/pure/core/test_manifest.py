"""Metadata of a plugin, available without importing it."""

import json

import pytest

from interlock.domain.errors import UnknownTool
from interlock.domain.manifest import PluginManifest, PluginSource
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool

PLUGIN = a_plugin("ocr", a_tool("analyze"), a_tool("lines"))


def test_default_tool_is_the_first_of_the_manifest() -> None:
    assert PLUGIN.tool(None).name == "analyze"
    assert PLUGIN.tool("lines").name == "lines"


@pytest.mark.parametrize("name", ["", "Analyze", "default", "analyze "])
def test_unknown_tool_is_reported_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownTool, match=r"It has: analyze, lines\."):
        PLUGIN.tool(name)


def test_plugin_without_tools_has_no_default_tool() -> None:
    with pytest.raises(UnknownTool):
        a_broken_plugin().tool(None)


@pytest.mark.parametrize("manifest", [PLUGIN, a_broken_plugin()])
def test_manifest_round_trips_through_json(manifest: PluginManifest) -> None:
    assert PluginManifest.from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest


def test_public_manifest_has_exactly_the_fields_of_the_contract() -> None:
    shown = PLUGIN.public()
    assert set(shown) == {"name", "version", "title", "description", "tools", "fork_safe", "settings"}
    assert set(shown["tools"][0]) == {
        "name",
        "title",
        "description",
        "timeout_s",
        "memory_mb",
        "network",
        "isolation",
        "read_only",
        "idempotent",
        "destructive",
        "task",
        "input_schema",
        "output_schema",
    }


def test_plugin_without_a_reason_is_available() -> None:
    assert PLUGIN.available
    assert not a_broken_plugin().available


def test_plugin_that_cannot_be_loaded_is_listed_by_its_name_with_the_reason() -> None:
    source = PluginSource("plugins.ocr", "Plugin")
    assert PluginManifest.broken("ocr", source, "needs torch: not installed") == PluginManifest(
        name="ocr",
        version="0",
        title="ocr",
        description="",
        source=source,
        tools=(),
        fork_safe=True,
        reason="needs torch: not installed",
    )
