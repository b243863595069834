"""Fakes of execution environments and functions."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from interlock_dev.lambda_.environments import InitFailed, Invocation, failure
from interlock_dev.lambda_.functions import UnknownFunction


class FakeEnvironment:
    """An environment that returns its number. The event `{"hold": true}` waits for `release`, `{"crash": true}` breaks
    the environment."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.number = len(fleet.made)
        self.started = self.closed = False
        self.busy = threading.Event()
        self.release = threading.Event()
        fleet.made.append(self)

    def start(self) -> None:
        if self._fleet.starts_fail:
            raise InitFailed(failure("Runtime.ImportModuleError", "No module named 'nothing'"))
        self.started = True

    def invoke(self, payload: bytes) -> Invocation:
        event = json.loads(payload)
        self.busy.set()
        if event.get("hold"):
            assert self.release.wait(10)
        if event.get("crash"):
            return failure("Runtime.ExitError", "exit status 3")
        return Invocation(str(self.number).encode())

    def close(self) -> None:
        self.closed = True
        self.release.set()


class Fleet:
    """All environments that a pool has created."""

    def __init__(self) -> None:
        self.made: list[FakeEnvironment] = []
        self.starts_fail = False

    def create(self) -> FakeEnvironment:
        return FakeEnvironment(self)


class FakeFunctions:
    """Functions as Python callables that take an event and return a document or an `Invocation`."""

    def __init__(self, **functions: Callable[[dict[str, Any]], Any]) -> None:
        self._functions = functions
        self.events: list[tuple[str, dict[str, Any]]] = []

    def resolve(self, name: str) -> str:
        wanted = name.rpartition(":")[2]
        if wanted not in self._functions:
            raise UnknownFunction(name, self._functions)
        return wanted

    def invoke(self, name: str, payload: bytes, *, wait_s: float | None = None) -> Invocation:
        event = json.loads(payload)
        self.events.append((name, event))
        answer = self._functions[self.resolve(name)](event)
        return answer if isinstance(answer, Invocation) else Invocation(json.dumps(answer).encode())
