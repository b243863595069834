"""The public plugin API: all that a plugin imports of Interlock.

```python
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool


class Echo(Plugin):
    name, version, title = "echo", "1.0.0", "Says it again"

    @tool(timeout_s=5, memory_mb=128)
    def say(self, input: SayInput, context: ToolContext) -> SayOutput:
        return SayOutput(text=input.text)
```

A tool runs in a process of its own, never in the one that talks to the table: it may crash, hang or exit without
harm to anybody else, and it is stopped (SIGTERM as `Cancelled`, 2 s later SIGKILL) on cancel and at its limits.
"""

import base64
import inspect
import logging
import math
import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, ClassVar, Never, Protocol, cast, get_type_hints, runtime_checkable

from pydantic import BaseModel, BeforeValidator, PlainSerializer, ValidationError, WithJsonSchema

from interlock.domain.errors import InvalidInput as _InvalidInput
from interlock.domain.file_formats import FILE_SCHEMA, TEXT_SCHEMA, StoredFile, decode_file
from interlock.domain.problems import MAX_PROBLEMS, Problem, problem, problems_of

__all__ = ["Cancelled", "FileBytes", "FilePath", "InvalidInput", "Plugin", "ToolContext", "tool"]

MAX_TIMEOUT_S = 870

MIN_MEMORY_MB, MAX_MEMORY_MB = 32, 10_240
"""The minimum allows a tool that does nothing to end: its process needs about 25 MiB, plus the plugin's imports. The
maximum is that of a Lambda function."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MARK = "__interlock_tool__"


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
    """A tool returned a value that does not fit its output model. `errors` holds `{"path": JSON Pointer, "message":
    text}` items."""

    def __init__(self, errors: list[Problem]) -> None:
        super().__init__("; ".join(f"{item['path'] or '/'}: {item['message']}" for item in errors))
        self.errors = errors


def _file_content(value: object) -> object:
    """Pass bytes unchanged. pydantic rejects values that are none of the forms of a file."""
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


@runtime_checkable
class ToolContext(Protocol):
    """The context of a running tool: its job, deadline, directory, logger, progress, and a requested cancel."""

    @property
    def job_id(self) -> str:
        """The ULID of the job."""

    @property
    def deadline(self) -> datetime:
        """The latest time at which the tool is stopped (aware, UTC)."""

    @property
    def cancelled(self) -> bool:
        """True once a cancel was requested. A tool that catches `Cancelled` polls this."""

    @property
    def temp_dir(self) -> Path:
        """A directory that belongs to this run and is removed when it ends."""

    @property
    def logger(self) -> logging.Logger:
        """A logger whose lines appear in the job's log."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Report progress: `fraction` from 0 to 1, and `message` for a human (the first 200 characters are kept)."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as declared in code. Limits are wall-clock seconds and MiB of resident memory. `network`: whether it may
    open connections."""

    name: str
    title: str
    description: str
    timeout_s: float
    memory_mb: int
    network: bool
    input_model: type[BaseModel]
    output_model: type[BaseModel]
    method: Callable[..., Any]


def tool[F: Callable[..., Any]](
    *positional: Never, timeout_s: float = 20, memory_mb: int = 512, title: str = "", network: bool = False
) -> Callable[[F], F]:
    """Declares a method `(self, input: InputModel, context: ToolContext) -> OutputModel` to be a tool.

    `timeout_s`: wall-clock limit of one run in seconds, up to 870. `memory_mb`: limit of its resident memory in MiB,
    from 32 to 10,240. `network`: whether its process may open connections; without it, `socket()` raises
    PermissionError. The first line of the method's docstring is its description.
    """
    if positional:
        raise TypeError("write @tool() or @tool(timeout_s=20, memory_mb=512): with parentheses, and each limit by name")
    _check_limits(timeout_s, memory_mb)
    if not isinstance(title, str):
        raise TypeError(f"@tool(title={title!r}): must be text")
    if not isinstance(network, bool):
        raise TypeError(f"@tool(network={network!r}): must be True or False")

    def mark(method: F) -> F:
        frame = inspect.currentframe()
        _refuse_second(method, frame.f_back if frame else None)
        setattr(method, _MARK, (timeout_s, memory_mb, title, network))
        return method

    return mark


def _check_limits(timeout_s: object, memory_mb: object) -> None:
    """Validate a declared limit. Raises TypeError, because an author may pass a value of any type."""
    # True is an int, but not a valid limit.
    if not isinstance(timeout_s, int | float) or isinstance(timeout_s, bool) or not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise TypeError(f"@tool(timeout_s={timeout_s!r}): must be a number over 0 and at most {MAX_TIMEOUT_S} seconds")
    if not isinstance(memory_mb, int) or not MIN_MEMORY_MB <= memory_mb <= MAX_MEMORY_MB:
        raise TypeError(
            f"@tool(memory_mb={memory_mb!r}): must be a whole number of MiB from {MIN_MEMORY_MB} to {MAX_MEMORY_MB}"
        )


def _refuse_second(method: Callable[..., Any], body: FrameType | None) -> None:
    """Refuse a second tool of the same name in a class body, which would silently replace the first. Call it from the
    class body, where the first tool still exists."""
    names = body.f_locals if body else {}
    name = getattr(method, "__name__", "")
    if "__qualname__" in names and names.get(name) is not method and hasattr(names.get(name), _MARK):
        raise TypeError(f"tool {name!r} is declared twice in {names['__qualname__']}: rename one of them")


def _spec(name: str, method: Callable[..., Any]) -> ToolSpec:
    where = f"tool {name!r}"
    if not _NAME.fullmatch(name):
        raise TypeError(f"{where}: a tool's name is lower-case letters, digits and _, at most 64")
    _check_kind(where, method)
    timeout_s, memory_mb, title, network = getattr(method, _MARK)
    input_model, output_model = _models(where, method)
    description = (inspect.getdoc(method) or "").partition("\n")[0]
    return ToolSpec(name, title or name.replace("_", " ").capitalize(), description, timeout_s, memory_mb, network,
                    input_model, output_model, method)  # fmt: skip


def _is_marked(value: object) -> bool:
    """Return whether a value is a tool, also below `@staticmethod`, so that such a method is refused, not ignored."""
    return hasattr(value, _MARK) or hasattr(getattr(value, "__func__", None), _MARK)


def _check_kind(where: str, method: object) -> None:
    """Refuse async and generator functions. A tool is a plain method whose return value is its result."""
    if isinstance(method, staticmethod | classmethod):
        raise TypeError(f"{where}: must be a method (self, input, context), not a {type(method).__name__}")
    if inspect.iscoroutinefunction(method):
        raise TypeError(f"{where}: must not be 'async def': write 'def', with asyncio.run(...) in it")
    if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        raise TypeError(f"{where}: must return its result, not yield")


def _models(where: str, method: Callable[..., Any]) -> tuple[type[BaseModel], type[BaseModel]]:
    """Return the models of the input and the result from the method's annotations."""
    parameters = inspect.signature(method).parameters
    if len(parameters) != 3:
        raise TypeError(f"{where}: must take (self, input, context), not ({', '.join(parameters)})")
    for parameter in parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            raise TypeError(f"{where}: must take (self, input, context) by position, {parameter.name!r} cannot be")
    try:
        hints = get_type_hints(method, include_extras=True)
    except NameError as error:
        raise TypeError(f"{where}: an annotation of it cannot be read: {error}") from error
    models = hints.get(list(parameters)[1]), hints.get("return")
    for role, model in zip(("input", "return"), models, strict=True):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{where}: its {role} must be annotated with a pydantic model, not {model!r}")
    return cast("tuple[type[BaseModel], type[BaseModel]]", models)


class Plugin:
    """Base class of plugins. Set `name`, `version` and `title`, and mark methods with `@tool`."""

    name: ClassVar[str]
    version: ClassVar[str]
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""

    def setup(self) -> None:
        """Called once per process before the first tool runs. Load models here."""

    @classmethod
    def tools(cls) -> Mapping[str, ToolSpec]:
        """The declared tools by name, in the order of their definition. Raises TypeError on a bad declaration."""
        for attribute in ("name", "version"):
            if not isinstance(getattr(cls, attribute, None), str):
                raise TypeError(f"plugin class {cls.__name__}: set {attribute!r} to a string")
        if not _NAME.fullmatch(cls.name):
            raise TypeError(f"plugin {cls.name!r}: a name is lower-case letters, digits and _, at most 64")
        _check_class(cls)
        methods = {
            name: value for base in reversed(cls.__mro__) for name, value in vars(base).items() if _is_marked(value)
        }
        if not methods:
            raise TypeError(f"plugin {cls.name!r} declares no tool: mark a method with @tool()")
        return {name: _spec(name, method) for name, method in methods.items()}

    def run(self, tool: str, input: Mapping[str, Any], context: ToolContext) -> dict[str, Any]:
        """Run a tool on JSON input and return JSON-ready output. Only the ToolRunner calls this.

        Raises `InvalidInput` and `InvalidOutput` if a model rejects the value, and any exception of the tool.
        """
        spec = _tools_of(type(self))[tool]
        try:
            model = spec.input_model.model_validate(input)
        except ValidationError as error:
            problems = problems_of(error.errors())
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


def _check_class(plugin: type[Plugin]) -> None:
    """Check that the methods which the framework calls can be called that way."""
    where = f"plugin {plugin.name!r}"
    for attribute in ("title", "description"):
        if not isinstance(getattr(plugin, attribute), str):
            raise TypeError(f"{where}: set {attribute!r} to a string")
    if any("run" in vars(base) for base in plugin.__mro__[: plugin.__mro__.index(Plugin)]):
        raise TypeError(f"{where}: must not define 'run', which is what runs its tools: give yours another name")
    if inspect.iscoroutinefunction(plugin.setup):
        raise TypeError(f"{where}: its setup must not be 'async def': nobody would await it")
    if plugin.__init__ is object.__init__:
        return
    try:
        inspect.signature(plugin.__init__).bind(None)
    except TypeError as error:
        raise TypeError(f"{where}: is made without arguments, but for its __init__ {error}") from None


def _as_json(output: BaseModel) -> dict[str, Any]:
    """Return the output as JSON-ready data. Raises `InvalidOutput` for numbers that JSON lacks: pydantic would write
    null for them where a model allows any value."""
    written = output.model_dump(mode="json", by_alias=True)
    if any(leaf is None for _, leaf in _leaves(written)):
        places = [at for at, leaf in _leaves(output.model_dump(by_alias=True)) if _is_no_number(leaf)]
        if places:
            raise InvalidOutput([problem(at, "is NaN or infinite") for at in places[:MAX_PROBLEMS]])
    return written


def _is_no_number(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _leaves(value: object, at: tuple[int | str, ...] = ()) -> Iterator[tuple[tuple[int | str, ...], object]]:
    """Yield all values in dicts and lists with their locations. pydantic bounds the nesting."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*at, str(name)))
    elif isinstance(value, list | tuple | set | frozenset | deque):
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*at, number))
    else:
        yield at, value


def _describe(error: Exception) -> list[Problem]:
    if isinstance(error, ValidationError):
        return problems_of(error.errors())
    return [problem((), f"the result cannot be written as JSON ({type(error).__name__})")]
