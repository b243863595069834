"""One run of a path with one fault, up to the state at rest, and the violated invariants."""

import contextlib
import json
import os
import select
import signal
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from interlock.domain.job import Job
from interlock.jobs import runner as job_runner
from interlock.sandbox import Sandbox
from tests.exhaustive.backend import Backend
from tests.exhaustive.crash_path import CrashPath
from tests.exhaustive.driver import CALLS, ERROR, LAST_WORDS, Command, Driver
from tests.exhaustive.injection import Fault, Faults
from tests.exhaustive.invariants import violations
from tests.exhaustive.ledger import Event, recorded
from tests.exhaustive.system import LONGER_THAN_LEASES_S, Place, System

PATIENCE_S = 60
"""How long a test waits for what must come, before it fails."""

ROUNDS = 6
"""In how many rounds of workflow and schedule a system is at rest, at the latest."""


@dataclass(frozen=True, slots=True)
class Went:
    """How a run went: the calls on its path (None when its process was killed), the jobs as they are at last, and what
    was violated."""

    calls: list[str] | None
    jobs: list[Job]
    violations: list[str]


class Driven(NamedTuple):
    """The rest of a path: its calls, unless its process was killed, and the call that has not arrived yet."""

    calls: list[str] | None
    late: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Resources that all runs share."""

    backend: Backend
    driver: Driver
    sandbox: Sandbox
    index: Path
    folder: Path

    def run(self, path: CrashPath, fault: Fault, at: int, *, defect: str = "") -> Went:
        """Run a path on its own table with a fault at its `at`-th call. `defect` is planted in its process too."""
        with mock.patch.object(job_runner, "HEARTBEAT_S", path.heartbeat_s):
            return self._run(path, Command(self._new_place(), path.name, fault, at, defect))

    def _run(self, path: CrashPath, command: Command) -> Went:
        place = command.place
        healthy = System(place, self.sandbox, engine_retries=path.engine_retries)
        path.before(healthy)
        calls, late = self._drive(path, command, healthy)
        self._bring_to_rest(healthy)
        if late is not None:
            late()
            self._bring_to_rest(healthy)
        ledger = self.backend.ledger(place.table)
        jobs = [history[-1] for history in ledger.histories.values()]
        return Went(calls, jobs, violations(place, ledger, healthy.answers(), keyed=path.keyed))

    def _drive(self, path: CrashPath, command: Command, healthy: System) -> Driven:
        over = threading.Event()

        def until(condition: Callable[[], bool]) -> None:
            wait_until(lambda: over.is_set() or condition())

        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(path.beside, healthy, until)
            wait_until(lambda: path.ready(healthy))
            try:
                driven = self._in_a_process(command) if command.fault.deadly else self._here(path, command)
            finally:
                over.set()
            path.again(healthy)
            healthy.place.file("rest").touch()
            beside.result(PATIENCE_S)
        return driven

    def _here(self, path: CrashPath, command: Command) -> Driven:
        faults = Faults(command.fault, command.at)
        system = System(command.place, self.sandbox, faults=faults, engine_retries=path.engine_retries)
        faults.after = path.after_call(system)
        path.drive(system)
        return Driven(faults.calls, faults.late)

    def _in_a_process(self, command: Command) -> Driven:
        place = command.place
        others = recorded(place.record)
        ended = self.driver.carry_out(command)
        wait_for_ends(place, recorded(place.record)[len(others) :])
        assert ended in {0, -signal.SIGKILL}, place.file(ERROR).read_text()
        return Driven(json.loads(place.file(CALLS).read_text()) if ended == 0 else None)

    def _bring_to_rest(self, healthy: System) -> None:
        """Lets executions go on, leases run out and the schedule come, until there is nothing left to do. What is left
        after that many rounds shows as a violation."""
        for _ in range(ROUNDS):
            healthy.engine.run()
            if self.backend.ledger(healthy.place.table).at_rest and not healthy.executions.going_on():
                break
            healthy.clock.advance(LONGER_THAN_LEASES_S)
            healthy.core.service.settle_lapsed()

    def _new_place(self) -> Place:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return Place(self.backend.url, self.backend.new_table(folder / "record"), str(self.index), str(folder))


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits for what must come."""
    pause = threading.Event()
    for _ in range(PATIENCE_S * 200):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("what must come did not")


def wait_for_ends(place: Place, events: list[Event]) -> None:
    """Waits until all processes are gone that a killed one has left behind: those below it, and those that have put
    these events on record."""
    last_words = place.file(LAST_WORDS)
    left = {int(pid) for pid in last_words.read_text().split()} if last_words.exists() else set()
    for pid in left | {pid for event in events for pid in (event.pid, event.parent)}:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            ended, _, _ = select.select([descriptor], [], [], PATIENCE_S)
            os.close(descriptor)
            assert ended, f"process {pid} outlived the one that was killed"
