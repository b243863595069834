"""The declaration of tools: the `@tool` decorator, and the checks of what it marks."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, Literal, cast, get_type_hints

from msgspec import Struct, field
from pydantic import BaseModel

from interlock.input_requests import Elicitation, InputRequest, Roots, Sampling

MAX_TIMEOUT_S = 870

MIN_MEMORY_MB, MAX_MEMORY_MB = 32, 10_240
"""The minimum allows a tool that does nothing to end: its process needs about 25 MiB, plus the plugin's imports. The
maximum is that of a Lambda function."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""The names of plugins and tools."""

ISOLATIONS = ("tenant", "run")
"""How long the process of a run is used: for later runs of the same tenant, or for this run only."""

_MARK = "__interlock_tool__"


class InvalidDeclaration(TypeError):
    """A plugin's declaration has mistakes. `problems` lists all of them, each with its class and line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class _Mark(Struct, frozen=True):
    """The arguments of `@tool`, and what is wrong with them: reported when the class is known, together with its other
    mistakes."""

    timeout_s: float
    memory_mb: int
    title: str
    network: bool
    isolation: str
    hints: Mapping[str, bool | None]
    task: bool | str
    input_requests: Mapping[str, InputRequest[Any]]
    problems: Sequence[str]


class ToolSpec(Struct, frozen=True):
    """A tool as declared in code. Limits are wall-clock seconds and MiB of resident memory. `network`: whether it may
    open connections. `isolation`: `tenant` or `run`. `task`: `auto`, `always` or `required`. `input_requests`: what is
    requested from MCP clients before a run."""

    name: str
    title: str
    description: str
    timeout_s: float
    memory_mb: int
    network: bool
    isolation: str
    input_model: type[BaseModel]
    output_model: type[BaseModel]
    method: Callable[..., Any]
    read_only: bool | None = None
    idempotent: bool | None = None
    destructive: bool | None = None
    task: str = "auto"
    input_requests: Mapping[str, InputRequest[Any]] = field(default_factory=dict)


def tool[F: Callable[..., Any]](
    *positional: Any,
    timeout_s: float = 20,
    memory_mb: int = 512,
    title: str = "",
    network: bool = False,
    isolation: Literal["tenant", "run"] = "tenant",
    read_only: bool | None = None,
    idempotent: bool | None = None,
    destructive: bool | None = None,
    task: Literal[False, True, "required"] = False,
    input_requests: Mapping[str, InputRequest[Any]] | None = None,
) -> Callable[[F], F]:
    """Declare a method `(self, input: InputModel, context: ToolContext) -> OutputModel` to be a tool.

    `timeout_s`: wall-clock limit of one run in seconds, up to 870. `memory_mb`: limit of its resident memory in MiB,
    from 32 to 10,240. `network`: whether its process may open connections; without it, `socket()` raises
    PermissionError. `isolation`: what a process may serve after this tool has run in it. With `tenant` it serves more
    runs of the same tenant, with `run` none. The first line of the method's docstring is its description.

    For agents: `read_only` (a call changes nothing), `idempotent` (a second call changes nothing more) and
    `destructive` (a call may overwrite or delete) tell them what a call changes. `task=True` makes each call by an MCP
    client that supports tasks a task, as a `timeout_s` over 25 does; `task="required"` refuses other MCP clients.
    `input_requests` are made before the call is accepted, so that no run is spent on them; the tool makes them again
    with `context.request_input`, and gets the responses at once.
    """
    hints = {"read_only": read_only, "idempotent": idempotent, "destructive": destructive}
    problems = [*_problems_of_limits(timeout_s, memory_mb), *_problems_of_options(title, network, isolation),
                *_problems_for_agents(hints, task), *_problems_of_requests(input_requests),
                *_problems_of_use(positional)]  # fmt: skip

    def mark(method: F) -> F:
        setattr(method, _MARK, _Mark(
            timeout_s, memory_mb, title, network, isolation, hints, task, input_requests or {},
            [*problems, *_declared_twice(method, inspect.currentframe())],
        ))  # fmt: skip
        return method

    # `@tool` without parentheses passes the method.
    return mark(positional[0]) if positional and inspect.isfunction(positional[0]) else mark


def _problems_of_use(positional: tuple[object, ...]) -> Iterator[str]:
    if positional:
        yield "write @tool() or @tool(timeout_s=20, memory_mb=512): with parentheses, and each limit by name"


def _problems_of_limits(timeout_s: object, memory_mb: object) -> Iterator[str]:
    """Yield what is wrong with the limits of `@tool`: an author may pass values of any type."""
    # True is an int, but not a valid limit.
    if not isinstance(timeout_s, int | float) or isinstance(timeout_s, bool) or not 0 < timeout_s <= MAX_TIMEOUT_S:
        yield f"@tool(timeout_s={timeout_s!r}): must be a number over 0 and at most {MAX_TIMEOUT_S} seconds"
    if not isinstance(memory_mb, int) or not MIN_MEMORY_MB <= memory_mb <= MAX_MEMORY_MB:
        yield f"@tool(memory_mb={memory_mb!r}): must be a whole number of MiB from {MIN_MEMORY_MB} to {MAX_MEMORY_MB}"


def _problems_of_options(title: object, network: object, isolation: object) -> Iterator[str]:
    if not isinstance(title, str):
        yield f"@tool(title={title!r}): must be text"
    if not isinstance(network, bool):
        yield f"@tool(network={network!r}): must be True or False"
    if isolation not in ISOLATIONS:
        yield f"@tool(isolation={isolation!r}): must be 'tenant' or 'run'"


def _problems_for_agents(hints: Mapping[str, object], task: object) -> Iterator[str]:
    for name, value in hints.items():
        if value is not None and not isinstance(value, bool):
            yield f"@tool({name}={value!r}): must be True, False or None"
    if hints["read_only"] is True and hints["destructive"] is True:
        yield "@tool(read_only=True, destructive=True): a tool that changes nothing cannot be destructive"
    if task not in (False, True, "required"):
        yield f"@tool(task={task!r}): must be True, False or 'required'"


def _problems_of_requests(requests: object) -> Iterator[str]:
    for name, request in requests.items() if isinstance(requests, Mapping) else ():
        if not isinstance(request, Elicitation | Sampling | Roots) or not (
            isinstance(name, str) and name.isidentifier()
        ):
            yield f"@tool(input_requests={{{name!r}: ...}}): must be a name with an Elicitation, Sampling or Roots"
    if requests is not None and not isinstance(requests, Mapping):
        yield "@tool(input_requests=...): must be a dict of names and requests"


def _declared_twice(method: Callable[..., Any], decorator: FrameType | None) -> Iterator[str]:
    """Report a second tool of the same name in a class body, which would silently replace the first. The decorator was
    called from the class body, where the first tool still exists."""
    body = decorator.f_back if decorator else None
    names = body.f_locals if body else {}
    name = getattr(method, "__name__", "")
    if "__qualname__" in names and names.get(name) is not method and hasattr(names.get(name), _MARK):
        yield f"is declared twice in {names['__qualname__']}: rename one of them"


def tool_spec(name: str, method: Callable[..., Any]) -> ToolSpec:
    """Return the declaration of a tool. Raise `InvalidDeclaration` with everything that is wrong with it."""
    mark: _Mark = getattr(method, _MARK, None) or getattr(getattr(method, "__func__", None), _MARK)
    problems = list(mark.problems)
    if not NAME.fullmatch(name):
        problems.append("a tool's name is lower-case letters, digits and _, at most 64")
    models = None
    try:
        _check_kind(method)
        models = _models(method)
    except TypeError as error:
        problems.append(str(error))
    if problems or models is None:
        line = getattr(inspect.unwrap(getattr(method, "__func__", method)), "__code__", None)
        at = f" (line {line.co_firstlineno})" if line else ""
        raise InvalidDeclaration([f"tool {name!r}: {problem}{at}" for problem in problems])
    return ToolSpec(
        name,
        mark.title or name.replace("_", " ").capitalize(),
        (inspect.getdoc(method) or "").partition("\n")[0],
        mark.timeout_s,
        mark.memory_mb,
        mark.network,
        mark.isolation,
        *models,
        method,
        read_only=mark.hints["read_only"],
        idempotent=mark.hints["idempotent"],
        destructive=mark.hints["destructive"],
        task="always" if mark.task is True else mark.task or "auto",
        input_requests=mark.input_requests,
    )


def is_tool(value: object) -> bool:
    """Return whether a value is a tool. A tool below `@staticmethod` counts, so that it is refused and not ignored."""
    return hasattr(value, _MARK) or hasattr(getattr(value, "__func__", None), _MARK)


def _check_kind(method: object) -> None:
    """Refuse async and generator functions. A tool is a plain method whose return value is its result."""
    if isinstance(method, staticmethod | classmethod):
        raise TypeError(f"must be a method (self, input, context), not a {type(method).__name__}")
    if inspect.iscoroutinefunction(method):
        raise TypeError("must not be 'async def': write 'def', with asyncio.run(...) in it")
    if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        raise TypeError("must return its result, not yield")


def _models(method: Callable[..., Any]) -> tuple[type[BaseModel], type[BaseModel]]:
    """Return the models of the input and the result from the method's annotations."""
    parameters = inspect.signature(method).parameters
    if len(parameters) != 3:
        raise TypeError(f"must take (self, input, context), not ({', '.join(parameters)})")
    for parameter in parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            raise TypeError(f"must take (self, input, context) by position, {parameter.name!r} cannot be")
    try:
        hints = get_type_hints(method, include_extras=True)
    except NameError as error:
        raise TypeError(f"an annotation of it cannot be read: {error}") from error
    models = hints.get(list(parameters)[1]), hints.get("return")
    for role, model in zip(("input", "return"), models, strict=True):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"its {role} must be annotated with a pydantic model, not {model!r}")
    return cast("tuple[type[BaseModel], type[BaseModel]]", models)
