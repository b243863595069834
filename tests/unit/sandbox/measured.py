"""Measures coverage in zygotes and workers, which know nothing of the suite: imported ahead when it is measured here.

A zygote saves what it has when it ends. A worker is killed, so it saves when a run begins.
"""

import os

import coverage

STARTED_BY = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_PROCESS")}
"""What coverage.py's `patch = subprocess` has a process start with."""


def save() -> None:
    current = coverage.Coverage.current()
    if current is not None:
        current.save()


if STARTED_BY and coverage.Coverage.current() is None:
    coverage.process_startup()
