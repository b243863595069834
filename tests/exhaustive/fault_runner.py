"""Run a path with a fault until all jobs have finished, and return the violated invariants."""

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
from interlock.jobs import lease
from interlock.sandbox import Sandbox
from tests.exhaustive.backend import Backend
from tests.exhaustive.crash_path import CrashPath
from tests.exhaustive.driver import CALLS, ERROR, ORPHANS, Command, Driver
from tests.exhaustive.injection import Fault, Faults
from tests.exhaustive.invariants import violations
from tests.exhaustive.ledger import Event, recorded
from tests.exhaustive.system import LONGER_THAN_LEASES_S, SharedState, System

PATIENCE_S = 60
"""Time limit in seconds of each wait."""

ROUNDS = 6
"""Rounds of workflow and schedule within which all jobs must have finished."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """The calls on the path (None if its process was killed), the final jobs, and the violated invariants."""

    calls: list[str] | None
    jobs: list[Job]
    violations: list[str]


class PathCalls(NamedTuple):
    """The calls of a path (None if its process was killed), and a call that takes effect at the end."""

    calls: list[str] | None
    late: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class FaultRunner:
    """Runs paths with faults. The fields are shared by all runs."""

    backend: Backend
    driver: Driver
    sandbox: Sandbox
    index: Path
    folder: Path

    def run(self, path: CrashPath, fault: Fault, at: int, *, defect: str = "") -> RunResult:
        """Run a path on a separate table, with a fault at call number `at` and a `defect` in its process."""
        with mock.patch.multiple(lease, HEARTBEAT_S=path.heartbeat_s, CLAIM_DELAY_S=path.claim_delay_s):
            return self._run(path, Command(self._new_shared_state(), path.name, fault, at, defect))

    def _run(self, path: CrashPath, command: Command) -> RunResult:
        shared = command.shared
        healthy = System(shared, self.sandbox, engine_retries=path.engine_retries, limited=path.limited)
        path.prepare(healthy)
        calls, late = self._drive(path, command, healthy)
        self._finish_all_jobs(path, healthy)
        if late is not None:
            healthy.count_all()
            late()
            self._finish_all_jobs(path, healthy)
        healthy.count_all()
        ledger = self.backend.ledger(shared.table)
        jobs = [history[-1] for history in ledger.histories.values()]
        return RunResult(calls, jobs, violations(shared, ledger, healthy.answers(), keyed=path.keyed))

    def _drive(self, path: CrashPath, command: Command, healthy: System) -> PathCalls:
        over = threading.Event()

        def until(condition: Callable[[], bool]) -> None:
            wait_until(lambda: over.is_set() or condition())

        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(path.run_alongside, healthy, until)
            wait_until(lambda: path.ready(healthy))
            try:
                calls_made = self._in_a_process(command) if command.fault.kills else self._here(path, command)
            finally:
                over.set()
            path.retry(healthy)
            healthy.shared.file("rest").touch()
            beside.result(PATIENCE_S)
        return calls_made

    def _here(self, path: CrashPath, command: Command) -> PathCalls:
        faults = Faults(command.fault, command.at)
        system = System(
            command.shared, self.sandbox, faults=faults, engine_retries=path.engine_retries, limited=path.limited
        )
        faults.after = path.after_call(system)
        path.drive(system)
        return PathCalls(faults.calls, faults.late)

    def _in_a_process(self, command: Command) -> PathCalls:
        shared = command.shared
        others = recorded(shared.record)
        ended = self.driver.execute(command)
        wait_for_ends(shared, recorded(shared.record)[len(others) :])
        assert ended in {0, -signal.SIGKILL}, shared.file(ERROR).read_text()
        return PathCalls(json.loads(shared.file(CALLS).read_text()) if ended == 0 else None)

    def _finish_all_jobs(self, path: CrashPath, healthy: System) -> None:
        """Continue executions, let leases expire and invoke the schedule until all jobs have finished.

        Jobs that are unfinished after `ROUNDS` are reported as violations."""
        for _ in range(ROUNDS):
            healthy.engine.run()
            if self.backend.ledger(healthy.shared.table).all_finished and not healthy.executions.going_on():
                break
            path.meanwhile(healthy)
            healthy.clock.advance(LONGER_THAN_LEASES_S)
            healthy.core.service.settle_lapsed()

    def _new_shared_state(self) -> SharedState:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return SharedState(self.backend.url, self.backend.new_table(folder / "record"), str(self.index), str(folder))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most `PATIENCE_S`."""
    pause = threading.Event()
    for _ in range(PATIENCE_S * 200):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("the condition did not become true in time")


def wait_for_ends(shared: SharedState, events: list[Event]) -> None:
    """Wait until the processes that a killed process has left behind have ended: its descendants, and the processes
    that recorded these events."""
    orphans_file = shared.file(ORPHANS)
    left = {int(pid) for pid in orphans_file.read_text().split()} if orphans_file.exists() else set()
    for pid in left | {pid for event in events for pid in (event.pid, event.parent)}:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            ended, _, _ = select.select([descriptor], [], [], PATIENCE_S)
            os.close(descriptor)
            assert ended, f"process {pid} outlived the one that was killed"
