"""Defects that are planted in the product to show that the checks can fail, each with a path and a fault."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.adapters.dynamo import folds, job_writes
from interlock.adapters.dynamo.attributes import serialized
from interlock.adapters.dynamo.counter_items import (
    checkpoint_name,
    counters_key,
    latest_of,
    sequence_text,
    sums_of,
)
from interlock.adapters.dynamo.counters import DynamoCounters
from interlock.adapters.dynamo.folds import Addition, Fold
from interlock.adapters.dynamo.job_writes import Request
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain import job as jobs
from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode, ErrorInfo, ServiceUnavailable
from interlock.domain.events import EventLog
from interlock.domain.job import Cancel, Job
from interlock.domain.job_status import JobStatus
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.outcome import Outcome
from interlock.jobs.lease import Lease
from interlock.jobs.runner import Finished, JobRunner
from interlock.jobs.service import START_LEASE, JobService
from interlock.ports import CountedChange, StaleJob, ToolName
from tests.exhaustive.cancel_paths import CancelledStubbornWorker, CancelRunning
from tests.exhaustive.counting_path import Counted
from tests.exhaustive.crash_path import CrashPath
from tests.exhaustive.injection import Fault
from tests.exhaustive.paths import (
    Asynchronous,
    AsynchronousRetried,
    Synchronous,
    SynchronousKeyed,
    SynchronousLimited,
    SynchronousLong,
)

type Plant = Callable[[object, str, Any], None]
"""Sets an attribute like `setattr`."""

type Defect = Callable[[Plant], None]


ANY_ITEM = "attribute_exists(pk) OR attribute_not_exists(pk) OR #seen = :first"


def count_without_a_checkpoint(plant: Plant) -> None:
    """Count whatever is delivered."""
    plant(folds, "NOT_COUNTED_YET", f"({ANY_ITEM})")


def write_checkpoints_separately(plant: Plant) -> None:
    """Write counters and their checkpoint separately."""
    whole = Fold._update

    def add(of: DynamoCounters, tool: ToolName, shard: str, changes: Sequence[CountedChange]) -> None:
        self = of._fold
        key, seen = serialized(counters_key(*tool)), checkpoint_name(shard)
        known = self._client.get_item(TableName=self._table, Key=key).get("Item", {})
        left = [one for one in changes if sequence_text(one.sequence_number) > known.get(seen, {"S": ""})["S"]]
        if left:
            total = ExecutionMetrics.sum(change.delta for change in left)
            write = whole(self, counters_key(*tool), "unused", left, Addition(sums_of(total), latest_of(total, {})))
            self._client.update_item(**write | {"ConditionExpression": ANY_ITEM})
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET #seen = :last",
                ExpressionAttributeNames={"#seen": seen},
                ExpressionAttributeValues=serialized({":last": sequence_text(left[-1].sequence_number)}),
            )

    plant(DynamoCounters, "add", add)


def write_slots_separately(plant: Plant) -> None:
    """Write a job and the slot of its API key separately."""
    whole = DynamoJobs._write

    def write(self: DynamoJobs, job_write: dict[str, Request], slot: Request | None) -> None:
        whole(self, job_write, None)
        if slot is not None:
            self._client.update_item(**slot)

    plant(DynamoJobs, "_write", write)


def overwrite_jobs_of_a_key(plant: Plant) -> None:
    """Write a new job without a condition."""
    plant(job_writes, "IS_NEW", "attribute_exists(pk) OR attribute_not_exists(pk)")


def overwrite_final_statuses(plant: Plant) -> None:
    """Write a job on the only condition that it exists."""
    _drop(plant, "SAME_STATUS_AND_ATTEMPT")


def revive_by_heartbeat(plant: Plant) -> None:
    """Write a heartbeat on the only condition that the job exists."""
    _drop(plant, "STILL_MINE")


def _drop(plant: Plant, condition: str) -> None:
    """Drop a condition, and also those on the lease and the events, because either of them would suffice."""
    for one in (condition, "SAME_LEASE"):
        plant(job_writes, one, f"({getattr(job_writes, one)}) OR attribute_exists(pk)")
    plant(job_writes, "_demand_no_event_since", lambda *_: None)


def cancel_before_the_tool_stops(plant: Plant) -> None:
    """Write `cancelled` when the worker sees the cancel, before it stops the tool."""
    beat = Lease._beat

    def eager(self: Lease) -> None:
        beat(self)
        if self.job.status is JobStatus.CANCELLING:
            outcome = replace(Outcome.cancelled("stopped"), execution_time_ms=1.0)
            after = jobs.ended(self.job, outcome, result=None, progress=None, now=self._clock())
            self._store.settle(self.job, after)

    plant(Lease, "_beat", eager)


def cancel_at_once(plant: Plant) -> None:
    """Write `cancelled` with the request to cancel."""

    def cancelled(job: Job, *, reason: str | None, now: datetime) -> Job:
        error = ErrorInfo(ErrorCode.CANCELLED, "It was cancelled.")
        cancel = Cancel(now, reason, "stopped")
        over = replace(job, status=JobStatus.CANCELLED, cancel=cancel, error=error, execution_time_ms=1.0)
        return replace(over, completed_at=now, updated_at=now, lease_expires_at=None)

    plant(jobs, "cancel_requested", cancelled)


def never_restart_unstarted_jobs(plant: Plant) -> None:
    """Never restart a job whose execution was not started."""
    plant(JobService, "_restart", lambda _self, job: job)


def run_without_a_lease(plant: Plant) -> None:
    """Run a tool whose claim failed."""
    whole = DynamoJobs.create

    def create(self: DynamoJobs, job: Job) -> None:
        with suppress(ServiceUnavailable):
            whole(self, job)

    plant(DynamoJobs, "create", create)


def answer_with_an_unwritten_outcome(plant: Plant) -> None:
    """Return an outcome to the client although it could not be written."""
    finish = JobRunner._finish

    def hopeful(self: JobRunner, job: Job, outcome: Outcome, *rest: Any, **written: Any) -> Finished:
        try:
            return finish(self, job, outcome, *rest, **written)
        except ServiceUnavailable:
            return Finished(jobs.ended(job, outcome, result=None, progress=None, now=self._clock()), outcome.result)

    plant(JobRunner, "_finish", hopeful)


def start_before_writing(plant: Plant) -> None:
    """Start an execution before its job is written."""

    def submit(self: JobService, job: Job, input: Any) -> Job:
        stored = self._documents.write(job, "input", input)
        job = jobs.submitted(job, input=stored, lease_expires_at=job.created_at + START_LEASE)
        self._workflow.start(job)
        self._store.create(job)
        return job

    plant(JobService, "submit", submit)


def drop_the_outcome(plant: Plant) -> None:
    """Discard the outcome if the job was cancelled at the end of the run."""

    def finish(self: JobRunner, job: Job, outcome: Outcome, *_: Any, **__: Any) -> Finished:
        after = jobs.ended(job, outcome, result=None, progress=None, now=self._clock())
        try:
            self._store.settle(job, after)
        except StaleJob as error:
            return Finished(error.current or job, None)
        return Finished(after, outcome.result)

    plant(JobRunner, "_finish", finish)


def start_overdue_jobs(plant: Plant) -> None:
    """Run a job whose deadline has passed."""

    def run(self: JobRunner, job: Job, _ended: Job) -> Job | None:
        claimed = self._claimed(job)
        try:
            self._store.change(job, claimed)
        except StaleJob as error:
            return error.current
        return self._run(claimed, self._call_of(claimed), Deadline.after(20), written=True).job

    plant(JobRunner, "_end_unclaimed", run)


def repeat_events(plant: Plant) -> None:
    """Write the events of a heartbeat again after a lost response."""
    plant(EventLog, "lacks", lambda _self, news, _since: list(news))


@dataclass(frozen=True, slots=True)
class DefectCase:
    """A path and a fault that reveal a defect."""

    defect: Defect
    path: CrashPath
    fault: Fault = Fault.REFUSED
    at: int = 0


DEFECTS_AT_A_FAULT = [
    DefectCase(count_without_a_checkpoint, Counted(), Fault.KILLED_AFTER, 1),
    DefectCase(write_checkpoints_separately, Counted(), Fault.KILLED_AFTER, 2),
    DefectCase(write_slots_separately, SynchronousLimited(), Fault.KILLED_BEFORE, 4),
    DefectCase(overwrite_jobs_of_a_key, SynchronousKeyed()),
    DefectCase(overwrite_final_statuses, Asynchronous(), Fault.ARRIVES_LATE, 6),
    DefectCase(revive_by_heartbeat, SynchronousLong(), Fault.ARRIVES_LATE, 2),
    DefectCase(overwrite_final_statuses, AsynchronousRetried(), Fault.ARRIVES_LATE, 4),
    DefectCase(cancel_before_the_tool_stops, CancelledStubbornWorker()),
    DefectCase(cancel_at_once, CancelRunning()),
    DefectCase(never_restart_unstarted_jobs, Asynchronous(), Fault.REFUSED, 3),
    DefectCase(run_without_a_lease, SynchronousKeyed(), Fault.REFUSED, 1),
    DefectCase(answer_with_an_unwritten_outcome, Synchronous(), Fault.REFUSED, 1),
    DefectCase(repeat_events, SynchronousLong(), Fault.ANSWER_LOST, 2),
]
DEFECTS_IN_AN_ORDER: list[tuple[Defect, str]] = [
    (start_before_writing, "a submit meets its execution"),
    (drop_the_outcome, "a cancel meets a run"),
    (start_overdue_jobs, "a late claim, a late reader and the schedule meet a deadline"),
]
DEFECTS = {case.defect.__name__: case.defect for case in DEFECTS_AT_A_FAULT}
