"""Fault injection: all calls to the table, the bucket and the workflow are intercepted, counted, and may fail.

Requests to the table and the bucket are intercepted where the SDK sends them, so that the adapters' retries and error
handling are tested too. Calls of the workflow are intercepted at its port.
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


class CallInterceptor(Protocol):
    """Called instead of each call of the intercepted ports."""

    def call(self, name: str, action: Callable[[], Any]) -> Any:
        """Make the call `name`, such as `store.get`, or fail."""


def intercepted[Port](interceptor: CallInterceptor, name: str, port: Port) -> Port:
    """Return the port with all calls intercepted."""
    return cast("Port", _InterceptedPort(interceptor, name, port))


class _InterceptedPort:
    def __init__(self, interceptor: CallInterceptor, name: str, port: Any) -> None:
        self._interceptor = interceptor
        self._name = name
        self._port = port

    def __getattr__(self, method: str) -> Callable[..., Any]:
        real = getattr(self._port, method)

        @functools.wraps(real)
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._interceptor.call(f"{self._name}.{method}", lambda: _whole(real(*args, **kwargs)))

        return call


def intercept_requests(client: Any, interceptor: CallInterceptor) -> None:
    """Intercept all requests of a botocore client, under the names of their operations."""
    endpoint = client._endpoint
    endpoint.http_session = _InterceptedSession(interceptor, endpoint.http_session)


class _InterceptedSession:
    def __init__(self, interceptor: CallInterceptor, session: Any) -> None:
        self._interceptor = interceptor
        self._session = session

    def send(self, request: AWSPreparedRequest) -> Any:
        target = request.headers.get("X-Amz-Target", request.method)
        name = target.decode() if isinstance(target, bytes) else target

        def send() -> Any:
            request.reset_stream()
            return self._session.send(request)

        try:
            return self._interceptor.call(name.rpartition(".")[2], send)
        except ServiceUnavailable as error:
            raise ConnectionClosedError(endpoint_url=request.url) from error


def _whole(result: Any) -> Any:
    """Read a streamed result as a whole: it is one call like any other."""
    return iter(list(result)) if isinstance(result, Iterator) else result


READS = frozenset({"GetItem", "Query", "GET", "HEAD"})


class Fault(StrEnum):
    """The fault at the n-th call.

    REFUSED: the call fails without effect. ANSWER_LOST: it takes effect, and its response is lost. SENT_TWICE: it takes
    effect twice, as after a retry by the SDK of a request that had arrived. ARRIVES_LATE: it fails, and takes effect
    after all jobs have finished. KILLED_BEFORE and KILLED_AFTER: the process is killed before or after the call.
    """

    REFUSED = "refused"
    ANSWER_LOST = "answer lost"
    SENT_TWICE = "sent twice"
    ARRIVES_LATE = "arrives late"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"

    @property
    def kills(self) -> bool:
        return self in {Fault.KILLED_BEFORE, Fault.KILLED_AFTER}

    def affected(self, calls: Iterable[str]) -> list[str]:
        """Return the calls at which the fault makes a difference: repeated or late reads make none."""
        alike = READS if self in {Fault.SENT_TWICE, Fault.ARRIVES_LATE} else frozenset()
        return [call for call in calls if call not in alike]


class Faults:
    """A `CallInterceptor` that counts calls and injects `fault` into the `at`-th affected call; 0 injects none.

    `calls` are the names of all calls so far, `after` is called after each call, and `late` is the call that takes
    effect at the end. Before this process is killed, it writes the ids of its descendants to `orphans_file`.
    """

    def __init__(self, fault: Fault = Fault.REFUSED, at: int = 0, *, orphans_file: Path | None = None) -> None:
        self._fault = fault
        self._at = at
        self._orphans_file = orphans_file
        self._lock = threading.Lock()
        self.calls: list[str] = []
        self.late: Callable[[], Any] | None = None
        self.after: Callable[[str], None] = lambda _name: None

    def call(self, name: str, action: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls.append(name)
            here = len(self._fault.affected(self.calls)) == self._at and self._fault.affected([name])
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
        if self._orphans_file is not None:
            self._orphans_file.write_text(" ".join(map(str, descendants(os.getpid()))))
        os.kill(os.getpid(), signal.SIGKILL)
