"""Between us and the outside world: every request passes through one place, where it is counted, and may go wrong.

The table's and the bucket's are met where the SDK sends them, so that a write which came to be two is two, and what
the adapters make of a failure is under test; those of the workflow at its port.
"""

import functools
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, cast

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError

from interlock.domain.errors import ServiceUnavailable
from interlock.sandbox.wire.processes import descendants


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


def tap(client: Any, passage: Passage) -> None:
    """Has each request of a botocore client go through the passage, under the name of its operation."""
    endpoint = client._endpoint
    endpoint.http_session = _Tapped(passage, endpoint.http_session)


class _Tapped:
    def __init__(self, passage: Passage, session: Any) -> None:
        self._passage = passage
        self._session = session

    def send(self, request: AWSPreparedRequest) -> Any:
        target = request.headers.get("X-Amz-Target", request.method)
        name = target.decode() if isinstance(target, bytes) else target

        def send() -> Any:
            request.reset_stream()
            return self._session.send(request)

        try:
            return self._passage.call(name.rpartition(".")[2], send)
        except ServiceUnavailable as error:
            raise ConnectionClosedError(endpoint_url=request.url) from error


def _whole(result: Any) -> Any:
    """Read a streamed result as a whole: it is one call like any other."""
    return iter(list(result)) if isinstance(result, Iterator) else result


READS = frozenset({"GetItem", "Query", "GET", "HEAD"})


class Fault(StrEnum):
    """The fault at the n-th call.

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

    def among(self, calls: Iterable[str]) -> list[str]:
        """Those of the calls at which it makes a difference: a read may come twice, or late."""
        alike = READS if self in {Fault.SENT_TWICE, Fault.ARRIVES_LATE} else frozenset()
        return [call for call in calls if call not in alike]


class Faults:
    """Counts calls. The `at`-th of those at which it makes a difference goes wrong in the way of `fault`, and no other;
    0: none does. `calls` are the names of all so far; `after` gets each one that has come back; `late` is the one
    that is still on its way.

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
            here = len(self._fault.among(self.calls)) == self._at and self._fault.among([name])
            fault = self._fault if here else None
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
