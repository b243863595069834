"""A workflow engine that outlives the processes that use it: its executions are rows in a file.

It behaves as Step Functions does for `workflow.asl.yaml`. An execution name is started once: neither a running nor a
finished execution is started again, and a stopped execution runs no further step.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_S = 20
"""The wait of the state `LetLeaseRunOut`, between the failure of RunJob and SettleJob."""

SETTLE_TRIES = 7
"""Attempts of SettleJob."""


class Executions:
    """`interlock.ports.Workflow` on a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._open() as rows:
            rows.execute("CREATE TABLE IF NOT EXISTS executions (name TEXT PRIMARY KEY, tenant TEXT, state TEXT)")

    def start(self, tenant: str, job_id: str) -> bool:
        with self._open() as rows:
            rows.execute("INSERT OR IGNORE INTO executions VALUES (?, ?, 'started')", (job_id, tenant))
            ((state,),) = rows.execute("SELECT state FROM executions WHERE name = ?", (job_id,))
        return bool(state != "over")

    def stop(self, job_id: str, cause: str) -> None:
        self.move(job_id, "over")

    def move(self, job_id: str, state: str) -> bool:
        """Change the state of an execution. Return False if it is over, which is final."""
        with self._open() as rows:
            moved = rows.execute("UPDATE executions SET state = ? WHERE name = ? AND state != 'over'", (state, job_id))
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
        rows.execute("PRAGMA synchronous = OFF")  # it has to outlive processes, not the machine
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
        for tenant, job_id in self._executions.in_state("running"):
            self._failed(tenant, job_id, tried=1)
        for tenant, job_id in self._executions.in_state("started"):
            self._executions.move(job_id, "running")
            self._try(tenant, job_id, tried=0)

    def _try(self, tenant: str, job_id: str, *, tried: int) -> None:
        try:
            self._run_job(tenant, job_id)
        except Exception:
            self._failed(tenant, job_id, tried=tried + 1)
        else:
            self._executions.move(job_id, "over")

    def _failed(self, tenant: str, job_id: str, *, tried: int) -> None:
        if self._retries and tried < 2:
            self._try(tenant, job_id, tried=tried)
            return
        self._wait(WAIT_S)
        # A stopped execution runs no further step.
        for _ in range(SETTLE_TRIES if self._executions.move(job_id, "running") else 0):
            try:
                self._settle_job(tenant, job_id)
            except Exception:
                continue
            break
        self._executions.move(job_id, "over")
