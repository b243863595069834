"""How many crash points, orders and races were passed: told at the end of a test run."""

from collections import Counter
from collections.abc import Callable

import pytest

COUNT = "count"

type Report = Callable[[str, str, int], None]
"""Takes what was counted, where, and how many there were."""


def write_counts(terminalreporter: pytest.TerminalReporter) -> None:
    """Writes the counts that tests have reported as a property of that name, of all processes."""
    counts: dict[str, Counter[str]] = {}
    for test in terminalreporter.getreports("passed"):
        for name, value in test.user_properties:
            if name == COUNT:
                what, where, count = value
                counts.setdefault(what, Counter())[where] += count
    for what, by_where in counts.items():
        for where, count in by_where.items():
            terminalreporter.write_line(f"{count:6} {what}: {where}")
        terminalreporter.write_line(f"{by_where.total():6} {what} in all")
