"""An alarm rings once during a run that is still going on, and never after it."""

import math
import time
from pathlib import Path

from interlock.sandbox import Alarm, Completed
from tests.process.sandbox.harness import Harness

WAITS_FOR_FILE = """
import os, time
while not os.path.exists('rung'):
    time.sleep(0.005)
result = 'done'
"""


def test_alarm_rings_once_while_the_code_runs(harness: Harness) -> None:
    harness.pid()
    folders: list[str] = []
    rings: list[float] = []

    def ring() -> None:
        rings.append(time.monotonic())
        Path(folders[0], "rung").touch()

    due_at = time.monotonic() + 0.05
    alarm = Alarm(due_at, ring)
    ending = harness.run(WAITS_FOR_FILE, alarm=alarm, fill=folders.append)
    assert isinstance(ending, Completed)
    assert len(rings) == 1
    assert rings[0] >= due_at
    assert alarm.at == math.inf


def test_alarm_of_a_run_that_ends_before_does_not_ring(harness: Harness) -> None:
    rings: list[int] = []
    alarm = Alarm(time.monotonic() + 3600, lambda: rings.append(1))
    assert isinstance(harness.run("result = 'done'", alarm=alarm), Completed)
    assert rings == []
