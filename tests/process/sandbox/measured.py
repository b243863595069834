"""Measure coverage in zygotes and worker processes, which import this module first if the suite measures coverage.
Otherwise it imports nothing that they do not need.

A zygote saves its data when it ends. A worker process is killed, so it saves when a run begins. A template never saves:
the processes that are forked from it would write to the same file.
"""

import os
from typing import Any

STARTED_BY = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_PROCESS")}
"""The environment variables with which coverage.py's `patch = subprocess` starts to measure a process."""

if STARTED_BY:
    from pathlib import Path

    import coverage

FOLDERS = [str(Path.cwd())] if STARTED_BY else []
"""The folder of the data, which worker processes must be able to write to."""


def save() -> None:
    if STARTED_BY and (current := coverage.Coverage.current()) is not None:
        current.save()


def _unlocked(current: Any) -> None:
    """Prevent a deadlock: coverage.py locks its data at each call, and a stop raised in between would leave the lock
    held."""
    for one in (current._collector, *current._collector.tracers):
        one.lock_data = one.unlock_data = lambda: None


if STARTED_BY and coverage.Coverage.current() is None:
    _unlocked(coverage.process_startup())
