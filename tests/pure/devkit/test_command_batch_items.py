"""The items of `interlock batch`, from files and from JSON Lines."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from interlock.domain import upload_id
from interlock.plugin import FileBytes
from interlock_dev.commands.remote.batches import items
from interlock_dev.commands.remote.batches.items import items_of_files, items_of_lines
from interlock_dev.project.errors import UsageError


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Scan(Closed):
    image: FileBytes
    mask: FileBytes | None = None
    count: int = 1


class Pages(Closed):
    pages: list[FileBytes]


class Compared(Closed):
    left: FileBytes
    right: FileBytes


class Text(Closed):
    text: str


class Number(Closed):
    number: int


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "@odd=1.png"):
        Path(name).write_text(f"content of {name}")
    Path("folder").mkdir()


def read(model: type[BaseModel], *arguments: str, field: str | None = None) -> items.Items:
    return items_of_files("scan.read", model.model_json_schema(mode="validation"), arguments, field)


def complaint(model: type[BaseModel], *arguments: str, field: str | None = None) -> str:
    with pytest.raises(UsageError) as raised:
        read(model, *arguments, field=field)
    return str(raised.value)


def test_file_is_the_required_field_for_files_of_its_item() -> None:
    found = read(Scan, "a.png", "count=3", "@odd=1.png")
    assert found.keys == ["a.png", "@odd=1.png"]
    assert [one["image"].read_text() for one in found.inputs] == ["content of a.png", "content of @odd=1.png"]
    assert [one["count"] for one in found.inputs] == [3, 3]


def test_file_becomes_a_list_or_text_if_the_schema_requires_it() -> None:
    assert read(Pages, "a.png").inputs == [{"pages": [Path.cwd() / "a.png"]}]
    assert read(Text, "a.png").inputs == [{"text": "content of a.png"}]
    assert read(Compared, "a.png", "left=@b.png").inputs == [{"left": Path("b.png"), "right": Path.cwd() / "a.png"}]
    assert read(Compared, "a.png", "left=@b.png", field="right").keys == ["a.png"]


def test_long_name_is_cut_to_the_length_of_a_key() -> None:
    path = Path("x" * 200, "y" * 200)
    path.parent.mkdir()
    path.touch()
    assert read(Scan, str(path)).keys == [str(path)[-255:]]


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (Scan, [], "there are no items: name files, such as images/*.png"),
        (Scan, ["images/*.png"], "there is no file 'images/*.png'"),
        (Scan, ["folder/"], "folder/ is a folder: name its files, such as folder/*"),
        (Scan, ["a.png", "cuont=3"], "there is no field 'cuont': did you mean 'count'?"),
        (Scan, ["a.png", "count=many"], "count must be integer, not 'many'"),
        (Compared, ["a.png"], "has several fields for files (left, right): choose one with --field"),
        (Number, ["a.png"], "has no other field for files: name one with --field"),
    ],
)
def test_mistake_names_the_field_and_the_fix(model: type[BaseModel], arguments: list[str], message: str) -> None:
    assert message in complaint(model, *arguments)


def test_content_that_does_not_fit_its_field_is_refused() -> None:
    assert "number must be integer, not 'content of a.png'" in complaint(Number, "a.png", field="number")


def test_file_or_batch_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MAX_UPLOAD_BYTES", 4)
    assert "a.png has 16 bytes: a file has at most 4" in complaint(Scan, "a.png")
    monkeypatch.setattr(items, "MAX_UPLOAD_BYTES", upload_id.MAX_UPLOAD_BYTES)
    monkeypatch.setattr(items, "MAX_ITEMS", 1)
    assert complaint(Scan, "a.png", "b.png") == "there are 2 items: a batch has at most 1"
    Path("items.jsonl").write_text('{"input": {}}\n')
    monkeypatch.setattr(items, "MAX_BATCH_BYTES", 4)
    assert "items.jsonl has 14 bytes: a batch has at most 4" in complaint_of_lines("items.jsonl")


def complaint_of_lines(name: str) -> str:
    with pytest.raises(UsageError) as raised:
        items_of_lines(name)
    return str(raised.value)


def test_lines_are_items_and_empty_ones_are_left_out() -> None:
    Path("items.jsonl").write_bytes(b'\xef\xbb\xbf{"input": {"a": 1}, "key": "x"}\r\n\r\n{"input": {}}\n')
    found = items_of_lines("items.jsonl")
    assert (found.inputs, found.keys) == ([{"a": 1}, {}], ["x", None])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "there are no items. A line is"),
        ('{"input": {}}\nnope', "line 2 is not JSON"),
        ('\n{"image": "x"}', "line 2 /image is not a known field; line 2 /input is required. A line is"),
        ('{"input": [], "key": ""}', 'line 1 /input [] is not of type "object"; line 1 /key "" is shorter'),
        ("[]\n" * 7, "; and 2 more. A line is"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_mistake_names_its_line(content: Any, message: str) -> None:
    Path("items.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert message in complaint_of_lines("items.jsonl")


def test_missing_file_of_items_is_reported() -> None:
    assert complaint_of_lines("nothing.jsonl") == "nothing.jsonl cannot be read (No such file or directory)"
