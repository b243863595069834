"""Child processes are ended with few signals, and their statuses are returned."""

import os
import subprocess
from collections import Counter
from signal import SIGKILL, SIGSTOP

import pytest

from interlock.sandbox.wire.processes import children, end_children
from tests.process.sandbox.harness import alive, wait_until


def test_end_children_returns_the_statuses_of_those_it_was_asked_for() -> None:
    foreign = children(os.getpid())
    one = subprocess.Popen(["sleep", "60"], start_new_session=True)
    other = subprocess.Popen(["sh", "-c", "exit 3"], start_new_session=True)
    wait_until(lambda: not alive(other.pid), "it has exited")

    statuses = end_children(lambda: {one.pid, other.pid} & children(os.getpid()) - foreign)

    assert {pid: os.waitstatus_to_exitcode(status) for pid, status in statuses.items()} == {one.pid: -9, other.pid: 3}
    one.returncode = other.returncode = 0


def test_each_process_and_each_group_is_killed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal for a group costs as much as one for each of its processes, so hundreds of them would cost a second."""
    foreign = children(os.getpid())
    first = subprocess.Popen(["sleep", "60"], process_group=0)
    started = [first, *(subprocess.Popen(["sleep", "60"], process_group=first.pid) for _ in range(29))]
    sent: Counter[tuple[str, int]] = Counter()

    def count(name: str) -> None:
        send = getattr(os, name)

        def counting(pid: int, number: int) -> None:
            sent[name, number] += 1
            send(pid, number)

        monkeypatch.setattr(os, name, counting)

    count("kill")
    count("killpg")

    statuses = end_children(lambda: children(os.getpid()) - foreign)

    assert set(statuses) == {one.pid for one in started}
    assert sent == {("kill", SIGSTOP): 30, ("kill", SIGKILL): 30, ("killpg", SIGKILL): 1}
    for one in started:
        one.returncode = 0
