"""Report how many crash points, orders and races a test run has passed."""

from collections import Counter
from collections.abc import Callable

import pytest

COUNT = "count"

LEAST = {"crash points": 3523, "orders": 9322, "races": 5400}
"""The minimum numbers of a run in full volume (`--require-counts`), without DynamoDB Local."""

type Report = Callable[[str, str, int], None]
"""Called with the kind of the count (such as `races`), its place, and the number."""


def counted(terminalreporter: pytest.TerminalReporter) -> dict[str, Counter[str]]:
    """Return the numbers that passed tests of all processes have reported, by kind and place."""
    counts: dict[str, Counter[str]] = {}
    for test in terminalreporter.getreports("passed"):
        for name, value in test.user_properties:
            if name == COUNT:
                what, where, count = value
                counts.setdefault(what, Counter())[where] += count
    return counts


def write_counts(terminalreporter: pytest.TerminalReporter) -> None:
    for what, by_where in counted(terminalreporter).items():
        for where, count in by_where.items():
            terminalreporter.write_line(f"{count:6} {what}: {where}")
        terminalreporter.write_line(f"{by_where.total():6} {what} in all")


def missing_counts(terminalreporter: pytest.TerminalReporter) -> list[str]:
    """Return a message for each kind with a smaller number than `LEAST` requires."""
    counts = counted(terminalreporter)
    found = {what: counts.get(what, Counter[str]()).total() for what in LEAST}
    return [
        f"{found[what]} {what}, but at least {least} are required"
        for what, least in LEAST.items()
        if found[what] < least
    ]
