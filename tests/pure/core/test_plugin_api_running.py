"""Running a tool of a plugin: input, result, exceptions and files."""

import base64
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from interlock.domain.errors import InvalidInput as DomainInvalidInput
from interlock.domain.file_formats import FILE_FORMAT, StoredFile
from interlock.plugin import Cancelled, FileBytes, FilePath, InvalidInput, InvalidOutput, Plugin, ToolContext, tool
from tests.pure.core.echo_plugin import Context, Echo, In, Out, declared, run

# --- Running a tool ---


def test_tool_may_return_a_model_or_a_matching_dict() -> None:
    assert run(Echo, "say", {"text": "a", "count": 3}) == {"text": "aaa"}
    assert run(Echo, "as_dict", {"text": "a"}) == {"text": "a"}


@pytest.mark.parametrize(
    ("input", "paths"),
    [({}, ["/text"]), ({"text": 1, "count": "x"}, ["/text", "/count"]), ({"text": "a", "b/~": 1}, ["/b~1~0"])],
)
def test_invalid_input_is_reported_by_field(input: dict[str, Any], paths: list[str]) -> None:
    with pytest.raises(DomainInvalidInput) as caught:
        run(Echo, "say", input)
    assert [one["path"] for one in caught.value.details["errors"]] == paths
    assert all(one["message"] for one in caught.value.details["errors"])


def returning(result: Any, model: type[BaseModel] = Out) -> type[Plugin]:
    def give(self: Any, input: In, context: ToolContext) -> Any:
        return result

    give.__annotations__["return"] = model
    return declared(name="a", version="1", give=tool()(give))


class Node(BaseModel):
    children: list["Node"] = Field(default_factory=list)


def a_cycle() -> Node:
    node = Node()
    node.children.append(node)
    return node


def a_cyclic_list() -> dict[str, Any]:
    found: dict[str, Any] = {}
    found["children"] = [found]
    return found


class Loose(BaseModel):
    value: Any


@pytest.mark.parametrize(
    ("result", "model"),
    [
        (None, Out),
        ("text", Out),
        ([], Out),
        ({}, Out),
        ({"text": 1}, Out),
        (In(text="a"), Out),
        ({"value": object()}, Loose),
        ({"value": b"\xff"}, Loose),
        (a_cycle(), Node),
        (a_cyclic_list(), Node),
    ],
)
def test_result_that_is_invalid_or_not_json_raises_invalid_output(result: Any, model: type[BaseModel]) -> None:
    with pytest.raises(InvalidOutput) as caught:
        run(returning(result, model), "give", {"text": ""})
    assert len(str(caught.value)) < 2000


class Numbers(BaseModel):
    numbers: list[int]


@pytest.mark.parametrize("count", [20, 1000, 1001, 100_000])
def test_problems_of_a_large_result_are_bounded(count: int) -> None:
    with pytest.raises(InvalidOutput) as caught:
        run(returning({"numbers": ["x"] * count}, Numbers), "give", {"text": "a"})
    if count > 1000:
        # pydantic lists all errors or none, and a list of 100,000 errors would take 50 MB.
        assert caught.value.errors == [{"path": "", "message": f"has {count} values that are not valid"}]
    else:
        assert [one["path"] for one in caught.value.errors] == [f"/numbers/{n}" for n in range(20)]


def test_exceptions_of_a_tool_propagate_unchanged() -> None:
    class Raises(Plugin):
        name, version = "raises", "1"

        @tool()
        def now(self, input: In, context: ToolContext) -> Out:
            raise KeyError(input.text)

    with pytest.raises(KeyError, match="why"):
        run(Raises, "now", {"text": "why"})


def test_invalid_input_raised_by_a_tool_names_the_field() -> None:
    error = InvalidInput("/image", "is not an image")
    assert isinstance(error, DomainInvalidInput)
    assert str(error) == "/image: is not an image"
    assert error.details == {"errors": [{"path": "/image", "message": "is not an image"}]}
    assert InvalidInput("image", "").details == {"errors": [{"path": "/image", "message": ""}]}
    assert InvalidInput("", "fits nothing").details == {"errors": [{"path": "", "message": "fits nothing"}]}


def test_except_exception_does_not_catch_a_cancel() -> None:
    assert not issubclass(Cancelled, Exception)


def test_fake_context_implements_the_protocol() -> None:
    assert isinstance(Context(), ToolContext)


# --- Files ---


class Picture(BaseModel):
    image: FileBytes


class PathPicture(BaseModel):
    image: FilePath


@pytest.mark.parametrize("text", ["aGVsbG8=", "data:image/png;base64,aGVsbG8=", "aGVs\nbG8=", "data:,h%65llo"])
def test_file_field_is_decoded_to_bytes(text: str) -> None:
    assert Picture.model_validate({"image": text}).image == b"hello"


@pytest.mark.parametrize("value", ["n@pe", "data:image/png", 3, None])
def test_values_that_are_not_files_are_rejected(value: Any) -> None:
    with pytest.raises(ValueError, match="image"):
        Picture.model_validate({"image": value})


def test_bytes_in_a_result_are_encoded_as_base64() -> None:
    assert Picture(image=b"\x89PNG").model_dump(mode="json") == {"image": base64.b64encode(b"\x89PNG").decode()}


@pytest.mark.parametrize("model", [Picture, PathPicture])
def test_file_field_is_described_in_the_schema(model: type[BaseModel]) -> None:
    accepted = model.model_json_schema(mode="validation")["properties"]["image"]["anyOf"]
    assert [one["type"] for one in accepted] == ["string", "object"]
    assert accepted[0]["format"] == FILE_FORMAT
    assert accepted[1]["required"] == ["upload_id"]
    returned = model.model_json_schema(mode="serialization")["properties"]["image"]
    assert (returned["type"], returned["format"]) == ("string", FILE_FORMAT)


@pytest.mark.parametrize("text", ["aGVsbG8=", "data:image/png;base64,aGVsbG8=", "data:,h%65llo"])
def test_file_path_field_is_written_to_the_directory_of_the_run(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = PathPicture.model_validate({"image": text}).image
    assert path.parent == tmp_path
    assert path.read_bytes() == b"hello"


def test_upload_is_read_as_bytes_or_as_its_path(tmp_path: Path) -> None:
    file = StoredFile(tmp_path / "upload-0")
    file.path.write_bytes(b"hello")
    assert Picture.model_validate({"image": file}).image == b"hello"
    assert PathPicture.model_validate({"image": file}).image == file.path


@pytest.mark.parametrize("model", [Picture, PathPicture])
@pytest.mark.parametrize("value", ["/etc/passwd", "file:///etc/passwd", {"path": "/etc/passwd"}, {"upload_id": "x"}])
def test_paths_sent_by_a_caller_are_rejected(model: type[BaseModel], value: Any) -> None:
    with pytest.raises(ValueError, match="image"):
        model.model_validate({"image": value})


def test_path_in_a_result_is_encoded_as_base64(tmp_path: Path) -> None:
    file = tmp_path / "out.png"
    file.write_bytes(b"\x89PNG")
    assert PathPicture(image=file).model_dump(mode="json") == {"image": base64.b64encode(b"\x89PNG").decode()}


class Measurements(BaseModel):
    """Fields in which pydantic keeps a NaN, or writes null for it."""

    one: float = 0
    several: list[float] = []
    anything: Any = None


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ({"one": float("nan")}, "/one"),
        ({"several": [1, float("inf")]}, "/several/1"),
        ({"anything": {"deep": float("-inf")}}, "/anything/deep"),
    ],
)
def test_number_that_json_lacks_is_reported_with_its_field(output: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidOutput) as caught:
        run(returning(output, Measurements), "give", {"text": "a"})
    assert caught.value.errors == [{"path": path, "message": "is NaN or infinite"}]


def test_each_value_of_a_nested_result_is_looked_at_once() -> None:
    levels, width = 100, 1_000
    nested: Any = list(range(width))
    for _ in range(levels):
        nested = [nested]
    calls = 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        run(returning({"anything": nested}, Measurements), "give", {"text": "a"})
    finally:
        sys.setprofile(None)
    assert calls < 20 * width, "each level is called for each value below it"
