"""Between the core and its ports: every call passes through one place, where it is counted, and may go wrong."""

import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, cast

from interlock.domain.errors import ServiceUnavailable
from interlock.sandbox.processes import descendants


class Passage(Protocol):
    """Where calls pass through, of all ports together."""

    def call(self, name: str, action: Callable[[], Any]) -> Any:
        """Makes the call `port.method`, or does not."""


def through[Port](passage: Passage, name: str, port: Port) -> Port:
    """The same port, each of its calls through the passage."""
    return cast("Port", _Through(passage, name, port))


class _Through:
    def __init__(self, passage: Passage, name: str, port: Any) -> None:
        self._passage = passage
        self._name = name
        self._port = port

    def __getattr__(self, method: str) -> Callable[..., Any]:
        real = getattr(self._port, method)

        @functools.wraps(real)
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._passage.call(f"{self._name}.{method}", lambda: _whole(real(*args, **kwargs)))

        return call


def _whole(result: Any) -> Any:
    """What comes piece by piece is one call like any other."""
    return iter(list(result)) if isinstance(result, Iterator) else result


class Fault(StrEnum):
    """What happens at the n-th call.

    REFUSED: it fails before anything happened. ANSWER_LOST: it happened, and then failed. SENT_TWICE: it happened
    twice, as when an SDK sends again what had arrived. ARRIVES_LATE: it fails, and happens when all others are at rest.
    KILLED_BEFORE and KILLED_AFTER: the process ends there.
    """

    REFUSED = "refused"
    ANSWER_LOST = "answer lost"
    SENT_TWICE = "sent twice"
    ARRIVES_LATE = "arrives late"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"

    @property
    def deadly(self) -> bool:
        return self in {Fault.KILLED_BEFORE, Fault.KILLED_AFTER}


class Faults:
    """Counts calls. The `at`-th goes wrong in the way of `fault`, and no other; 0: none does. `calls` are their names
    so far; `after` is told each one that has come back; `late` is the one that is still on its way.

    `last_words` is a file for the processes that stay behind when this one is killed: whoever waits for them reads it.
    """

    def __init__(self, fault: Fault = Fault.REFUSED, at: int = 0, *, last_words: Path | None = None) -> None:
        self._fault = fault
        self._at = at
        self._last_words = last_words
        self._lock = threading.Lock()
        self.calls: list[str] = []
        self.late: Callable[[], Any] | None = None
        self.after: Callable[[str], None] = lambda _name: None

    def call(self, name: str, action: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls.append(name)
            fault = self._fault if len(self.calls) == self._at else None
        if fault is Fault.ARRIVES_LATE:
            self.late = action
        if fault in {Fault.REFUSED, Fault.ARRIVES_LATE}:
            raise ServiceUnavailable(service=name)
        if fault is Fault.KILLED_BEFORE:
            self._kill()
        if fault is Fault.SENT_TWICE:
            action()
        result = action()
        if fault is Fault.ANSWER_LOST:
            raise ServiceUnavailable(service=name)
        if fault is Fault.KILLED_AFTER:
            self._kill()
        self.after(name)
        return result

    def _kill(self) -> None:
        if self._last_words is not None:
            self._last_words.write_text(" ".join(map(str, descendants(os.getpid()))))
        os.kill(os.getpid(), signal.SIGKILL)
