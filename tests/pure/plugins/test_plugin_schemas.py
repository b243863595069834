"""The plugins' schemas, which are public documentation."""

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
    """Yield each field of the schema's objects, including those in `$defs`."""
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {}).items()


def examples(spec: ToolSpec) -> dict[str, Any]:
    """Return an input with the first example of each field."""
    properties = spec.input_model.model_json_schema()["properties"]
    return {name: field["examples"][0] for name, field in properties.items()}


@pytest.mark.parametrize("name", PLUGINS)
def test_entry_point_loads_the_plugin(name: str) -> None:
    [entry] = entry_points(group="interlock.plugins", name=name)
    assert entry.load() is PLUGINS[name]
    assert PLUGINS[name].name == name
    assert PLUGINS[name].title
    assert PLUGINS[name].description


def test_plugins_have_their_tools() -> None:
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
def test_tools_run_with_their_examples(plugin: type[Plugin], spec: ToolSpec, run: Callable[..., Any]) -> None:
    result = run(plugin, spec.name, **examples(spec))
    spec.output_model.model_validate(result)


@pytest.mark.parametrize(("plugin", "spec"), TOOLS)
def test_misspelt_field_is_refused(plugin: type[Plugin], spec: ToolSpec, refusal: Callable[..., Any]) -> None:
    problem = refusal(plugin, spec.name, **examples(spec), treshold=1)
    assert problem["path"] == "/treshold"


@pytest.mark.parametrize(("plugin", "spec"), TOOLS)
def test_missing_file_is_reported(plugin: type[Plugin], spec: ToolSpec, refusal: Callable[..., Any]) -> None:
    given = examples(spec)
    required = spec.input_model.model_json_schema()["required"]
    assert required == (["before", "after"] if plugin is Motion else ["image"])
    del given[required[-1]]
    assert refusal(plugin, spec.name, **given)["path"] == f"/{required[-1]}"
