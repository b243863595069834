"""Run a function in forked processes, a few at a time, each in a session of its own and with a time limit.

Each process may import hostile code, so it is killed in the end, with its process group.
"""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import IO

from msgspec import Struct

AT_ONCE = 4
POLL_S = 0.005
"""Pause between checks of the processes: Python has no portable way to wait for them with a time limit."""


class Ended(Struct, frozen=True):
    """How a process has ended, and what it has written."""

    text: str
    exit_code: int | None
    """Negative for a signal; `None` if it was ended at the limit."""


class _Child(Struct, frozen=True):
    number: int
    pid: int
    answer: IO[bytes]
    limit: float

    def ended(self) -> Ended | None:
        """Return how the process has ended, and end what it has started; `None` while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid and time.monotonic() < self.limit:
            return None
        self.kill()
        if not pid:
            os.waitpid(self.pid, 0)
        with self.answer:
            self.answer.seek(0)
            text = self.answer.read().decode(errors="replace")
        return Ended(text, os.waitstatus_to_exitcode(status) if pid else None)

    def kill(self) -> None:
        for kill in (os.kill, os.killpg):  # the child may not have started its session yet
            with contextlib.suppress(ProcessLookupError):
                kill(self.pid, signal.SIGKILL)


def run_each[T](call: Callable[[T, int], None], items: Sequence[T], limit_s: float) -> list[Ended]:
    """Call the function with each item and the descriptor of a file for its answer, in a process for each.

    The calling process must have one thread and few open files.
    """
    waiting = list(enumerate(items))[::-1]
    running: list[_Child] = []
    found: dict[int, Ended] = {}
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                number, item = waiting.pop()
                running.append(_start(call, number, item, limit_s))
            for child in list(running):
                if ended := child.ended():
                    found[child.number] = ended
                    running.remove(child)
            time.sleep(POLL_S)
    finally:
        for child in running:
            child.kill()
    return [found[number] for number in range(len(items))]


def _start[T](call: Callable[[T, int], None], number: int, item: T, limit_s: float) -> _Child:
    answer = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setsid()
            _close_all_but(answer.fileno())
            call(item, answer.fileno())
        finally:
            os._exit(0)
    return _Child(number, pid, answer, time.monotonic() + limit_s)


def _close_all_but(descriptor: int) -> None:
    """Close all files but the standard ones and this one: the others belong to the answers of other processes."""
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, descriptor + 1000)
