"""`name=value` arguments become a tool's input, typed by the tool's schema."""

import io
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from interlock.plugin import FileBytes
from interlock_dev.commands.remote.inputs import read_input
from interlock_dev.commands.remote.schemas import files_in, node
from interlock_dev.project.errors import UsageError


class Box(BaseModel):
    left: int
    label: str = ""


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")

    image: FileBytes
    more: list[FileBytes] = []
    language: Literal["eng", "deu"] = "eng"
    scale: float = 1
    count: int | None = None
    words: list[str] = []
    deep: bool = False
    box: Box | None = None
    labels: dict[str, int] = {}
    anything: Any = None
    text: str = Field(default="", alias="a.text")


SCHEMA = Everything.model_json_schema(mode="validation")
IMAGE = "image=QUJD"


def read(*arguments: str, document: str | None = None, partial: bool = False) -> dict[str, Any]:
    return read_input("ocr.analyze", SCHEMA, arguments, document, partial=partial)


def complaint(*arguments: str, document: str | None = None) -> str:
    with pytest.raises(UsageError) as raised:
        read(*arguments, document=document)
    return str(raised.value)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("language=deu", {"language": "deu"}),
        ("scale=1.5", {"scale": 1.5}),
        ("scale=2", {"scale": 2}),
        ("count=3", {"count": 3}),
        ("count=null", {"count": None}),
        ("deep=true", {"deep": True}),
        ('words=["a","b"]', {"words": ["a", "b"]}),
        ("words=a", {"words": ["a"]}),
        ("words=7", {"words": ["7"]}),
        ("box.left=1", {"box": {"left": 1}}),
        ('box={"left": 2}', {"box": {"left": 2}}),
        ("labels.x=4", {"labels": {"x": 4}}),
        ("anything=[1]", {"anything": [1]}),
        ("anything=free text", {"anything": "free text"}),
        ("a.text=123", {"a.text": "123"}),
        ("a.text=a=b", {"a.text": "a=b"}),
        ("a.text=@@home", {"a.text": "@home"}),
        ("a.text=", {"a.text": ""}),
    ],
)
def test_value_has_the_type_of_its_field(argument: str, value: dict[str, Any]) -> None:
    assert read(IMAGE, argument) == {"image": "QUJD", **value}


def test_repeated_field_is_a_list() -> None:
    assert read(IMAGE, "words=a", "words=b", 'words=["c"]')["words"] == ["a", "b", "c"]


def test_nested_fields_are_merged() -> None:
    assert read(IMAGE, "box.left=1", "box.label=x")["box"] == {"left": 1, "label": "x"}


def test_files_are_passed_as_paths_and_text_is_read(tmp_path: Path) -> None:
    page, note = tmp_path / "page.png", tmp_path / "note.txt"
    page.write_bytes(b"png")
    note.write_text("hello")
    found = read(f"image=@{page}", f"more=@{page}", f"more=@{page}", f"a.text=@{note}")
    assert found == {"image": page, "more": [page, page], "a.text": "hello"}


def test_standard_input_is_a_file_or_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"image": "QUJD", "count": 1}')))
    assert read("count=2", document="@-") == {"image": "QUJD", "count": 2}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"png")))
    assert read("image=@-") == {"image": b"png"}


def test_all_problems_are_named_at_once() -> None:
    message = complaint("langage=eng", "count=x", "box.lft=1", "nonsense")
    assert message.startswith("ocr.analyze: there is no field 'langage': did you mean 'language'?")
    assert "count must be integer or none, not 'x'" in message
    assert "there is no field 'box.lft': did you mean 'left'? (it has: left, label)" in message
    assert "'nonsense' is not of the form name=value" in message
    assert "image is missing: add image=@FILE" in message
    assert message.endswith("See `interlock plugin ocr`")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("language=en", "language must be one of eng, deu, not 'en': did you mean 'eng'?"),
        ("deep=yes", "deep must be boolean, not 'yes'"),
        ("scale=NaN", "scale must be number, not 'NaN'"),
        ("labels.x=a", "labels.x must be integer, not 'a'"),
        ("more=@missing.png", "missing.png cannot be read (No such file or directory)"),
        ("box.label=x", "box.left is missing: add box.left=NUMBER"),
    ],
)
def test_wrong_value_is_explained(argument: str, message: str) -> None:
    assert message in complaint(IMAGE, argument)


def test_field_that_is_no_list_cannot_be_repeated() -> None:
    assert "count is given twice" in complaint(IMAGE, "count=1", "count=2")


@pytest.mark.parametrize(
    ("document", "message"),
    [("{", "--json is not JSON"), ("[]", "--json must be a JSON object"), ('{"imge": "x"}', "did you mean 'image'?")],
)
def test_document_is_checked(document: str, message: str) -> None:
    assert message in complaint(document=document)


def test_values_without_a_schema_are_json_or_text(tmp_path: Path) -> None:
    (tmp_path / "page.png").touch()
    arguments = [f"image=@{tmp_path}/page.png", "count=3", "language=eng", "box.left=1", 'words=["a"]', "x=@@y"]
    assert read_input("ocr", {}, arguments, None) == {
        "image": tmp_path / "page.png", "count": 3, "language": "eng", "box": {"left": 1}, "words": ["a"], "x": "@y",
    }  # fmt: skip


def test_changes_of_an_input_may_leave_out_fields() -> None:
    assert read("count=null", partial=True) == {"count": None}


class Picture(BaseModel):
    image: FileBytes
    mime_type: str


class Pictures(BaseModel):
    first: Picture
    others: list[Picture] = []
    by_name: dict[str, FileBytes] = {}


def test_files_of_a_result_are_found() -> None:
    picture = {"image": "QUJD", "mime_type": "image/png"}
    result = {"first": picture, "others": [picture], "by_name": {"a": "REVG"}}
    found = list(files_in(node(Pictures.model_json_schema(mode="serialization")), result))
    assert found == [(("first", "image"), "QUJD"), (("others", 0, "image"), "QUJD"), (("by_name", "a"), "REVG")]
