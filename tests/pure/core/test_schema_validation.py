"""Validation against a tool's schema: paths and messages of problems."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from interlock.domain.file_formats import FILE_FORMAT, FILE_SCHEMA
from interlock.domain.problems import MAX_PROBLEMS, json_pointer
from interlock.plugins.validation import SchemaValidator

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "image": {"type": "string", "format": FILE_FORMAT},
        "size": {"type": "object", "properties": {"width": {"type": "integer"}}, "required": ["width"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "anything": {},
        "scale": {"anyOf": [{"type": "number"}, {"type": "null"}]},
    },
    "required": ["image"],
    "additionalProperties": False,
}


def problems(value: Any, schema: dict[str, Any] = SCHEMA) -> list[tuple[str, str]]:
    return [(one["path"], one["message"]) for one in SchemaValidator().problems("key", schema, value)]


def test_valid_value_has_no_problems() -> None:
    assert problems({"image": "aGk=", "size": {"width": 3}, "tags": ["a"], "anything": [None, {"x": 1.5}]}) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, [("/image", "is required")]),
        ({"image": "", "size": {}}, [("/size/width", "is required")]),
        (
            {"image": "", "b": 1, "a/~": 2},
            [("/b", "is not a known field"), ("/a~1~0", "is not a known field")],
        ),
        ({"image": "", "size": {"width": "3"}}, [("/size/width", '"3" is not of type "integer"')]),
        ({"image": "", "tags": ["a", 2]}, [("/tags/1", '2 is not of type "string"')]),
        ({"image": "n@pe"}, [("/image", "is not valid base64")]),
        ({"image": "data:image/png"}, [("/image", "is a data: URL without a comma before its data")]),
        ([], [("", '[] is not of type "object"')]),
        (None, [("", 'null is not of type "object"')]),
    ],
)  # fmt: skip
def test_each_problem_is_reported_with_its_path(value: Any, expected: list[tuple[str, str]]) -> None:
    assert sorted(problems(value)) == sorted(expected)


class Circle(BaseModel):
    kind: Literal["circle"]
    radius: int
    line: Literal["solid", "dashed"] = "solid"


class Box(BaseModel):
    kind: Literal["box", "square"]
    width: int


class Group(BaseModel):
    kind: Literal["group"]
    members: list[Annotated[Circle | Box, Field(discriminator="kind")]]


type Shape = Annotated[Circle | Box | Group, Field(discriminator="kind")]


class Drawing(BaseModel):
    shape: Shape | None = None
    shapes: list[Shape] = []


KINDS = '"circle", "box", "square"'


@pytest.mark.parametrize(
    ("shape", "path", "message"),
    [
        ({"kind": "circle", "radius": "3"}, "/radius", '"3" is not of type "integer"'),
        ({"kind": "circle", "radius": 3, "line": "dotted"}, "/line", '"dotted" is not one of "solid" or "dashed"'),
        ({"kind": "square"}, "/width", "is required"),
        ({"kind": "star"}, "/kind", f'is not one of {KINDS}, "group"'),
        ({"radius": 3}, "/kind", "is required"),
        (3, "", '3 is not of type "object"'),
        ({"kind": "group", "members": [{"kind": "box"}]}, "/members/0/width", "is required"),
        ({"kind": "group", "members": [{"kind": 7}]}, "/members/0/kind", f"is not one of {KINDS}"),
    ],
)
def test_problem_is_reported_for_the_intended_tagged_option(shape: Any, path: str, message: str) -> None:
    schema = Drawing.model_json_schema()
    good = {"kind": "circle", "radius": 3}
    assert problems({"shapes": [good, shape]}, schema) == [(f"/shapes/1{path}", message)]
    if isinstance(shape, dict):
        assert problems({"shape": shape}, schema) == [(f"/shape{path}", message)]


def tagged(word: str, field: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"is": {"const": word}, field: {"type": "integer"}}, "required": [field]}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"is": "a", "x": "1"}, [("/x", '"1" is not of type "integer"')]),
        ({"is": "b", "x": 1}, [("/y", "is required")]),
        ({"is": "c", "x": 1}, [("/is", 'is not one of "a", "b"')]),
        ([], [("", '[] is not of type "object"')]),
    ],
)
def test_constant_field_is_the_tag_without_a_discriminator(
    keyword: str, value: Any, expected: list[tuple[str, str]]
) -> None:
    assert problems(value, {keyword: [tagged("a", "x"), tagged("b", "y")]}) == expected


def test_indistinguishable_options_are_reported_as_a_union() -> None:
    schema = {"oneOf": [{"type": "object", "required": ["a"]}, {"type": "object", "required": ["b"]}]}
    [(path, message)] = problems({}, schema)
    assert (path, "not valid under any" in message) == ("", True)
    [(path, message)] = problems({"a": 1, "b": 1}, schema)
    assert (path, "more than one" in message) == ("", True)


def test_empty_text_is_not_a_valid_file() -> None:
    schema = {"properties": {"image": FILE_SCHEMA}}
    assert problems({"image": ""}, schema) == [("/image", '"" is shorter than 1 character')]
    assert problems({"image": "aGk="}, schema) == []


def test_all_problems_are_reported_at_once() -> None:
    found = {path for path, _ in problems({"size": {"width": 1.5}, "tags": 3, "x": 1})}
    assert found == {"/size/width", "/tags", "/x", "/image"}


@pytest.mark.parametrize("value", [{"image": "", "tags": [1] * 100}, {"image": "", **{f"x{n}": n for n in range(100)}}])
def test_only_the_first_twenty_problems_are_reported(value: Any) -> None:
    assert len(problems(value)) == MAX_PROBLEMS == 20


def test_message_does_not_repeat_a_whole_file() -> None:
    [(path, message)] = problems({"image": "", "size": "A" * 1_000_000})
    assert path == "/size"
    assert len(message) < 320
    assert message.endswith('is not of type "object"')


@pytest.mark.parametrize("value", [{"image": "\ud800"}, {"image": "", "\ud800": 1}])
def test_unpaired_surrogate_is_reported(value: Any) -> None:
    assert problems(value) == [("", "holds a lone surrogate, which is not Unicode text")]


@pytest.mark.parametrize("depth", [300, 900, 5_000])
def test_too_deep_nesting_is_reported_without_an_exception(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    assert problems({"image": "", "size": value}) == [("", "is nested too deeply")]


class Branch(BaseModel):
    kind: Literal["branch"]
    parts: "list[Branch | Twig]"


class Twig(BaseModel):
    kind: Literal["twig"]
    parts: "list[Branch | Twig]"


@pytest.mark.parametrize("first", ["kind", "parts"])
def test_cost_of_recursive_options_does_not_double_with_each_level(first: str) -> None:
    value: dict[str, Any] = {"kind": "leaf", "parts": []}
    for _ in range(60):
        fields = {"kind": "branch", "parts": [value]}
        value = {name: fields[name] for name in (first, *fields)}
    expected = ("/parts/0" * 60 + "/kind", 'is not one of "branch", "twig"')
    [(path, message)] = problems(value, Branch.model_json_schema())
    assert (path[:140], path[-140:], message) == (expected[0][:140], expected[0][-140:], expected[1])


def test_first_problems_of_a_large_value_are_reported_with_their_paths() -> None:
    value = {"image": "", "tags": [*["a"] * 3, 1, *["a"] * 5_000, 2], "size": {}}
    assert sorted(problems(value)) == [("/size/width", "is required"), ("/tags/3", '1 is not of type "string"')]


def test_problem_after_the_first_thousand_values_is_found() -> None:
    assert problems({"image": "", "tags": [*["a"] * 5_000, 2]}) == [("/tags/5000", '2 is not of type "string"')]


def test_sampling_a_large_value_causes_no_false_problems() -> None:
    schema = {"properties": {"items": {"minItems": 4_000}, "text": {"minLength": 150_000}, "odd": {"type": "null"}}}
    value = {"items": [0] * 5_000, "text": "x" * 200_000, "odd": 1}
    assert problems(value, schema) == [("/odd", '1 is not of type "null"')]
    assert problems({**value, "odd": None}, schema) == []
    [(path, message)] = problems({**value, "odd": None, "items": [0] * 3_999}, schema)
    assert (path, "less than 4000 items" in message) == ("/items", True)


def test_invalid_field_name_is_quoted() -> None:
    assert problems({"a": 1}, {"propertyNames": {"pattern": "^z"}}) == [("", '"a" does not match "^z"')]


@pytest.mark.parametrize("keyword", ["$anchor", "unevaluatedProperties"])
def test_unresolvable_unions_are_reported_as_a_whole(keyword: str) -> None:
    schema = {"anyOf": [{"type": "integer"}, {"type": "null"}], keyword: "x" if keyword == "$anchor" else False}
    [(path, message)] = problems("text", schema)
    assert (path, "not valid under any" in message) == ("", True)


@pytest.mark.parametrize("name", ["anyOf", "default", "$ref", "not"])
def test_fields_may_be_named_like_schema_keywords(name: str) -> None:
    schema = {"properties": {name: {"anyOf": [{"type": "integer"}, {"const": {"anyOf": [1]}}]}}}
    assert problems({name: {"anyOf": [1]}}, schema) == []
    assert [path for path, _ in problems({name: "x"}, schema)] == [f"/{name}"]


def test_integers_of_any_size_are_valid() -> None:
    assert problems({"image": "", "size": {"width": 10**400}}) == []


def test_schema_is_compiled_once_while_it_is_the_same_object() -> None:
    validator, schema = SchemaValidator(), {"type": "string"}
    assert validator.problems("tool.input", schema, 1) != []
    schema["type"] = "integer"  # does not affect the compiled schema
    assert validator.problems("tool.input", schema, 1) != []
    assert validator.problems("tool.input", {"type": "integer"}, 1) == []
    assert validator.problems("other.input", {"type": "integer"}, 1) == []


@pytest.mark.parametrize(
    ("parts", "text"),
    [([], ""), (["a"], "/a"), (["a", 0, "b"], "/a/0/b"), (["a/b", "~c"], "/a~1b/~0c"), ([""], "/")],
)
def test_json_pointers_follow_rfc_6901(parts: list[str | int], text: str) -> None:
    assert json_pointer(parts) == text


def test_json_pointer_does_not_repeat_a_field_name_of_a_megabyte() -> None:
    [(path, _)] = problems({"image": "", "x" * 1_000_000: 1})
    assert len(path) < 320
    assert path.startswith("/xxx")


def test_value_that_fails_a_pattern_is_explained_by_the_description_of_its_field() -> None:
    schema = {
        "properties": {
            "language": {"pattern": "^(eng|deu)$", "description": "Language of the text: eng or deu."},
            "code": {"pattern": "^[a-z]$"},
        }
    }
    found = SchemaValidator().problems("patterns", schema, {"language": "fra", "code": "7"})
    assert sorted(found, key=lambda one: one["path"]) == [
        {"path": "/code", "message": '"7" does not match "^[a-z]$"'},
        {"path": "/language", "message": '"fra" does not fit: Language of the text: eng or deu.'},
    ]


def test_limit_of_whole_mebibytes_is_also_written_in_mebibytes() -> None:
    schema = {"properties": {"size": {"maximum": 104_857_600}, "count": {"maximum": 2_000_000}}}
    found = SchemaValidator().problems("sizes", schema, {"size": 104_857_601, "count": 2_000_001})
    assert {one["path"]: one["message"] for one in found} == {
        "/size": "104857601 is greater than the maximum of 104857600 (100 MiB)",
        "/count": "2000001 is greater than the maximum of 2000000",
    }
