"""The execution environments of a function: as many as its load requires, up to a limit."""

import contextlib
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

from interlock_dev.lambda_.environments import Environment, InitFailed, Invocation

MAX_REQUEST_BYTES = 6 * 1024 * 1024
MAX_RESPONSE_BYTES = MAX_REQUEST_BYTES + 100
"""Lambda's quotas for a synchronous invocation. The emulator truncates a larger request silently."""

STALL_S = 0.2
"""A pool with waiting requests grows by one environment if no request ended, and no start began, for this long."""

LONGEST_STALL_S = 1.0
"""The stall time grows with the duration of requests, up to this limit: all are long on a busy machine, and each start
adds load."""

CROWD = 2 * (os.cpu_count() or 1)
CROWDED_STALL_S = 0.6
"""A pool of `CROWD` or more environments grows after this stall time at the earliest. Under load, stalls of a few
tenths of a second are frequent, and each would add an environment that then stays in use; requests that hang stall
longer."""

START_S = 2.0
"""Typical time of a start on busy processors. An environment is started for requests that would wait longer."""

_BUSY_PROCESSORS = 4 * (os.cpu_count() or 1)
"""With more environments than this, requests wait for processors, and more environments are started only when requests
hang."""


class RequestTooLarge(Exception):
    """The event is over Lambda's limit: 413 `RequestTooLargeException` on AWS."""

    def __init__(self) -> None:
        super().__init__(f"Request must be smaller than {MAX_REQUEST_BYTES} bytes for the InvokeFunction operation")


def check_size(payload: bytes) -> None:
    """Raise `RequestTooLarge` for an event over the limit."""
    if len(payload) > MAX_REQUEST_BYTES:
        raise RequestTooLarge


class Throttled(Exception):
    """No environment became free in time: 429 `TooManyRequestsException` on AWS."""

    def __init__(self) -> None:
        super().__init__("Rate Exceeded.")


class Pool:
    """A pool that gives each request the environment used last, or the first that becomes free or has started.

    `end_idle` ends environments that are left idle after a burst.

    A start takes most of a second of processor time, so a few environments serve a burst of short requests sooner than
    many. Environments that crashed or timed out are not used again. A failed start is the response to one waiting
    request. `starter` starts environments, as many concurrently as it has threads.
    """

    def __init__(self, create: Callable[[], Environment], starter: ThreadPoolExecutor, *, limit: int) -> None:
        self._create = create
        self._limit = limit
        self._lock = threading.Lock()
        self._idle: list[Environment] = []
        self._idle_since: dict[Environment, float] = {}
        self._all: set[Environment] = set()
        self._waiting: deque[Future[Environment]] = deque()
        self._starting = 0  # includes those that wait for the starter
        self._loading = 0
        self._changed_at = 0.0
        self._run_s = 0.0
        self._closed = False
        self._starter = starter

    def invoke(self, payload: bytes, *, wait_s: float | None = None) -> Invocation:
        """Run one event (JSON). `wait_s` limits the wait for an environment, not the run.

        Raise `RequestTooLarge` and `Throttled`. Function errors are in the returned `Invocation`.
        """
        check_size(payload)
        try:
            environment = self._acquire(wait_s)
        except InitFailed as failed:
            return failed.invocation
        began = time.monotonic()
        invocation = environment.invoke(payload)
        self._run_s += 0.3 * (time.monotonic() - began - self._run_s)
        self._release(environment, broken=invocation.broken)
        return invocation

    def warm(self) -> Future[InitFailed | None]:
        """Start one environment before the first request. The result is the reason why it did not start, or None."""
        with self._lock:
            return self._begin(ahead=True)

    def end_idle(self, longer_than_s: float) -> None:
        """End the environments that have been idle for longer, but keep one."""
        with self._lock:
            before = time.monotonic() - longer_than_s
            # The environment used last is at the end of the list, and is kept if no other one would remain.
            candidates = self._idle if len(self._all) > len(self._idle) else self._idle[:-1]
            ended = [one for one in candidates if self._idle_since[one] <= before]
            self._idle = [one for one in self._idle if one not in ended]
        for environment in ended:
            self._discard(environment)

    def close(self) -> None:
        """End all environments, also busy ones, whose requests fail."""
        with self._lock:
            self._closed = True
            waiting, everything = list(self._waiting), list(self._all)
            self._waiting.clear()
        for future in waiting:
            future.cancel()
        with ThreadPoolExecutor(8) as closers:
            list(closers.map(self._discard, everything))

    def _acquire(self, wait_s: float | None) -> Environment:
        with self._lock:
            if self._closed:
                raise Throttled
            if self._idle:
                return self._idle.pop()
            future: Future[Environment] = Future()
            self._waiting.append(future)
            self._grow()
        until = time.monotonic() + (math.inf if wait_s is None else wait_s)
        while True:
            try:
                return future.result(min(STALL_S, max(0, until - time.monotonic())))
            except CancelledError:
                raise Throttled from None
            except TimeoutError:
                self._waited(future, over=time.monotonic() >= until)

    def _waited(self, future: Future[Environment], *, over: bool) -> None:
        """Grow the pool for a request that has waited. Raise `Throttled` if its time is over."""
        with self._lock:
            if future.done():
                # It has just received an environment.
                return
            if over:
                self._waiting.remove(future)
                raise Throttled
            self._grow()

    def _release(self, environment: Environment, *, broken: bool = False) -> None:
        with self._lock:
            self._changed_at = time.monotonic()
            usable = not (broken or self._closed)
            if usable:
                self._give(environment)
        if not usable:
            self._discard(environment)
            with self._lock:
                # Keep one warm, so that the request after a crash need not wait for a start.
                if not (self._all or self._closed):
                    self._begin(ahead=True)

    def _give(self, environment: Environment) -> None:
        if self._waiting:
            self._waiting.popleft().set_result(environment)
        else:
            self._idle.append(environment)
            self._idle_since[environment] = time.monotonic()

    def _grow(self) -> None:
        size, waiting = len(self._all), len(self._waiting)
        if self._closed or self._starting >= waiting or size >= self._limit:
            return
        shortest_s = STALL_S if size < CROWD else CROWDED_STALL_S
        stalled = time.monotonic() - self._changed_at >= max(shortest_s, min(3 * self._run_s, LONGEST_STALL_S))
        long_queue = waiting * self._run_s / max(1, size) > START_S and size < _BUSY_PROCESSORS
        if stalled or long_queue or not size:
            self._begin()

    def _begin(self, *, ahead: bool = False) -> Future[InitFailed | None]:
        environment = self._create()
        self._all.add(environment)
        self._starting += 1
        self._changed_at = time.monotonic()
        return self._starter.submit(self._start, environment, ahead=ahead)

    def _start(self, environment: Environment, *, ahead: bool) -> InitFailed | None:
        with self._lock:
            # The waiting requests may have been served by other environments.
            if not ahead and self._loading >= len(self._waiting):
                self._starting -= 1
                self._all.discard(environment)
                return None
            self._loading += 1
        try:
            environment.start()
        except InitFailed as failed:
            self._discard(environment)
            with self._lock:
                self._started()
                if self._waiting:
                    self._waiting.popleft().set_exception(failed)
                self._grow()
            return failed
        with self._lock:
            self._started()
        self._release(environment)
        return None

    def _started(self) -> None:
        self._starting -= 1
        self._loading -= 1

    def _discard(self, environment: Environment) -> None:
        with self._lock:
            self._all.discard(environment)
            self._idle_since.pop(environment, None)
        with contextlib.suppress(OSError):
            environment.close()
