"""The public plugin API: declarations, error messages that name the fix, and running a tool."""

import base64
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from interlock.domain.errors import InvalidInput as DomainInvalidInput
from interlock.domain.file_formats import FILE_FORMAT, StoredFile
from interlock.plugin import Cancelled, FileBytes, FilePath, InvalidInput, InvalidOutput, Plugin, ToolContext, tool
from tests.fakes.outside import NOON


class In(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    count: int = 1


class Out(BaseModel):
    text: str


class Context:
    """A minimal `ToolContext`."""

    job_id = "JOB"
    deadline: datetime = NOON
    cancelled = False
    temp_dir = Path("/nowhere")
    logger = logging.getLogger("test")

    def progress(self, fraction: float, message: str = "") -> None:
        """Ignore the progress."""


class Echo(Plugin):
    name, version, title = "echo", "1.0.0", "Echo"

    @tool(timeout_s=5, memory_mb=128, title="Repeat text")
    def say(self, input: In, context: ToolContext) -> Out:
        """Repeat a text.

        Only the first line is the description.
        """
        return Out(text=input.text * input.count)

    @tool()
    def as_dict(self, input: In, context: ToolContext) -> Out:
        return {"text": input.text}  # type: ignore[return-value]  # a dict that matches the output model is allowed


def run(plugin: type[Plugin], name: str, input: Mapping[str, Any]) -> Any:
    return plugin().run(name, input, Context())


# --- Declaration ---


def test_tools_are_listed_in_order_of_definition() -> None:
    assert list(Echo.tools()) == ["say", "as_dict"]


def test_tool_is_defined_by_decorator_signature_and_docstring() -> None:
    say, as_dict = Echo.tools().values()
    assert (say.name, say.title, say.description) == ("say", "Repeat text", "Repeat a text.")
    assert (say.timeout_s, say.memory_mb, say.network, say.input_model, say.output_model) == (5, 128, False, In, Out)
    assert (as_dict.title, as_dict.description) == ("As dict", "")


def test_tools_are_inherited_and_can_be_overridden() -> None:
    class Louder(Echo):
        @tool(timeout_s=7)
        def say(self, input: In, context: ToolContext) -> Out:
            return Out(text=input.text.upper())

    assert list(Louder.tools()) == ["say", "as_dict"]
    assert Louder.tools()["say"].timeout_s == 7
    assert run(Louder, "say", {"text": "a"}) == {"text": "A"}


@pytest.mark.parametrize("timeout_s", [0, -1, 870.1, float("nan"), float("inf"), "20", None, True])
def test_invalid_timeout_is_reported(timeout_s: Any) -> None:
    text = re.escape(f"@tool(timeout_s={timeout_s!r}): must be a number over 0 and at most 870 seconds")
    with pytest.raises(TypeError, match=text):
        tool(timeout_s=timeout_s)


@pytest.mark.parametrize("memory_mb", [31, 0, -1, 10_241, 8 * 1024**3, 128.0, 128.5, "128", None, True])
def test_invalid_memory_limit_is_reported(memory_mb: Any) -> None:
    text = re.escape(f"@tool(memory_mb={memory_mb!r}): must be a whole number of MiB from 32 to 10240")
    with pytest.raises(TypeError, match=text):
        tool(memory_mb=memory_mb)


@pytest.mark.parametrize("network", [None, 1, "yes"])
def test_network_must_be_true_or_false(network: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(f"@tool(network={network!r}): must be True or False")):
        tool(network=network)


def test_tool_can_declare_network_access() -> None:
    class Fetching(Plugin):
        name, version = "fetching", "1"

        @tool(network=True)
        def fetch(self, input: In, context: ToolContext) -> Out:
            raise NotImplementedError

    assert Fetching.tools()["fetch"].network


def test_title_must_be_text() -> None:
    with pytest.raises(TypeError, match=re.escape("@tool(title=3): must be text")):
        tool(title=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("positional", [(print,), (20, 128)])
def test_decorator_without_keywords_or_parentheses_is_reported_with_the_fix(positional: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=re.escape("write @tool() or @tool(timeout_s=20, memory_mb=512): ")):
        tool(*positional)


def test_duplicate_tool_name_is_reported() -> None:
    say = "    @tool()\n    def say(self, input: In, context: ToolContext) -> Out: ...\n"
    with pytest.raises(TypeError, match="tool 'say' is declared twice in Twice: rename one of them"):
        exec(f"class Twice(Plugin):\n{say}{say}", globals())


def test_functions_of_the_same_name_outside_a_class_are_not_duplicates() -> None:
    names = dict(globals())
    say = "@tool()\ndef say(self, input: In, context: ToolContext) -> Out: ...\n"
    exec(f"{say}first = say\n{say}", names)
    assert names["first"] is not names["say"]


@pytest.mark.parametrize(("timeout_s", "memory_mb"), [(870, 32), (0.001, 10_240)])
def test_smallest_and_largest_limits_are_accepted(timeout_s: float, memory_mb: int) -> None:
    tool(timeout_s=timeout_s, memory_mb=memory_mb)


def declared(**attributes: Any) -> type[Plugin]:
    """Return a plugin class with these attributes."""
    return type("Declared", (Plugin,), attributes)


def a_method(self: Any, input: In, context: ToolContext) -> Out:
    return Out(text="")


MARKED = tool()(a_method)


@pytest.mark.parametrize("missing", ["name", "version"])
def test_name_and_version_must_be_set(missing: str) -> None:
    attributes = {"name": "a", "version": "1", "run_it": MARKED}
    del attributes[missing]
    with pytest.raises(TypeError, match=f"plugin class Declared: set '{missing}' to a string"):
        declared(**attributes).tools()


@pytest.mark.parametrize("version", [1, None, 1.0])
def test_version_must_be_text(version: Any) -> None:
    with pytest.raises(TypeError, match="set 'version' to a string"):
        declared(name="a", version=version, run_it=MARKED).tools()


@pytest.mark.parametrize("attribute", ["title", "description"])
def test_descriptions_of_a_plugin_must_be_text(attribute: str) -> None:
    with pytest.raises(TypeError, match=f"plugin 'a': set '{attribute}' to a string"):
        declared(name="a", version="1", run_it=MARKED, **{attribute: 3}).tools()


async def an_async_setup(self: Any) -> None:
    """Fail validation: `setup` is not awaited."""


def an_init(self: Any, model: str) -> None:
    """Fail validation: plugins are created without arguments."""


def a_run(self: Any) -> None:
    """Fail validation: the framework defines `run`."""


@pytest.mark.parametrize(
    ("attribute", "what"),
    [
        ({"setup": an_async_setup}, "its setup must not be 'async def'"),
        ({"__init__": an_init}, "is made without arguments, but for its __init__ missing a required argument: 'model'"),
        ({"run": a_run}, "must not define 'run'"),
    ],
)
def test_methods_must_accept_the_arguments_of_the_framework(attribute: dict[str, Any], what: str) -> None:
    with pytest.raises(TypeError, match=f"plugin 'a': {what}"):
        declared(name="a", version="1", run_it=MARKED, **attribute).tools()


def test_init_without_required_arguments_is_allowed() -> None:
    def init(self: Any, model: str = "small") -> None:
        self.model = model

    assert declared(name="a", version="1", run_it=MARKED, __init__=init).tools()


@pytest.mark.parametrize("name", ["", "Ocr", "1st", "a-b", "a.b", "../a", "a b", "ä", "a" * 65, "a\n"])
def test_invalid_plugin_name_is_reported(name: str) -> None:
    with pytest.raises(TypeError, match="a name is lower-case letters, digits and _, at most 64"):
        declared(name=name, version="1", run_it=MARKED).tools()


@pytest.mark.parametrize("name", ["Say", "_say", "a" * 65])
def test_invalid_tool_name_is_reported(name: str) -> None:
    with pytest.raises(TypeError, match="a tool's name is lower-case letters, digits and _, at most 64"):
        declared(name="a", version="1", **{name: MARKED}).tools()


def test_plugin_without_a_tool_is_reported_with_the_fix() -> None:
    with pytest.raises(TypeError, match=r"declares no tool: mark a method with @tool\(\)"):
        declared(name="a", version="1").tools()


def two_parameters(self: Any, input: In) -> Out:
    return Out(text=input.text)


def four_parameters(self: Any, input: In, context: ToolContext, more: int) -> Out:
    return Out(text=input.text)


def context_by_keyword(self: Any, input: In, *, context: ToolContext) -> Out:
    return Out(text=input.text)


async def asynchronous(self: Any, input: In, context: ToolContext) -> Out:
    return Out(text=input.text)


def generator(self: Any, input: In, context: ToolContext) -> Out:  # type: ignore[misc]
    yield Out(text=input.text)


async def async_generator(self: Any, input: In, context: ToolContext) -> Out:  # type: ignore[misc]
    yield Out(text=input.text)


def unknown_model(self: Any, input: "Inputt", context: ToolContext) -> Out:  # type: ignore[name-defined]  # noqa: F821
    return Out(text="")


def dict_as_input(self: Any, input: dict[str, Any], context: ToolContext) -> Out:
    return Out(text="")


def unannotated_input(self, input, context: ToolContext) -> Out:  # type: ignore[no-untyped-def]
    return Out(text="")


def unannotated_return(self: Any, input: In, context: ToolContext):  # type: ignore[no-untyped-def]
    return Out(text="")


def return_none(self: Any, input: In, context: ToolContext) -> None:
    return None


def return_union(self: Any, input: In, context: ToolContext) -> Out | In:
    return input


@pytest.mark.parametrize(
    ("method", "what"),
    [
        (two_parameters, r"must take \(self, input, context\), not \(self, input\)"),
        (four_parameters, r"must take \(self, input, context\), not \(self, input, context, more\)"),
        (context_by_keyword, r"must take \(self, input, context\) by position, 'context' cannot be"),
        (asynchronous, "must not be 'async def'"),
        (generator, "must return its result, not yield"),
        (async_generator, "must return its result, not yield"),
        (staticmethod(a_method), r"must be a method \(self, input, context\), not a staticmethod"),
        (classmethod(a_method), r"must be a method \(self, input, context\), not a classmethod"),
        (unknown_model, "an annotation of it cannot be read: name 'Inputt' is not defined"),
        (dict_as_input, "its input must be annotated with a pydantic model"),
        (unannotated_input, "its input must be annotated with a pydantic model, not None"),
        (unannotated_return, "its return must be annotated with a pydantic model, not None"),
        (return_none, "its return must be annotated with a pydantic model"),
        (return_union, "its return must be annotated with a pydantic model"),
    ],
)
def test_invalid_tool_signature_is_reported(method: Any, what: str) -> None:
    with pytest.raises(TypeError, match=f"tool 'say': {what}"):
        declared(name="a", version="1", say=tool()(method)).tools()


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_tool_must_not_be_wrapped_by_another_decorator(kind: Any) -> None:
    with pytest.raises(TypeError, match=f"tool 'say': must be a method .* not a {kind.__name__}"):
        declared(name="a", version="1", say=kind(tool()(a_method)), run_it=MARKED).tools()


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
