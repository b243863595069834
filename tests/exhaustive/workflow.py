"""A workflow engine that outlives the processes that use it: its executions are rows in a file.

It behaves as Step Functions does for `workflow.asl.yaml`. An execution name is started once: neither a running nor a
finished execution is started again, and a stopped execution runs no further step.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job import Job

WAIT_S = 20
"""The wait of the state `LetLeaseRunOut`, between the failure of RunJob and SettleJob."""

SETTLE_TRIES = 7
"""Attempts of SettleJob."""


class Executions:
    """The port `interlock.ports.Workflow`, with its executions in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.refuses = False
        """Whether starts fail, as if the process had ended before them."""
        with self._open() as rows:
            rows.execute("CREATE TABLE IF NOT EXISTS executions (name TEXT PRIMARY KEY, tenant TEXT, state TEXT)")

    def start(self, job: Job) -> bool:
        if self.refuses:
            raise ServiceUnavailable(service="workflow")
        with self._open() as rows:
            rows.execute("INSERT OR IGNORE INTO executions VALUES (?, ?, 'started')", (job.execution, job.tenant))
            ((state,),) = rows.execute("SELECT state FROM executions WHERE name = ?", (job.execution,))
        return bool(state != "over")

    def stop(self, job: Job, cause: str) -> None:
        self.move(job.execution, "over")

    def move(self, name: str, state: str) -> bool:
        """Change the state of an execution. Return False if it is over, which is final."""
        with self._open() as rows:
            moved = rows.execute("UPDATE executions SET state = ? WHERE name = ? AND state != 'over'", (state, name))
            return moved.rowcount == 1

    def in_state(self, state: str) -> list[tuple[str, str]]:
        """Return the tenants and names of the executions in a state."""
        with self._open() as rows:
            return list(rows.execute("SELECT tenant, name FROM executions WHERE state = ? ORDER BY name", (state,)))

    def going_on(self) -> bool:
        """Return whether any execution is unfinished."""
        return bool(self.in_state("started") or self.in_state("running"))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        rows = sqlite3.connect(self._file, timeout=30)
        rows.execute("PRAGMA synchronous = OFF")  # the file must survive the end of processes, not that of the machine
        try:
            with rows:
                yield rows
        finally:
            rows.close()


class Engine:
    """Runs executions: RunJob and, if that fails by an exception or with its process, the wait and SettleJob.

    With `retries`, a failed RunJob is invoked a second time, as after an error of the Lambda service.
    """

    def __init__(
        self,
        executions: Executions,
        *,
        run_job: Callable[[str, str], object],
        settle_job: Callable[[str, str], object],
        wait: Callable[[float], object],
        retries: bool = False,
    ) -> None:
        self._executions = executions
        self._run_job = run_job
        self._settle_job = settle_job
        self._wait = wait
        self._retries = retries

    def run(self) -> None:
        """Run all started executions, and continue those whose process was killed."""
        for tenant, name in self._executions.in_state("running"):
            self._failed(tenant, name, tried=1)
        for tenant, name in self._executions.in_state("started"):
            self._executions.move(name, "running")
            self._try(tenant, name, tried=0)

    def _try(self, tenant: str, name: str, *, tried: int) -> None:
        try:
            self._run_job(tenant, job_of(name))
        except Exception:
            self._failed(tenant, name, tried=tried + 1)
        else:
            self._executions.move(name, "over")

    def _failed(self, tenant: str, name: str, *, tried: int) -> None:
        if self._retries and tried < 2:
            self._try(tenant, name, tried=tried)
            return
        self._wait(WAIT_S)
        # A stopped execution runs no further step.
        for _ in range(SETTLE_TRIES if self._executions.move(name, "running") else 0):
            try:
                self._settle_job(tenant, job_of(name))
            except Exception:
                continue
            break
        self._executions.move(name, "over")


def job_of(execution: str) -> str:
    """Return the id of the job to which an execution belongs."""
    return execution.partition("-")[0]
