"""Raise every kind of exception."""

import sys
import time
from collections.abc import Callable
from typing import NoReturn, cast

from interlock.plugin import Cancelled, InvalidInput, ToolContext

from .adversary import ENOUGH_S, Adversary, Asked, Said, tool


class Bottom(BaseException):
    """An exception that is not derived from `Exception`."""


class Mute(Exception):
    """An exception without a text."""

    def __str__(self) -> str:
        return str(1 // 0)


class Quitter(Exception):
    def __str__(self) -> str:  # noqa: PLE0307 - it never returns
        sys.exit("no comment")


class Endless(Exception):
    """An exception whose text never ends."""

    def __str__(self) -> str:  # noqa: PLE0307 - it never returns
        while True:
            time.sleep(0.01)


class Counted(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307 - so it is meant


class Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise LookupError("no name")


class Anonymous(Exception, metaclass=Nameless):
    pass


class Formless(InvalidInput):
    """An `InvalidInput` whose details have the wrong type."""

    def __init__(self) -> None:
        super().__init__("/way", "is formless")
        self.details = 5  # type: ignore[assignment]


class Rootless(Exception):
    """An exception whose `__cause__` raises, so that its traceback cannot be formatted."""

    @property
    def __cause__(self) -> NoReturn:  # type: ignore[override]
        raise LookupError("no cause")


def _recurse() -> NoReturn:
    _recurse()


def _recurse_in_c() -> NoReturn:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    raise LookupError(repr(nested))


def _nested_group(depth: int) -> BaseException:
    group: Exception = ValueError("at the bottom")
    for _ in range(depth):
        group = ExceptionGroup("nested", [group])
    return group


def _named(name: str, text: str) -> BaseException:
    return cast("BaseException", type(name, (Exception,), {})(text))


def _unbounded() -> BaseException:
    """Remove the length limit of texts in the worker process."""
    sys.modules["interlock.tools.messages"].MAX_MESSAGE = 10**9  # type: ignore[attr-defined]
    return _named("N" * 3_000_000, "x" * 3_000_000)


WAYS: dict[str, Callable[[], BaseException]] = {
    "exception": lambda: LookupError("no such thing"),
    "base_exception": lambda: Bottom("all the way down"),
    "system_exit": lambda: SystemExit(3),
    "sys_exit": lambda: sys.exit("enough"),
    "keyboard_interrupt": KeyboardInterrupt,
    "generator_exit": GeneratorExit,
    "stop_iteration": lambda: StopIteration("no more"),
    "cancelled_unasked": lambda: Cancelled("not that anybody asked"),
    "group": lambda: ExceptionGroup("several", [ValueError("one"), TypeError("two")]),
    "base_group": lambda: BaseExceptionGroup("worse", [KeyboardInterrupt(), SystemExit(1)]),
    "deep_group": lambda: _nested_group(5_000),
    "recursion": _recurse,
    "recursion_in_c": _recurse_in_c,
    "memory_error": lambda: MemoryError("none left"),
    "text_raises": Mute,
    "text_exits": Quitter,
    "text_is_no_text": Counted,
    "text_is_huge": lambda: LookupError("x" * 10_000_000),
    "text_is_half_a_pair": lambda: LookupError("half of a pair: \ud83d"),
    "text_has_controls": lambda: LookupError("nul \0 escape \x1b[2J newline \n"),
    "cause_raises": lambda: Rootless("without a cause"),
    "name_raises": lambda: Anonymous("who"),
    "name_is_huge": lambda: _named("N" * 1_000_000, "what a name"),
    "huge_refusal": lambda: InvalidInput("/" + "p" * 1_000_000, "m" * 1_000_000),
    "formless_refusal": Formless,
    "limits_taken_away": _unbounded,
}


class Raising(Adversary):
    name, title = "raising", "Raises"

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def go(self, input: Asked, context: ToolContext) -> Said:
        problem = WAYS[input.way]
        raise problem()

    @tool(timeout_s=1, memory_mb=256)
    def speaks_for_ever(self, input: Asked, context: ToolContext) -> Said:
        raise Endless
