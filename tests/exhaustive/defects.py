"""Mistakes that a change could make in the product, each with where it shows: the proof that the checks can fail."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from interlock.adapters.dynamo import jobs as dynamo_jobs
from interlock.adapters.dynamo.counters import counters_update
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain import job as jobs
from interlock.domain.counters import ending_delta, starting_delta
from interlock.domain.errors import ErrorCode, ErrorInfo, ServiceUnavailable
from interlock.domain.events import EventLog
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Cancel, CancelOutcome, Job
from interlock.domain.job_status import JobStatus
from interlock.domain.metrics import MetricsDelta
from interlock.domain.outcome import Outcome
from interlock.jobs.runner import Finished, JobRunner, Lease
from interlock.jobs.service import START_LEASE, JobService
from interlock.ports import StaleJob
from tests.exhaustive.cancel_paths import CancelledStubbornWorker, CancelRunning
from tests.exhaustive.crash_path import CrashPath
from tests.exhaustive.injection import Fault
from tests.exhaustive.paths import (
    Asynchronous,
    AsynchronousRetried,
    SettledBySchedule,
    Synchronous,
    SynchronousKeyed,
    SynchronousLong,
)

type Plant = Callable[[object, str, Any], None]
"""Sets an attribute, as `setattr` does."""

type Defect = Callable[[Plant], None]


def write_counters_apart(plant: Plant) -> None:
    """A job and its counters are two writes."""

    def transact(self: DynamoJobs, write: dict[str, Any], delta: MetricsDelta | None, *_: Any, **__: Any) -> None:
        [(kind, arguments)] = write.items()
        self._conditional(getattr(self._client, f"{kind.lower()}_item"), arguments)
        assert delta is not None
        self._client.transact_write_items(TransactItems=[{"Update": counters_update(self._table, delta, 0)}])  # type: ignore[typeddict-item]

    plant(DynamoJobs, "_transact", transact)


def write_claims_apart(plant: Plant) -> None:
    """A job and its idempotency key are two writes."""
    whole = DynamoJobs.create

    def create(
        self: DynamoJobs, job: Job, started: MetricsDelta | None = None, record: IdempotencyRecord | None = None
    ) -> None:
        whole(self, job, started)
        if record is not None:
            self._client.put_item(**self._idempotency_put(record, job.created_at))

    plant(DynamoJobs, "create", create)


def overwrite_ends(plant: Plant) -> None:
    """A write of a job has no condition but that it is there."""
    _drop(plant, "SAME_STATUS_AND_ATTEMPT")


def revive_by_heartbeat(plant: Plant) -> None:
    """A heartbeat has no condition but that the job is there."""
    _drop(plant, "STILL_MINE")


def _drop(plant: Plant, condition: str) -> None:
    """Also that the lease is the same and that no event was added meanwhile, either of which alone would do."""
    for one in (condition, "SAME_LEASE"):
        plant(dynamo_jobs, one, f"({getattr(dynamo_jobs, one)}) OR attribute_exists(pk)")
    plant(dynamo_jobs, "_demand_no_event_since", lambda *_: None)


def cancel_before_the_end(plant: Plant) -> None:
    """The worker writes `cancelled` when it learns of the cancel, and stops the tool then."""
    beat = Lease._beat

    def eager(self: Lease) -> None:
        beat(self)
        if self.job.status is JobStatus.CANCELLING:
            outcome = replace(Outcome.cancelled("stopped"), execution_time_ms=1.0)
            after = jobs.ended(self.job, outcome, result=None, progress=None, now=self._clock())
            self._store.settle(self.job, after, ending_delta(self.job, after))

    plant(Lease, "_beat", eager)


def cancel_at_once(plant: Plant) -> None:
    """The canceller writes `cancelled` itself."""

    def cancelled(job: Job, *, reason: str | None, now: datetime) -> Job:
        error = ErrorInfo(ErrorCode.CANCELLED, "It was cancelled.")
        cancel = Cancel(now, reason, CancelOutcome.STOPPED)
        over = replace(job, status=JobStatus.CANCELLED, cancel=cancel, error=error, execution_time_ms=1.0)
        return replace(over, completed_at=now, updated_at=now, lease_expires_at=None)

    plant(jobs, "cancel_requested", cancelled)


def leave_what_never_started(plant: Plant) -> None:
    """A job whose execution was not started is left to itself."""
    plant(JobService, "_restart", lambda _self, job: job)


def lose_without_counting(plant: Plant) -> None:
    """A job with a lost worker is settled without its counters."""
    plant(JobService, "_write", lambda self, before, after: self._store.change(before, after))


def run_without_a_lease(plant: Plant) -> None:
    """A tool goes on though its claim failed."""

    def keep(self: Lease) -> None:
        with suppress(ServiceUnavailable):
            self._store.create(self.job, starting_delta(self.job, self.job.updated_at))

    plant(Lease, "_keep", keep)


def answer_before_the_end(plant: Plant) -> None:
    """Report an end to the client that could not be written."""
    finish = JobRunner._finish

    def hopeful(self: JobRunner, job: Job, outcome: Outcome, *said: Any) -> Finished:
        try:
            return finish(self, job, outcome, *said)
        except ServiceUnavailable:
            return Finished(jobs.ended(job, outcome, result=None, progress=None, now=self._clock()), outcome.result)

    plant(JobRunner, "_finish", hopeful)


def start_first(plant: Plant) -> None:
    """An execution is started before its job is written."""

    def submit(self: JobService, job: Job, input: Any, record: IdempotencyRecord | None = None) -> Job:
        stored = self._documents.write(job, "input", input)
        job = jobs.submitted(job, input=stored, lease_expires_at=job.created_at + START_LEASE)
        self._workflow.start(job.tenant, job.job_id)
        self._store.create(job, record=record)
        return job

    plant(JobService, "submit", submit)


def drop_the_outcome(plant: Plant) -> None:
    """A worker that meets a cancel at its end takes the job for settled."""

    def finish(self: JobRunner, job: Job, outcome: Outcome, *_: Any) -> Finished:
        after = jobs.ended(job, outcome, result=None, progress=None, now=self._clock())
        try:
            self._store.settle(job, after, ending_delta(job, after))
        except StaleJob as error:
            return Finished(error.current or job, None)
        return Finished(after, outcome.result)

    plant(JobRunner, "_finish", finish)


def tell_twice(plant: Plant) -> None:
    """Write the news of a heartbeat again when no answer came."""
    plant(EventLog, "lacks", lambda _self, news, _since: list(news))


@dataclass(frozen=True, slots=True)
class Shows:
    """A path and a fault that reveal a defect."""

    defect: Defect
    path: CrashPath
    fault: Fault = Fault.REFUSED
    at: int = 0


DEFECTS_AT_A_FAULT = [
    Shows(write_counters_apart, Synchronous(), Fault.KILLED_BEFORE, 4),
    Shows(write_claims_apart, SynchronousKeyed(), Fault.KILLED_AFTER, 1),
    Shows(overwrite_ends, Asynchronous(), Fault.ARRIVES_LATE, 6),
    Shows(revive_by_heartbeat, SynchronousLong(), Fault.ARRIVES_LATE, 2),
    Shows(overwrite_ends, AsynchronousRetried(), Fault.ARRIVES_LATE, 4),
    Shows(cancel_before_the_end, CancelledStubbornWorker()),
    Shows(cancel_at_once, CancelRunning()),
    Shows(leave_what_never_started, Asynchronous(), Fault.REFUSED, 3),
    Shows(lose_without_counting, SettledBySchedule()),
    Shows(run_without_a_lease, Synchronous(), Fault.REFUSED, 1),
    Shows(answer_before_the_end, Synchronous(), Fault.REFUSED, 2),
    Shows(tell_twice, SynchronousLong(), Fault.ANSWER_LOST, 2),
]
DEFECTS_IN_AN_ORDER: list[tuple[Defect, str]] = [
    (start_first, "a submit meets its execution"),
    (drop_the_outcome, "a cancel meets a run"),
]
DEFECTS = {shows.defect.__name__: shows.defect for shows in DEFECTS_AT_A_FAULT}
