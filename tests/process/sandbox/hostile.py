"""Behaviors of hostile code, and the endings that they must have."""

from copy import replace
from typing import Any
from unittest.mock import ANY

from interlock.sandbox import Completed, Crashed, Ending, Limits, MemoryExceeded, TimedOut
from interlock.sandbox.worker.child import EXIT_ESCAPED
from tests.process.sandbox.harness import PATIENT, Harness


def completed(payload: str) -> Ending:
    return Completed(pid=ANY, payload=payload.encode())


def exited(code: int, *, while_loading: bool = False) -> Ending:
    return Crashed(pid=ANY, exit_code=code, signal=None, while_loading=while_loading)


def ended_by(number: int) -> Ending:
    return Crashed(pid=ANY, exit_code=None, signal=number, while_loading=False)


ESCAPED = exited(EXIT_ESCAPED)
IN_TIME = TimedOut(pid=ANY, how="stopped", while_loading=False)
BY_FORCE = TimedOut(pid=ANY, how="killed", while_loading=False)
TOO_MUCH = MemoryExceeded(pid=ANY, resident_mb=ANY)
SMALL = replace(PATIENT, memory_mb=200)


ORPHAN = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {child}
    os._exit(0)
os.wait()
"""

type Behavior = tuple[str, Limits, Ending]
"""Source, the limits of its run, and the ending that it must have."""


ISOLATIONS: dict[str, dict[str, Any]] = {
    "tenant": {},
    "run": {"once": True},
    "loaded by each process": {"fork_safe": False},
}
"""Options of runs: their process serves one tenant, one run, or one tenant with code that it has loaded itself."""

FROM_TEMPLATE = ["tenant", "run"]


def assert_contained(harness: Harness, key: str, behavior: Behavior, isolation: str) -> None:
    """Assert that source ends as it must, leaves nothing behind, and does not disturb the next run of the key."""
    source, limits, expected = behavior
    options = ISOLATIONS[isolation]

    ending = harness.run(source, limits, key=key, **options)

    assert ending == expected
    harness.assert_nothing_left()
    assert harness.result("result = 'next'", key=key, **options) == "next"
