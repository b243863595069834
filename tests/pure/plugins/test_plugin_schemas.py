"""The plugins' schemas are public documentation."""

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest

from interlock.plugin import Plugin
from interlock.tool_declaration import ToolSpec
from interlock_plugins.block_mapper import BlockMapper
from interlock_plugins.image import Image
from interlock_plugins.motion import Motion
from interlock_plugins.ocr import Ocr

PLUGINS: dict[str, type[Plugin]] = {"block_mapper": BlockMapper, "image": Image, "motion": Motion, "ocr": Ocr}
TOOLS = [
    pytest.param(plugin, spec, id=f"{plugin.name}.{name}")
    for plugin in PLUGINS.values()
    for name, spec in plugin.tools().items()
]


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field of the schema's objects, those in `$defs` included."""
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {}).items()


def examples(spec: ToolSpec) -> dict[str, Any]:
    """An input made of the first example of each field."""
    properties = spec.input_model.model_json_schema()["properties"]
    return {name: field["examples"][0] for name, field in properties.items()}


@pytest.mark.parametrize("name", PLUGINS)
def test_the_entry_point_leads_to_the_plugin(name: str) -> None:
    [entry] = entry_points(group="interlock.plugins", name=name)
    assert entry.load() is PLUGINS[name]
    assert PLUGINS[name].name == name
    assert PLUGINS[name].title
    assert PLUGINS[name].description


def test_the_tools_are_these() -> None:
    assert {name: list(plugin.tools()) for name, plugin in PLUGINS.items()} == {
        "block_mapper": ["analyze"],
        "image": ["inspect", "thumbnail"],
        "motion": ["compare"],
        "ocr": ["analyze"],
    }


@pytest.mark.parametrize(("plugin", "spec"), TOOLS)
def test_every_field_is_described_and_every_input_has_examples(plugin: type[Plugin], spec: ToolSpec) -> None:
    assert spec.description.endswith(".")
    schema = spec.input_model.model_json_schema()
    assert schema["additionalProperties"] is False
    for name, field in fields(schema):
        assert field.get("description"), name
        assert field.get("examples"), name
    for name, field in fields(spec.output_model.model_json_schema(mode="serialization")):
        assert field.get("description"), name


@pytest.mark.parametrize(("plugin", "spec"), TOOLS)
def test_the_examples_run(plugin: type[Plugin], spec: ToolSpec, run: Callable[..., Any]) -> None:
    result = run(plugin, spec.name, **examples(spec))
    spec.output_model.model_validate(result)


@pytest.mark.parametrize(("plugin", "spec"), TOOLS)
def test_a_misspelt_field_is_refused(plugin: type[Plugin], spec: ToolSpec, refusal: Callable[..., Any]) -> None:
    problem = refusal(plugin, spec.name, **examples(spec), treshold=1)
    assert problem["path"] == "/treshold"


@pytest.mark.parametrize(("plugin", "spec"), TOOLS)
def test_a_missing_file_is_named(plugin: type[Plugin], spec: ToolSpec, refusal: Callable[..., Any]) -> None:
    given = examples(spec)
    required = spec.input_model.model_json_schema()["required"]
    assert required == (["before", "after"] if plugin is Motion else ["image"])
    del given[required[-1]]
    assert refusal(plugin, spec.name, **given)["path"] == f"/{required[-1]}"
