"""Upload fields of an input, as found in the schemas that pydantic generates from plugins' models."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, StringConstraints

from interlock.domain.file_references import FileReference, file_references, file_texts, takes_uploads
from interlock.plugin import FileBytes, FilePath
from interlock.plugins.validation import SchemaValidator


class Page(BaseModel):
    scan: FileBytes
    back: FilePath | None = None


class Lookalike(BaseModel):
    upload_id: str


class Node(BaseModel):
    file: FileBytes | None = None
    children: "list[Node]" = []


class Scan(BaseModel):
    kind: Literal["scan"]
    file: FileBytes


class Note(BaseModel):
    kind: Literal["note"]
    file: str | Lookalike


# A recursive schema.
type Nest = FileBytes | list[Nest]


class Everything(BaseModel):
    single: FileBytes | None = None
    many: list[FileBytes] = []
    pair: tuple[FileBytes, int] | None = None
    named: dict[str, FilePath] = {}
    by_pattern: dict[Annotated[str, StringConstraints(pattern="^p")], FileBytes] = {}
    page: Page | None = None
    pages: list[Page] = []
    either: Page | Lookalike | int = 0
    lookalike: Lookalike | None = None
    anything: Any = None
    loose: dict[str, str] = {}
    tree: Node | None = None
    kinds: list[Annotated[Scan | Note, Field(discriminator="kind")]] = []
    nest: Nest | None = None
    aliased: FileBytes | None = Field(default=None, alias="a/b~c")


SCHEMA = Everything.model_json_schema()
UPLOAD = {"upload_id": "x"}


def found(value: Mapping[str, Any]) -> list[tuple[str | int, ...]]:
    validator = SchemaValidator()
    assert validator.problems("key", SCHEMA, value) == []
    return [one.location for one in validator.uploads("key", SCHEMA, value)]


@pytest.mark.parametrize(
    ("value", "locations"),
    [
        ({"single": UPLOAD}, [("single",)]),
        ({"single": "aGk="}, []),
        ({"many": ["aGk=", UPLOAD, UPLOAD]}, [("many", 1), ("many", 2)]),
        ({"pair": [UPLOAD, 1]}, [("pair", 0)]),
        ({"named": {"a": UPLOAD, "b": "aGk="}}, [("named", "a")]),
        ({"by_pattern": {"pq": UPLOAD}}, [("by_pattern", "pq")]),
        ({"page": {"scan": UPLOAD, "back": UPLOAD}}, [("page", "scan"), ("page", "back")]),
        ({"pages": [{"scan": UPLOAD}, {"scan": "aGk="}]}, [("pages", 0, "scan")]),
        ({"either": {"scan": UPLOAD}}, [("either", "scan")]),
        ({"tree": {"children": [{"children": [{"file": UPLOAD}]}]}}, [("tree", "children", 0, "children", 0, "file")]),
        ({"kinds": [{"kind": "scan", "file": UPLOAD}]}, [("kinds", 0, "file")]),
        ({"nest": UPLOAD}, [("nest",)]),
        ({"nest": [[UPLOAD], UPLOAD]}, [("nest", 0, 0), ("nest", 1)]),
        ({"a/b~c": UPLOAD}, [("a/b~c",)]),
        # These values look like uploads, but their fields are not files.
        ({"either": UPLOAD, "lookalike": UPLOAD, "anything": UPLOAD, "loose": UPLOAD}, []),
        ({"anything": {"single": UPLOAD, "deep": [{"scan": UPLOAD}]}}, []),
    ],
)
def test_uploads_are_found_where_the_schema_has_files(value: dict[str, Any], locations: list[Any]) -> None:
    assert found(value) == locations


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "allOf"])
def test_uploads_are_found_behind_each_combining_keyword(keyword: str) -> None:
    schema = {keyword: [{"type": "object"}, {"$ref": "#/$defs/a~1b~0c"}], "$defs": {"a/b~c": Scan.model_json_schema()}}
    assert file_references(schema, {"kind": "scan", "file": UPLOAD}) == (FileReference(("file",), "x", "upload-0"),)


def test_purely_recursive_schema_has_no_files() -> None:
    schema = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}
    assert file_references(schema, {"file": UPLOAD}) == ()


def test_definition_that_is_one_of_its_own_options_is_followed_once() -> None:
    options = [{"$ref": "#/$defs/A"}, {"type": "string"}, Scan.model_json_schema()]
    schema = {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": options}}}
    assert file_references(schema, {"file": UPLOAD}) == (FileReference(("file",), "x", "upload-0"),)


@pytest.mark.parametrize(
    ("model", "result", "texts"),
    [
        (Everything, {"single": None, "text": "aGk="}, {}),
        (Everything, {"nest": [["aGk="], "aG8="]}, {("nest", 0, 0): "aGk=", ("nest", 1): "aG8="}),
        (
            Node,
            {"file": "aGk=", "children": [{"file": None}, {"file": "aG8="}]},
            {("file",): "aGk=", ("children", 1, "file"): "aG8="},
        ),
    ],
)
def test_files_of_a_result_are_found_where_its_schema_has_files(
    model: type[BaseModel], result: Any, texts: Any
) -> None:
    assert file_texts(model.model_json_schema(mode="serialization"), result) == texts


class Unread(list[Any]):
    """A list that must not be iterated."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("a list that cannot hold uploads was searched")


class Mixed(BaseModel):
    file: FileBytes
    numbers: list[int]
    rows: list[list[int]]
    lookalikes: list[Lookalike]


def test_values_that_cannot_hold_uploads_are_not_searched() -> None:
    value = {"file": UPLOAD, "numbers": Unread([1]), "rows": Unread([[1]]), "lookalikes": Unread([UPLOAD])}
    assert [one.location for one in file_references(Mixed.model_json_schema(), value)] == [("file",)]


def test_defaults_that_resemble_schemas_are_no_uploads() -> None:
    schema = {"type": "object", "properties": {"a": {"default": {"properties": {"upload_id": 5}}}}}
    assert file_references(schema, {"a": UPLOAD}) == ()


def test_upload_reference_has_location_id_and_file_name() -> None:
    assert file_references(SCHEMA, {"single": UPLOAD}) == (FileReference(("single",), "x", "upload-0"),)


def test_schemas_without_upload_fields_are_recognized() -> None:
    assert takes_uploads(SCHEMA)
    assert not takes_uploads(Lookalike.model_json_schema())
    assert not takes_uploads(Page.model_json_schema(mode="serialization"))


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"scan": "n@pe"}, "/scan", "is not valid base64"),
        ({"scan": 7}, "/scan", '7 is not of type "string" or "object"'),
        ({"scan": {}}, "/scan/upload_id", "is required"),
        ({"scan": {"upload_id": 7}}, "/scan/upload_id", '7 is not of type "string"'),
        ({"scan": {"upload_id": ""}}, "/scan/upload_id", '"" is shorter than 1 character'),
        ({"scan": {**UPLOAD, "path": "/etc"}}, "/scan/path", "is not a known field"),
        ({"scan": "aGk=", "back": {"upload": "x"}}, "/back/upload", "is not a known field"),
        ({"scan": "aGk=", "back": "n@pe"}, "/back", "is not valid base64"),
    ],
)
def test_file_problem_is_reported_for_the_intended_form(value: Any, path: str, message: str) -> None:
    problems = SchemaValidator().problems("page", Page.model_json_schema(), value)
    assert {"path": path, "message": message} in problems
    assert all(one["path"].startswith(path.rpartition("/")[0]) for one in problems)


values = st.recursive(
    st.just("aGk=") | st.just(UPLOAD) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SCHEMA["properties"]]), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*SCHEMA["properties"]]), values))
def test_each_location_leads_to_an_upload_for_any_value(value: dict[str, Any]) -> None:
    for one in file_references(SCHEMA, value):
        at: Any = value
        for part in one.location:
            at = at[part]
        assert at["upload_id"] == one.upload_id
