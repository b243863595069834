"""Measures coverage in zygotes and workers, which know nothing of the suite: imported ahead when it is measured here.

A zygote saves what it has when it ends. A worker is killed, so it saves when a run begins.
"""

import os
from typing import Any

import coverage

STARTED_BY = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_PROCESS")}
"""The variables with which coverage.py's `patch = subprocess` starts a process."""


def save() -> None:
    current = coverage.Coverage.current()
    if current is not None:
        current.save()


def _unlocked(current: Any) -> None:
    """coverage.py locks its data at each call, in Python. A stop that is raised just then would leave it locked, and
    the worker waiting for itself."""
    for one in (current._collector, *current._collector.tracers):
        one.lock_data = one.unlock_data = lambda: None


if STARTED_BY and coverage.Coverage.current() is None:
    _unlocked(coverage.process_startup())
