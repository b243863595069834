"""The input schemas of tools: unknown fields are refused unless a model allows them."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, RootModel

from interlock.plugins.schemas import checked_schema
from interlock.plugins.validation import SchemaValidator


class Inner(BaseModel):
    x: int = 0


class Outer(BaseModel):
    inner: Inner = Inner()
    several: list[Inner] = []
    names: dict[str, int] = {}


class Open(BaseModel):
    model_config = ConfigDict(extra="ignore")

    x: int = 0


class Growing(BaseModel):
    model_config = ConfigDict(extra="allow")


class Derived(Open):
    y: int = 0


class Rooted(RootModel[dict[str, int]]):
    pass


class Recursive(BaseModel):
    child: "Recursive | None" = None


def paths(model: type[BaseModel], value: Any) -> list[str]:
    schema = checked_schema(model, "validation", "the")
    return [one["path"] for one in SchemaValidator().problems(model.__name__, schema, value)]


@pytest.mark.parametrize(
    ("model", "value", "refused"),
    [
        (Outer, {"inner": {"x": 1}, "several": [{}], "names": {"any": 1}}, []),
        (Outer, {"inne": {}}, ["/inne"]),
        (Outer, {"inner": {"y": 1}}, ["/inner/y"]),
        (Outer, {"several": [{}, {"y": 1}]}, ["/several/1/y"]),
        (Open, {"z": 1}, []),
        (Derived, {"z": 1}, []),
        (Growing, {"z": 1}, []),
        (Rooted, {"z": 1}, []),
        (Recursive, {"child": {"child": {"chidl": None}}}, ["/child/child/chidl"]),
    ],
)
def test_unknown_fields_are_refused_unless_the_model_permits_them(
    model: type[BaseModel], value: Any, refused: list[str]
) -> None:
    assert paths(model, value) == refused


def test_schema_of_an_output_is_as_pydantic_writes_it() -> None:
    assert checked_schema(Outer, "serialization", "the") == Outer.model_json_schema(mode="serialization")
