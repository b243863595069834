"""The counters of tools, as a fold over the changes of jobs."""

from copy import replace
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job_status import CLAIMED, FINAL, JobStatus
from interlock.domain.lifecycle import verdict
from interlock.domain.metrics import ExecutionMetrics, bucket_of


class JobState(Protocol):
    """The fields of a job that the counters depend on."""

    @property
    def job_id(self) -> str: ...
    @property
    def plugin(self) -> str: ...
    @property
    def tool(self) -> str: ...
    @property
    def status(self) -> JobStatus: ...
    @property
    def worker_id(self) -> str | None: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def execution_time_ms(self) -> float | None: ...
    @property
    def error(self) -> ErrorInfo | None: ...
    @property
    def fork_finding(self) -> ForkFinding | None: ...
    @property
    def tenant(self) -> str: ...
    @property
    def batch_id(self) -> str | None: ...


class JobSnapshot(Struct, frozen=True, kw_only=True):
    """A `JobState` on its own, without the rest of the job."""

    tenant: str
    job_id: str
    plugin: str
    tool: str
    status: JobStatus
    updated_at: datetime
    batch_id: str | None = None
    worker_id: str | None = None
    execution_time_ms: float | None = None
    error: ErrorInfo | None = None
    fork_finding: ForkFinding | None = None


def delta(old: JobState | None, new: JobState) -> ExecutionMetrics | None:
    """Return what a change of a job adds to the counters of its tool, None if it adds nothing.

    `old` is the job before the change. It is ignored if it was another job: a job that has expired may be replaced.
    """
    if old is not None and old.job_id != new.job_id:
        old = None
    in_flight = _runs(new) - (old is not None and _runs(old))
    ends = new.status in FINAL and not (old is not None and old.status in FINAL)
    if not ends:
        return ExecutionMetrics(in_flight=in_flight, as_of=new.updated_at) if in_flight else None
    ended = ExecutionMetrics(
        succeeded=int(new.status is JobStatus.SUCCEEDED),
        failed=int(new.status is JobStatus.FAILED),
        timed_out=int(new.status is JobStatus.TIMED_OUT),
        cancelled=int(new.status is JobStatus.CANCELLED),
        in_flight=in_flight,
        as_of=new.updated_at,
    )
    elapsed_ms = new.execution_time_ms
    if elapsed_ms is None:
        return ended
    state = verdict(new.error)
    return replace(
        ended,
        executed=1,
        total_ms=elapsed_ms,
        buckets={bucket_of(elapsed_ms): 1},
        last_ms=elapsed_ms,
        last_used=new.updated_at,
        lifecycle=state,
        lifecycle_at=new.updated_at if state else None,
        reason=_unavailable_reason(new.error),
        fork_finding=new.fork_finding,
        fork_finding_at=new.updated_at if new.fork_finding else None,
    )


def _runs(job: JobState) -> bool:
    """Return whether a worker runs the job. A parked job has none."""
    return job.status in CLAIMED and job.worker_id is not None


def _unavailable_reason(error: ErrorInfo | None) -> str | None:
    return str(error.details["reason"]) if error and error.code is ErrorCode.PLUGIN_UNAVAILABLE else None
