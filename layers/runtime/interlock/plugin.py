"""The public plugin API, the only module of Interlock that plugins import.

```python
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool


class Echo(Plugin):
    name, version, title = "echo", "1.0.0", "Says it again"

    @tool(timeout_s=5, memory_mb=128)
    def say(self, input: SayInput, context: ToolContext) -> SayOutput:
        return SayOutput(text=input.text)
```

A tool runs in a worker process, never in the process that accesses the table. It may crash, hang or exit without
affecting other jobs. On a cancel and at its limits it is stopped: by SIGTERM, raised as `Cancelled`, and 2 s later by
SIGKILL.
"""

import base64
import inspect
import math
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, PlainSerializer, ValidationError, WithJsonSchema

from interlock.domain.errors import InvalidInput as _InvalidInput
from interlock.domain.file_formats import FILE_SCHEMA, TEXT_SCHEMA, StoredFile, decode_file
from interlock.domain.problems import MAX_PROBLEMS, Problem, problem
from interlock.input_requests import Elicitation, InputRequired, Roots, Sampling
from interlock.tool_context import ToolContext
from interlock.tool_declaration import NAME, InvalidDeclaration, ToolSpec, is_tool, tool, tool_spec

__all__ = [
    "Cancelled",
    "Elicitation",
    "FileBytes",
    "FilePath",
    "InputRequired",
    "InvalidInput",
    "Plugin",
    "Roots",
    "Sampling",
    "ToolContext",
    "tool",
]

_MAX_LISTED = 1000
"""Maximum number of errors of a model that are listed at all."""


class Cancelled(BaseException):
    """Raised inside a running tool when its job is cancelled or out of time. Clean up and let it propagate."""


class InvalidInput(_InvalidInput):
    """Raise this if the input fits the schema but cannot be used: `InvalidInput("/image", "is not an image")`.

    `path` is a JSON Pointer (RFC 6901) into the input. The job ends `failed` with code `invalid_input`.
    """

    def __init__(self, path: str, message: str) -> None:
        path = path if not path or path.startswith("/") else f"/{path}"
        super().__init__(f"{path}: {message}", errors=[{"path": path, "message": message}])


class InvalidOutput(Exception):
    """A tool returned a value that does not fit its output model.

    `errors` is a list of `{"path": JSON Pointer, "message": text}`.
    """

    def __init__(self, errors: list[Problem]) -> None:
        super().__init__("; ".join(f"{item['path'] or '/'}: {item['message']}" for item in errors))
        self.errors = errors


def _file_content(value: object) -> object:
    """Return the content of a file. Other values are returned unchanged, and pydantic rejects them."""
    if isinstance(value, StoredFile):
        return value.path.read_bytes()
    return decode_file(value) if isinstance(value, str) else value


def _file_path(value: object) -> object:
    """Treat text as content, never as a path: a caller must not name files of this machine."""
    if isinstance(value, StoredFile):
        return value.path
    if isinstance(value, str):
        with tempfile.NamedTemporaryFile(prefix="input-", delete=False) as file:  # in the directory of the run
            file.write(decode_file(value))
        return Path(file.name)
    return value


def _as_text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


FileBytes = Annotated[
    bytes,
    BeforeValidator(_file_content),
    PlainSerializer(_as_text, return_type=str),
    WithJsonSchema(FILE_SCHEMA, mode="validation"),
    WithJsonSchema(TEXT_SCHEMA, mode="serialization"),
]
"""A file: base64 text, a `data:` URL or `{"upload_id": "..."}` in the request, `bytes` in the tool. In an output it is
base64 text."""

FilePath = Annotated[
    Path,
    BeforeValidator(_file_path),
    PlainSerializer(lambda path: _as_text(path.read_bytes()), return_type=str),
    WithJsonSchema(FILE_SCHEMA, mode="validation"),
    WithJsonSchema(TEXT_SCHEMA, mode="serialization"),
]
"""A file that the tool receives as a path, for large uploads that should not be in memory. The file is removed when the
run ends. In the request it has the same forms as `FileBytes`."""


class Plugin:
    """Base class of plugins. Set `name`, `version` and `title`, and mark methods with `@tool`."""

    name: ClassVar[str]
    version: ClassVar[str]
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    fork_safe: ClassVar[bool] = True
    """Whether processes that are forked after `setup()` can run the tools. If not, each process loads the plugin."""
    settings: ClassVar[type[BaseModel] | None] = None
    """A model of what the operator has to set, such as the key of an API as `SecretStr`."""
    config: Any = None
    """The settings as an instance of that model, from `setup()` on. Annotate it in your class: `config: MySettings`."""

    def setup(self) -> None:
        """Called before the first tool runs. Load models here.

        It is called once in a process that never sees an input; the processes that run tools are forked from it. They
        inherit what it has loaded, but no threads, and share open files. A plugin that leaves such things behind, or
        sets `fork_safe = False`, is set up in each process instead.
        """

    @classmethod
    def tools(cls) -> Mapping[str, ToolSpec]:
        """Return the declared tools by name, in the order of their definition. Raise `InvalidDeclaration`, a TypeError,
        with all mistakes."""
        problems, tools = [*_problems_of_class(cls)], dict[str, ToolSpec]()
        methods = {
            name: value for base in reversed(cls.__mro__) for name, value in vars(base).items() if is_tool(value)
        }
        if not methods:
            problems.append(f"plugin {getattr(cls, 'name', '')!r} declares no tool: mark a method with @tool()")
        for name, method in methods.items():
            try:
                tools[name] = tool_spec(name, method)
            except InvalidDeclaration as error:
                problems += error.problems
        if problems:
            raise InvalidDeclaration([f"{problem} [class {cls.__name__}]" for problem in problems])
        return tools

    def run(self, tool: str, input: Mapping[str, Any], context: ToolContext) -> dict[str, Any]:
        """Run a tool on JSON input and return JSON-ready output. Only the ToolRunner calls this.

        Raise `InvalidInput` and `InvalidOutput` if a model rejects the value, and any exception of the tool.
        """
        spec = _tools_of(type(self))[tool]
        try:
            model = spec.input_model.model_validate(input)
        except ValidationError as error:
            problems = _problems_of(error)
            raise _InvalidInput("The input does not fit the tool's schema.", errors=problems) from None
        result = spec.method(self, model, context)
        try:
            return _as_json(spec.output_model.model_validate(result))
        except (ValidationError, ValueError, TypeError, RecursionError) as error:
            raise InvalidOutput(_describe(error)) from None


_tools_read: dict[type[Plugin], Mapping[str, ToolSpec]] = {}


def _tools_of(plugin: type[Plugin]) -> Mapping[str, ToolSpec]:
    """Return the tools. They are read and checked once per process."""
    if plugin not in _tools_read:
        _tools_read[plugin] = plugin.tools()
    return _tools_read[plugin]


def _problems_of_class(plugin: type[Plugin]) -> Iterator[str]:
    """Yield why the framework could not create the class or call its methods."""
    yield from _problems_of_name(plugin)
    where = f"plugin {getattr(plugin, 'name', None)!r}"
    for attribute in ("title", "description"):
        if not isinstance(getattr(plugin, attribute), str):
            yield f"{where}: set {attribute!r} to a string"
    if plugin.settings is not None and not _is_model(plugin.settings):
        yield f"{where}: set 'settings' to a pydantic model"
    if not isinstance(plugin.fork_safe, bool):
        yield f"{where}: set 'fork_safe' to True or False"
    if any("run" in vars(base) for base in plugin.__mro__[: plugin.__mro__.index(Plugin)]):
        yield f"{where}: must not define 'run', which runs the plugin's tools: choose another name"
    if inspect.iscoroutinefunction(plugin.setup):
        yield f"{where}: its setup must not be 'async def': it would never be awaited"
    if plugin.__init__ is not object.__init__:
        try:
            inspect.signature(plugin.__init__).bind(None)
        except TypeError as error:
            yield f"{where}: is created without arguments, which its __init__ does not accept: {error}"


def _is_model(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _problems_of_name(plugin: type[Plugin]) -> Iterator[str]:
    for attribute in ("name", "version"):
        if not isinstance(getattr(plugin, attribute, None), str):
            yield f"plugin class {plugin.__name__}: set {attribute!r} to a string"
    name = getattr(plugin, "name", None)
    if isinstance(name, str) and not NAME.fullmatch(name):
        yield f"plugin {name!r}: a name is lower-case letters, digits and _, at most 64"


def _as_json(output: BaseModel) -> dict[str, Any]:
    """Return the output as JSON-ready data. Raise `InvalidOutput` for NaN and infinite numbers. pydantic leaves them as
    they are in fields of numbers, and writes null for them where a model allows any value."""
    written = output.model_dump(mode="json", by_alias=True)
    if any(one is None or _is_no_number(one) for one in _values(written)):
        values = output.model_dump(by_alias=True)
        if any(map(_is_no_number, _values(values))):
            places = [at for at, leaf in _leaves(values) if _is_no_number(leaf)]
            raise InvalidOutput([problem(at, "is NaN or infinite") for at in places[:MAX_PROBLEMS]])
    return written


_LISTS = (list, tuple, set, frozenset, deque)


def _is_no_number(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _values(value: object) -> Iterator[object]:
    """Yield all values in dicts and lists, in any order: much faster than with their locations."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, (dict, *_LISTS)):
            left += one.values() if isinstance(one, dict) else one
        else:
            yield one


def _leaves(value: object, at: tuple[int | str, ...] = ()) -> Iterator[tuple[tuple[int | str, ...], object]]:
    """Yield all values in dicts and lists with their locations. pydantic bounds the nesting."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*at, str(name)))
    elif isinstance(value, _LISTS):
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*at, number))
    else:
        yield at, value


def _problems_of(error: ValidationError) -> list[Problem]:
    """Return the first problems of a model. pydantic lists all of them or none, so a large number is only counted."""
    if error.error_count() > _MAX_LISTED:
        return [problem((), f"has {error.error_count()} values that are not valid")]
    listed = error.errors(include_url=False, include_context=False, include_input=False)
    return [problem(one["loc"], one["msg"]) for one in listed[:MAX_PROBLEMS]]


def _describe(error: Exception) -> list[Problem]:
    if isinstance(error, ValidationError):
        return _problems_of(error)
    return [problem((), f"the result cannot be written as JSON ({type(error).__name__})")]
