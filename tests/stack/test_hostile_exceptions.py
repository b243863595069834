"""A tool that raises fails with that exception. The lengths of its text and name are bounded."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("hostile-exceptions")

type Fails = Callable[..., dict[str, Any]]

MUTE = "(its text could not be read: {})"


@pytest.mark.parametrize(
    ("way", "exception", "message"),
    [
        ("exception", "LookupError", "no such thing"),
        ("base_exception", "Bottom", "all the way down"),
        # The exception does not end the process, so it is no crash.
        ("system_exit", "SystemExit", "3"),
        ("sys_exit", "SystemExit", "enough"),
        ("keyboard_interrupt", "KeyboardInterrupt", ""),
        ("generator_exit", "GeneratorExit", ""),
        ("stop_iteration", "StopIteration", "no more"),
        # The job was not cancelled: the exception is like any other.
        ("cancelled_unasked", "Cancelled", "not that anybody asked"),
        ("group", "ExceptionGroup", "several (2 sub-exceptions)"),
        ("base_group", "BaseExceptionGroup", "worse (2 sub-exceptions)"),
        ("deep_group", "ExceptionGroup", "nested (1 sub-exception)"),
        ("recursion", "RecursionError", "maximum recursion depth exceeded"),
        ("recursion_in_c", "RecursionError", "maximum recursion depth exceeded while getting the repr of an object"),
        ("text_raises", "Mute", MUTE.format("ZeroDivisionError")),
        ("text_exits", "Quitter", MUTE.format("SystemExit")),
        ("text_is_no_text", "Counted", MUTE.format("TypeError")),
        ("text_is_huge", "LookupError", "x" * 2000),
        ("text_is_half_a_pair", "LookupError", "half of a pair: ?"),
        ("text_has_controls", "LookupError", "nul \0 escape \x1b[2J newline \n"),
        ("cause_raises", "Rootless", "without a cause"),
        ("name_raises", "Anonymous", "who"),
        ("name_is_huge", "N" * 200, "what a name"),
        ("limits_taken_away", "N" * 200, "x" * 2000),
    ],
)
def test_an_exception_is_the_plugins_failure(fails: Fails, way: str, exception: str, message: str) -> None:
    error = fails("raising", "go", "plugin_exception", way=way)
    assert error["type"] == "PluginError"
    assert error["details"] == {"exception": exception}
    assert error["message"] == message
    assert error["retryable"] is False


def test_an_exception_with_an_endless_text_times_out(fails: Fails) -> None:
    assert fails("raising", "speaks_for_ever", "timeout")["details"] == {"timeout_s": 1, "limit": "timeout_s"}


def test_a_memory_error_is_the_memory_limit(fails: Fails) -> None:
    # A failed allocation of the tool and its own MemoryError are indistinguishable.
    assert fails("raising", "go", "memory_exceeded", way="memory_error")["details"] == {"memory_mb": 256}


def test_a_refusal_of_the_input_is_kept_within_bounds(fails: Fails) -> None:
    error = fails("raising", "go", "invalid_input", way="huge_refusal")
    assert len(error["message"]) <= 2000
    (problem,) = error["details"]["errors"]
    assert problem["path"].startswith("/ppp")
    assert problem["message"].startswith("mmm")
    assert len(problem["path"]) + len(problem["message"]) <= 2000


def test_malformed_details_of_a_refusal_are_dropped(fails: Fails) -> None:
    error = fails("raising", "go", "invalid_input", way="formless_refusal")
    assert error["message"] == "/way: is formless"
    assert error["details"] == {"errors": []}
