"""The functions of the stack, each with its pool of execution environments."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Protocol

from interlock_dev.lambda_.environments import Environment, InitFailed, Invocation, Launch
from interlock_dev.lambda_.pool import Pool
from interlock_dev.project.template import short_name

ENVIRONMENTS_PER_FUNCTION = 24

IDLE_S, IDLE_CHECK_S = 60.0, 10.0
"""Seconds after which an idle environment is ended, and between two searches for idle ones. AWS waits for minutes."""


class UnknownFunction(Exception):
    """There is no function with this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no function {name!r}. There are: {', '.join(known)}")


class Invoker(Protocol):
    """The interface through which the gateway and the Lambda API invoke functions."""

    def resolve(self, name: str) -> str:
        """Return the logical id for a name or an ARN, with or without a qualifier. Raise `UnknownFunction`."""

    def invoke(self, name: str, payload: bytes, *, wait_s: float | None = None) -> Invocation:
        """Run one event. Raise `UnknownFunction`, `RequestTooLarge` and `Throttled`."""


class Functions:
    """Functions by logical id, by short name (`run_job` for `RunJobFunction`) or by ARN."""

    def __init__(
        self,
        launches: Mapping[str, Launch],
        create: Callable[[Launch], Environment],
        *,
        limit: int = ENVIRONMENTS_PER_FUNCTION,
    ) -> None:
        # More concurrent starts than processors would only slow each other down.
        self._starter = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="environment-start")
        self._pools = {
            name: Pool(partial(create, launch), self._starter, limit=limit) for name, launch in launches.items()
        }
        self._closed = threading.Event()
        threading.Thread(target=self._end_idle, name="idle-environments", daemon=True).start()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._pools)

    def resolve(self, name: str) -> str:
        wanted = name.rpartition(":function:")[2].partition(":")[0]
        for known in self._pools:
            if wanted in {known, short_name(known), short_name(known).replace("_", "-")}:
                return known
        raise UnknownFunction(name, self.names)

    def invoke(self, name: str, payload: bytes, *, wait_s: float | None = None) -> Invocation:
        return self._pools[self.resolve(name)].invoke(payload, wait_s=wait_s)

    def warm(self, names: Iterable[str]) -> dict[str, Future[InitFailed | None]]:
        """Start one environment of each function. Each result is the reason why it did not start, or None."""
        return {name: self._pools[name].warm() for name in names}

    def _end_idle(self) -> None:
        while not self._closed.wait(IDLE_CHECK_S):
            for pool in self._pools.values():
                pool.end_idle(IDLE_S)

    def close(self) -> None:
        self._closed.set()
        with ThreadPoolExecutor(len(self._pools)) as closers:
            list(closers.map(Pool.close, self._pools.values()))
        # An environment that is being started ends itself when its pool is closed.
        self._starter.shutdown(cancel_futures=True)
