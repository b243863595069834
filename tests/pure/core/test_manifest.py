"""Metadata of a plugin that are known without an import."""

import json

import pytest

from interlock.domain.errors import UnknownTool
from interlock.domain.manifest import PluginManifest
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool

PLUGIN = a_plugin("ocr", a_tool("analyze"), a_tool("lines"))


def test_no_name_is_the_first_tool_of_the_manifest() -> None:
    assert PLUGIN.tool(None).name == "analyze"
    assert PLUGIN.tool("lines").name == "lines"


@pytest.mark.parametrize("name", ["", "Analyze", "default", "analyze "])
def test_an_unknown_tool_is_never_substituted(name: str) -> None:
    with pytest.raises(UnknownTool, match=r"It has: analyze, lines\."):
        PLUGIN.tool(name)


def test_a_plugin_without_tools_has_no_first_one() -> None:
    with pytest.raises(UnknownTool):
        a_broken_plugin().tool(None)


@pytest.mark.parametrize("manifest", [PLUGIN, a_broken_plugin()])
def test_a_manifest_survives_its_file(manifest: PluginManifest) -> None:
    assert PluginManifest.from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest


def test_the_public_manifest_shows_what_the_contract_lists_and_no_more() -> None:
    shown = PLUGIN.public()
    assert set(shown) == {"name", "version", "title", "description", "tools"}
    assert set(shown["tools"][0]) == {
        "name",
        "title",
        "description",
        "timeout_s",
        "memory_mb",
        "network",
        "input_schema",
        "output_schema",
    }


def test_a_plugin_without_a_reason_is_available() -> None:
    assert PLUGIN.available
    assert not a_broken_plugin().available
