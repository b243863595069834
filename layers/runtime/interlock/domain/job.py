"""A job, and the steps of its life cycle as pure functions."""

from collections.abc import Iterable, Mapping
from copy import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Self

from msgspec import Struct

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import EMPTY_LOG, Event, EventLog, state_event
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job_status import CLAIMED, FINAL, JobStatus, advance
from interlock.domain.outcome import ClientInput, Outcome, past_deadline
from interlock.domain.stop import Stopped
from interlock.domain.webhook import Webhook

type CancelOutcome = Literal["prevented", Stopped, "too_late"]
"""How the tool was stopped by a cancel. `prevented`: it never started. `too_late`: it ended first."""


class Cancel(Struct, frozen=True):
    requested_at: datetime
    reason: str | None = None
    outcome: CancelOutcome | None = None


class Progress(Struct, frozen=True):
    """The latest progress that a running tool reported: `fraction` from 0 to 1."""

    fraction: float
    message: str
    at: datetime


class Source(StrEnum):
    """The interface that a job was created through: the HTTP API, or the Model Context Protocol."""

    HTTP = "http"
    MCP = "mcp"


class Client(Struct, frozen=True):
    """The program that called, as it names itself. Not verified."""

    name: str
    version: str


class StoredJson(Struct, frozen=True):
    """Stored JSON: inline (`text`) if it is small, or else an object (`key`). `size_bytes` is the size of its text."""

    size_bytes: int
    text: str | None = None
    key: str | None = None


class Job(Struct, frozen=True, kw_only=True):
    """One job. `attempt` counts claims and fences late workers. The lease bounds the worker's time.

    At `deadline_at` the job ends, whatever its status is then. `rerun_of` is the job whose input it has, with changes.

    `batch_id` is the batch that the job is an item of, and `item_key` is the caller's name for the item.

    `source` is stored only if it is not HTTP; None means HTTP. `client` is the program that the caller claims to be.

    `key_id` is the API key that created it. With a `key_limit`, the job occupies a slot of the key from its creation,
    or as an item of a batch from its claim, until it ends.

    `key_hash` and `request_hash` are set if it was created with an idempotency key (`interlock.domain.idempotency`).
    `write_id` is then random: two requests with one key in the same millisecond differ in nothing else.

    `client_input` is set while the job is unfinished, if its tool may request input from the client. `fork_finding` is
    for the counters of the plugin. It is set only if no process can be forked from the plugin.
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
    deadline_at: datetime | None = None
    rerun_of: str | None = None
    batch_id: str | None = None
    item_key: str | None = None
    source: Source | None = None
    client: Client | None = None
    webhook: Webhook | None = None
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
    key_hash: str | None = None
    request_hash: str | None = None
    write_id: str | None = None
    input: StoredJson | None = None
    result: StoredJson | None = None
    client_input: ClientInput | None = None
    fork_finding: ForkFinding | None = None
    events: EventLog = EMPTY_LOG

    @property
    def finished(self) -> bool:
        return self.status in FINAL

    @property
    def parked(self) -> bool:
        """Whether the job waits for its client (`interlock.domain.parking`): it has begun, and has no worker."""
        return self.status in CLAIMED and self.worker_id is None

    @property
    def startable(self) -> bool:
        """Whether a worker may claim the job: for its first attempt, or after the responses of its client."""
        resumes = self.parked and not (self.client_input and self.client_input.outstanding)
        return self.status is JobStatus.PENDING or (self.status is JobStatus.RUNNING and resumes)

    @property
    def execution(self) -> str:
        """The name of the workflow execution of the latest attempt or, for a parked job, of the next attempt."""
        ended = self.attempt - (not self.parked)
        return f"{self.job_id}-{ended}" if ended > 0 else self.job_id

    @property
    def occupies_slot(self) -> bool:
        """Whether the job counts as unfinished for the limit of its API key."""
        return self.key_limit is not None and not self.finished and (self.batch_id is None or self.status in CLAIMED)

    def expired(self, now: datetime) -> bool:
        """Return whether the job may be removed. Its idempotency key is then free."""
        return self.finished and self.expires_at < now

    def held_as(self, held: Self) -> bool:
        """Return whether the worker that holds the job as `held` may continue, whatever else has changed."""
        return self.attempt == held.attempt and self.status in CLAIMED and not self.parked

    def overdue(self, now: datetime) -> bool:
        """Return whether the job's deadline has passed."""
        return self.deadline_at is not None and self.deadline_at <= now

    def lease_ran_out(self, now: datetime) -> bool:
        """Return whether the lease has expired: the owner has sent no heartbeat in time."""
        return self.lease_expires_at is not None and self.lease_expires_at < now


_NOT_LISTED = (
    "lease_expires_at", "worker_id", "key_id", "key_limit", "key_hash", "request_hash", "write_id", "input", "result",
    "client_input", "fork_finding",
)  # fmt: skip
UNLISTED: Mapping[str, Any] = {**dict.fromkeys(_NOT_LISTED), "events": EMPTY_LOG}
"""The fields that a list does not show, with the values that replace them."""


def listed(job: Job) -> Job:
    """Return the job as a list shows it: without input, result, events, lease, worker and API key."""
    return replace(job, **UNLISTED)


def submitted(job: Job, *, input: StoredJson, lease_expires_at: datetime | None) -> Job:
    """Return the submitted job. It must be claimed before its start lease expires. An item of a batch has none: it may
    wait until its deadline."""
    return start_lease_extended(replace(job, input=input), lease_expires_at)


def start_lease_extended(job: Job, lease_expires_at: datetime | None) -> Job:
    """Return the pending job with a new end of its start lease, which is at most its deadline."""
    return replace(job, lease_expires_at=min(filter(None, (lease_expires_at, job.deadline_at)), default=None))


def after_heartbeat(
    job: Job, *, now: datetime, lease_expires_at: datetime, progress: Progress | None, news: Iterable[Event]
) -> Job:
    """Return the job after a heartbeat of its worker."""
    return replace(
        job,
        updated_at=now,
        lease_expires_at=lease_expires_at,
        progress=progress or job.progress,
        events=job.events.adding(news),
    )


def lease_extended(job: Job, lease_expires_at: datetime) -> Job:
    """Return the job with another end of its lease."""
    return replace(job, lease_expires_at=lease_expires_at)


def claimed(job: Job, *, worker_id: str, now: datetime, lease_expires_at: datetime) -> Job:
    """Return the job claimed by a worker for its next attempt."""
    begins = [] if job.parked else [state_event(advance(job.status, JobStatus.RUNNING), now)]
    return replace(
        job,
        status=JobStatus.RUNNING,
        attempt=job.attempt + 1,
        worker_id=worker_id,
        lease_expires_at=lease_expires_at,
        started_at=job.started_at or now,
        updated_at=now,
        events=job.events.adding(begins),
    )


def cancel_requested(job: Job, *, reason: str | None, now: datetime) -> Job:
    """Return the cancelled job if it was pending (`prevented`), or the job that is to be stopped if it was running."""
    if job.status is JobStatus.PENDING:
        cancel = Cancel(now, reason, "prevented")
        error = ErrorInfo(ErrorCode.CANCELLED, "The job was cancelled before it started.")
        return over(job, JobStatus.CANCELLED, now, cancel=cancel, error=error)
    status = advance(job.status, JobStatus.CANCELLING)
    events = job.events.adding([state_event(status, now)])
    # The lease of a parked job expires at once, so that the next reader may end the job.
    ends = now - timedelta(milliseconds=1) if job.parked else job.lease_expires_at
    return replace(job, status=status, cancel=Cancel(now, reason), lease_expires_at=ends, updated_at=now, events=events)


def ended(
    job: Job,
    outcome: Outcome,
    *,
    now: datetime,
    result: StoredJson | None,
    progress: Progress | None,
    news: Iterable[Event] = (),
) -> Job:
    """Return the job with its outcome, and with the last progress and events of its tool.

    If the tool finished before a cancel arrived, the outcome is kept and the cancel was `too_late`.
    """
    cancel = job.cancel
    if cancel is not None:
        stopped = outcome.stopped if outcome.status is JobStatus.CANCELLED else None
        cancel = replace(cancel, outcome=stopped or "too_late")
    return over(
        job,
        outcome.status,
        now,
        news=news,
        cancel=cancel,
        error=outcome.error,
        execution_time_ms=(job.execution_time_ms or 0) + outcome.execution_time_ms,
        fork_finding=outcome.fork_finding,
        result=result,
        progress=progress or job.progress,
    )


def lost(job: Job, *, now: datetime) -> Job:
    """Return the job as failed with `worker_lost`."""
    cancel = job.cancel and replace(job.cancel, outcome="too_late")
    error = ErrorInfo(ErrorCode.WORKER_LOST, "The worker of this job vanished before it could report an outcome.")
    return over(job, JobStatus.FAILED, now, cancel=cancel, error=error)


def refused(job: Job, error: ErrorInfo, *, now: datetime) -> Job:
    """Return the pending job as failed, because its tool cannot be started."""
    return over(job, JobStatus.FAILED, now, error=error)


def overdue(job: Job, *, now: datetime) -> Job:
    """Return a job that has no worker as timed out, because its deadline has passed."""
    error = past_deadline("The deadline of the job passed before its tool could be started.")
    return over(job, JobStatus.TIMED_OUT, now, error=error)


def over(job: Job, status: JobStatus, now: datetime, *, news: Iterable[Event] = (), **changes: Any) -> Job:
    """Return the job in a final status, with other changes."""
    return replace(
        job,
        status=advance(job.status, status),
        completed_at=now,
        updated_at=now,
        worker_id=None,
        lease_expires_at=None,
        client_input=None,
        events=job.events.adding([*news, state_event(status, now)]),
        **changes,
    )
