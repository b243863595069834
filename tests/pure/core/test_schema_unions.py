"""Schemas with their unions taken out, so that the cost of finding errors is bounded."""

import json
from typing import Any

import pytest

from interlock.domain.schema_unions import Union, UnionFreeSchema

TEXT, NUMBER, NULL = {"type": "string"}, {"type": "number"}, {"type": "null"}


def ref(number: int) -> str:
    return f"#/$defs/interlock-union-{number}"


def moved(number: int) -> dict[str, Any]:
    return {"not": {"not": {"$ref": ref(number)}}}


def split(schema: dict[str, Any]) -> UnionFreeSchema:
    return UnionFreeSchema(schema, json.dumps(schema))


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    ("schema", "document"),
    [
        (lambda union: union | {"title": "Size"}, {"title": "Size", "allOf": [moved(0)]}),
        (lambda union: union | {"allOf": [TEXT]}, {"allOf": [TEXT, moved(0)]}),
        (lambda union: {"allOf": [TEXT, union]}, {"allOf": [TEXT, {"allOf": [moved(0)]}]}),
        (lambda union: {"prefixItems": [union, TEXT]}, {"prefixItems": [{"allOf": [moved(0)]}, TEXT]}),
        (lambda union: {"items": union, "enum": [union]}, {"items": {"allOf": [moved(0)]}, "enum": None}),
        (
            lambda union: {"properties": {"size": union}, "required": ["size"]},
            {"properties": {"size": {"allOf": [moved(0)]}}, "required": ["size"]},
        ),
    ],
)
def test_union_becomes_a_reference_wherever_it_is(keyword: str, schema: Any, document: dict[str, Any]) -> None:
    union = {keyword: [TEXT, NULL]}
    if "enum" in document:  # values of `enum` are data, even if they look like a schema
        document = document | {"enum": [union]}
    found = split(schema(union))
    assert found.document == document | {"$defs": {"interlock-union-0": union}}
    assert found.unions == {ref(0): Union(keyword, [f"{ref(0)}/{keyword}/0", f"{ref(0)}/{keyword}/1"], None)}


def test_unions_in_options_and_side_by_side_are_moved_separately() -> None:
    found = split({"anyOf": [{"oneOf": [TEXT, NULL]}, NUMBER], "oneOf": [NULL], "$defs": {"Size": NUMBER}})
    assert found.document == {
        "allOf": [moved(0), moved(2)],
        "$defs": {
            "Size": NUMBER,
            "interlock-union-0": {"anyOf": [{"allOf": [moved(1)]}, NUMBER]},
            "interlock-union-1": {"oneOf": [TEXT, NULL]},
            "interlock-union-2": {"oneOf": [NULL]},
        },
    }


@pytest.mark.parametrize(
    ("discriminator", "tag"), [({"propertyName": "kind"}, "kind"), ({}, None), ("kind", None), (None, None)]
)
def test_tag_of_a_union_is_the_property_of_its_discriminator(discriminator: Any, tag: str | None) -> None:
    [union] = split({"oneOf": [TEXT], "discriminator": discriminator}).unions.values()
    assert union.tag == tag


def test_schema_with_anchors_stays_as_it_is() -> None:
    schema = {"$defs": {"Size": {"$anchor": "size", "anyOf": [TEXT, NULL]}}, "$ref": "#size"}
    found = split(schema)
    assert (found.document, found.unions) == (schema, {})
