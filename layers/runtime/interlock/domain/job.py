"""A job, and the steps of its life as pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import EMPTY_LOG, Event, EventLog, state_event
from interlock.domain.job_status import CLAIMED, FINAL, JobStatus, advance
from interlock.domain.outcome import Outcome


class CancelOutcome(StrEnum):
    """What a cancel came to. PREVENTED: never started. STOPPED: yielded to SIGTERM. KILLED: needed SIGKILL.
    TOO_LATE: the tool finished first."""

    PREVENTED = "prevented"
    STOPPED = "stopped"
    KILLED = "killed"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class Cancel:
    requested_at: datetime
    reason: str | None = None
    outcome: CancelOutcome | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running tool says it is: `fraction` from 0 to 1."""

    fraction: float
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredJson:
    """JSON text: small ones inline (`text`), others under an object `key`. `size_bytes` is that of the text."""

    size_bytes: int
    text: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job. `attempt` counts claims and fences late workers; the lease is who may finish it, and until when.

    `key_id` is the key that made it. With a `key_limit` it counts, until it has finished, as one of the jobs that this
    key may have at a time.
    """

    tenant: str
    job_id: str
    plugin: str
    tool: str
    plugin_version: str
    timeout_s: float
    status: JobStatus
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    lease_expires_at: datetime | None = None
    attempt: int = 0
    worker_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    execution_time_ms: float | None = None
    progress: Progress | None = None
    cancel: Cancel | None = None
    error: ErrorInfo | None = None
    key_id: str | None = None
    key_limit: int | None = None
    input: StoredJson | None = None
    result: StoredJson | None = None
    events: EventLog = EMPTY_LOG

    @property
    def finished(self) -> bool:
        return self.status in FINAL

    def held_as(self, held: Self) -> bool:
        """Whether the attempt that a worker holds goes on, whatever else came to the job."""
        return self.attempt == held.attempt and self.status in CLAIMED

    def lease_ran_out(self, now: datetime) -> bool:
        """True when nobody who holds the job has been heard of in time."""
        return self.lease_expires_at is not None and self.lease_expires_at < now


def submitted(job: Job, *, input: StoredJson, lease_expires_at: datetime) -> Job:
    """The job as it waits for its execution: the lease says until when, before somebody looks after it."""
    return replace(job, input=input, lease_expires_at=lease_expires_at)


def after_heartbeat(
    job: Job, *, now: datetime, lease_expires_at: datetime, progress: Progress | None, news: Iterable[Event]
) -> Job:
    """The job after a heartbeat of its worker."""
    return replace(
        job,
        updated_at=now,
        lease_expires_at=lease_expires_at,
        progress=progress or job.progress,
        events=job.events.adding(news),
    )


def lease_extended(job: Job, lease_expires_at: datetime) -> Job:
    """The same job with a later end of its lease."""
    return replace(job, lease_expires_at=lease_expires_at)


def claimed(job: Job, *, worker_id: str, now: datetime, lease_expires_at: datetime) -> Job:
    """The job as taken by a worker for its next attempt."""
    return replace(
        job,
        status=advance(job.status, JobStatus.RUNNING),
        attempt=job.attempt + 1,
        worker_id=worker_id,
        lease_expires_at=lease_expires_at,
        started_at=now,
        updated_at=now,
        events=job.events.adding([state_event(JobStatus.RUNNING, now)]),
    )


def cancel_requested(job: Job, *, reason: str | None, now: datetime) -> Job:
    """A pending job is over at once, prevented; a running one is asked to stop."""
    if job.status is JobStatus.PENDING:
        cancel = Cancel(now, reason, CancelOutcome.PREVENTED)
        error = ErrorInfo(ErrorCode.CANCELLED, "The job was cancelled before it started.")
        return _over(job, JobStatus.CANCELLED, now, cancel=cancel, error=error)
    status = advance(job.status, JobStatus.CANCELLING)
    events = job.events.adding([state_event(status, now)])
    return replace(job, status=status, cancel=Cancel(now, reason), updated_at=now, events=events)


def ended(
    job: Job,
    outcome: Outcome,
    *,
    now: datetime,
    result: StoredJson | None,
    progress: Progress | None,
    news: Iterable[Event] = (),
) -> Job:
    """The job with its outcome, and with what its tool said last. A tool that finished before its cancel arrived ends
    as it ended, `too_late`."""
    cancel = job.cancel
    if cancel is not None:
        stopped = outcome.stopped if outcome.status is JobStatus.CANCELLED else None
        how = CancelOutcome(stopped) if stopped else CancelOutcome.TOO_LATE
        cancel = replace(cancel, outcome=how)
    job = replace(
        job,
        execution_time_ms=outcome.execution_time_ms,
        result=result,
        progress=progress or job.progress,
        events=job.events.adding(news),
    )
    return _over(job, outcome.status, now, cancel=cancel, error=outcome.error)


def lost(job: Job, *, now: datetime) -> Job:
    """The job whose worker is gone: `failed`, code `worker_lost`."""
    cancel = job.cancel and replace(job.cancel, outcome=CancelOutcome.TOO_LATE)
    error = ErrorInfo(ErrorCode.WORKER_LOST, "The worker of this job vanished before it could tell how it ended.")
    return _over(job, JobStatus.FAILED, now, cancel=cancel, error=error)


def _over(job: Job, status: JobStatus, now: datetime, *, cancel: Cancel | None, error: ErrorInfo | None) -> Job:
    return replace(
        job,
        status=advance(job.status, status),
        cancel=cancel,
        error=error,
        completed_at=now,
        updated_at=now,
        worker_id=None,
        lease_expires_at=None,
        events=job.events.adding([state_event(status, now)]),
    )
