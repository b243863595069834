"""The transitions of a job as pure functions."""

import math
from collections.abc import Callable
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import EMPTY_LOG, log_event, state_event
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job import (
    Cancel,
    Job,
    Progress,
    StoredJson,
    after_heartbeat,
    cancel_requested,
    claimed,
    ended,
    lease_extended,
    listed,
    lost,
    overdue,
    refused,
    submitted,
)
from interlock.domain.job_status import CLAIMED, FINAL, IllegalTransition, JobStatus
from interlock.domain.outcome import ClientInput, Outcome
from interlock.domain.stop import Stopped
from tests.fakes.jobs import UNFINISHED, a_job
from tests.fakes.outside import NOON

LATER = NOON + timedelta(seconds=3)
LEASE = NOON + timedelta(seconds=15)


def test_claim_increments_the_attempt_and_sets_worker_and_lease() -> None:
    job = claimed(a_job(), worker_id="worker-9", now=LATER, lease_expires_at=LEASE)
    assert (job.status, job.attempt, job.worker_id) == (JobStatus.RUNNING, 1, "worker-9")
    assert (job.started_at, job.updated_at, job.lease_expires_at) == (LATER, LATER, LEASE)
    assert job.created_at == NOON


@pytest.mark.parametrize("status", [status for status in JobStatus if status is not JobStatus.PENDING])
def test_only_pending_jobs_can_be_claimed(status: JobStatus) -> None:
    with pytest.raises(IllegalTransition):
        claimed(a_job(status), worker_id="worker-9", now=LATER, lease_expires_at=LEASE)


def test_submitted_job_has_its_input_and_start_lease() -> None:
    stored = StoredJson(2, text="{}")
    job = submitted(a_job(input=None, lease_expires_at=None), input=stored, lease_expires_at=LEASE)
    assert (job.status, job.input, job.lease_expires_at) == (JobStatus.PENDING, stored, LEASE)


def test_extending_a_lease_changes_only_the_lease() -> None:
    job = a_job(JobStatus.RUNNING)
    extended = lease_extended(job, LATER + timedelta(seconds=60))
    assert extended.lease_expires_at == LATER + timedelta(seconds=60)
    assert lease_extended(extended, LEASE) == job


def test_heartbeat_extends_the_lease_and_adds_progress_and_events() -> None:
    running = a_job(JobStatus.RUNNING)
    first, second = Progress(0.4, "page 2 of 5", NOON), Progress(0.6, "page 3 of 5", LATER)
    line = log_event("info", "stdout", "hello", LATER)
    job = after_heartbeat(running, now=LATER, lease_expires_at=LEASE, progress=first, news=[line])
    assert (job.updated_at, job.lease_expires_at, job.progress) == (LATER, LEASE, first)
    assert [event.fields for event in job.events.events] == [line.fields]
    assert (
        replace(
            job,
            updated_at=running.updated_at,
            lease_expires_at=running.lease_expires_at,
            progress=running.progress,
            events=running.events,
        )
        == running
    )
    again = after_heartbeat(job, now=LATER, lease_expires_at=LEASE, progress=None, news=[])
    assert (again.progress, again.events) == (first, job.events)
    assert after_heartbeat(again, now=LATER, lease_expires_at=LEASE, progress=second, news=[]).progress == second


@pytest.mark.parametrize("status", list(JobStatus))
def test_worker_holds_its_own_attempt_until_it_is_finished(status: JobStatus) -> None:
    held, other = a_job(JobStatus.RUNNING, attempt=2), a_job(JobStatus.RUNNING, attempt=1)
    assert a_job(status, attempt=2).held_as(held) is (status in CLAIMED)
    assert not a_job(status, attempt=2).held_as(other)


def test_cancelling_a_pending_job_prevents_it() -> None:
    job = cancel_requested(a_job(), reason="not needed", now=LATER)
    assert job.status is JobStatus.CANCELLED
    assert job.cancel == Cancel(LATER, "not needed", "prevented")
    assert job.error is not None
    assert job.error == ErrorInfo(ErrorCode.CANCELLED, "The job was cancelled before it started.")
    assert (job.completed_at, job.updated_at, job.started_at) == (LATER, LATER, None)
    assert (job.attempt, job.execution_time_ms, job.lease_expires_at) == (0, None, None)


def test_cancelling_a_running_job_keeps_its_worker_and_lease() -> None:
    running = a_job(JobStatus.RUNNING)
    job = cancel_requested(running, reason=None, now=LATER)
    assert job.status is JobStatus.CANCELLING
    assert job.cancel == Cancel(LATER, None, None)
    assert job.updated_at == LATER
    assert (job.worker_id, job.lease_expires_at) == (running.worker_id, running.lease_expires_at)
    assert (job.completed_at, job.error) == (None, None)


@pytest.mark.parametrize("status", sorted({JobStatus.CANCELLING, *FINAL}))
def test_cancelling_and_finished_jobs_cannot_be_cancelled(status: JobStatus) -> None:
    with pytest.raises(IllegalTransition):
        cancel_requested(a_job(status), reason=None, now=LATER)


@pytest.mark.parametrize("status", sorted(CLAIMED))
def test_succeeded_job_keeps_result_time_and_progress_and_drops_the_lease(status: JobStatus) -> None:
    stored = StoredJson(4, text="null")
    progress = Progress(1.0, "done", LATER)
    outcome = Outcome(JobStatus.SUCCEEDED, execution_time_ms=41.2)
    job = ended(a_job(status), outcome, result=stored, progress=progress, now=LATER)
    assert (job.status, job.result, job.execution_time_ms, job.progress) == ("succeeded", stored, 41.2, progress)
    assert (job.completed_at, job.updated_at) == (LATER, LATER)
    assert (job.worker_id, job.lease_expires_at, job.error) == (None, None, None)
    assert job.attempt == 1


def test_outcome_without_progress_keeps_the_last_progress() -> None:
    progress = Progress(0.4, "page 2 of 5", NOON)
    job = ended(
        a_job(JobStatus.RUNNING, progress=progress),
        Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, "no"),
        result=None,
        progress=None,
        now=LATER,
    )
    assert job.progress == progress


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_cancelled_job_shows_how_it_was_stopped(how: Stopped) -> None:
    job = ended(a_job(JobStatus.CANCELLING), Outcome.cancelled(how), result=None, progress=None, now=LATER)
    assert job.status is JobStatus.CANCELLED
    assert job.cancel == Cancel(NOON, "not needed", how)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.succeeded({}),
        Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, "no luck"),
        # The time limit stopped the run, and the cancel arrived while the process was ending.
        Outcome.timed_out(Deadline(math.inf, 20), "killed"),
    ],
)
def test_outcome_reached_before_the_cancel_is_kept(outcome: Outcome) -> None:
    job = ended(a_job(JobStatus.CANCELLING), outcome, result=None, progress=None, now=LATER)
    assert job.status is outcome.status
    assert job.error == outcome.error
    assert job.cancel == Cancel(NOON, "not needed", "too_late")


def test_only_cancelling_jobs_can_end_as_cancelled() -> None:
    with pytest.raises(IllegalTransition):
        ended(a_job(JobStatus.RUNNING), Outcome.cancelled("stopped"), result=None, progress=None, now=LATER)


@pytest.mark.parametrize("status", sorted(FINAL))
@pytest.mark.parametrize("end", [Outcome.succeeded({}), Outcome.failed(ErrorCode.WORKER_LOST, "gone")])
def test_finished_job_cannot_finish_again(status: JobStatus, end: Outcome) -> None:
    with pytest.raises(IllegalTransition):
        ended(a_job(status), end, result=None, progress=None, now=LATER)
    with pytest.raises(IllegalTransition):
        lost(a_job(status), now=LATER)


@pytest.mark.parametrize("status", UNFINISHED)
def test_unfinished_job_without_a_worker_fails_with_worker_lost(status: JobStatus) -> None:
    job = lost(a_job(status), now=LATER)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code is ErrorCode.WORKER_LOST
    assert job.error.message == "The worker of this job vanished before it could report an outcome."
    assert job.error.retryable
    assert (job.completed_at, job.worker_id, job.lease_expires_at) == (LATER, None, None)
    assert job.execution_time_ms is None


def test_cancel_of_a_lost_job_is_too_late() -> None:
    job = lost(a_job(JobStatus.CANCELLING), now=LATER)
    assert job.cancel == Cancel(NOON, "not needed", "too_late")


@pytest.mark.parametrize(
    ("step", "status", "error"),
    [
        (
            lambda job: refused(job, ErrorInfo(ErrorCode.UNKNOWN_TOOL, "no such tool"), now=LATER),
            JobStatus.FAILED,
            ErrorInfo(ErrorCode.UNKNOWN_TOOL, "no such tool"),
        ),
        (
            lambda job: overdue(job, now=LATER),
            JobStatus.TIMED_OUT,
            ErrorInfo(
                ErrorCode.TIMEOUT,
                "The deadline of the job passed before its tool could be started.",
                {"limit": "deadline"},
            ),
        ),
    ],
)
def test_pending_job_that_cannot_start_ends_with_the_reason(
    step: Callable[[Job], Job], status: JobStatus, error: ErrorInfo
) -> None:
    job = a_job()
    assert step(job) == replace(
        job,
        status=status,
        error=error,
        completed_at=LATER,
        updated_at=LATER,
        lease_expires_at=None,
        events=EMPTY_LOG.adding([state_event(status, LATER)]),
    )


def test_list_shows_no_input_result_events_lease_worker_or_key() -> None:
    shown = a_job(JobStatus.RUNNING, input=None, lease_expires_at=None, worker_id=None)
    stored, events = StoredJson(4, text="null"), EMPTY_LOG.adding([state_event(JobStatus.RUNNING, NOON)])
    key: dict[str, Any] = {"key_id": "key", "key_limit": 3, "key_hash": "a", "request_hash": "b", "write_id": "c"}
    job = replace(
        shown, lease_expires_at=LEASE, worker_id="worker-1", input=stored, result=stored, events=events, **key
    )
    assert listed(replace(job, client_input=ClientInput(), fork_finding=ForkFinding("1", "x"))) == shown


@pytest.mark.parametrize(("seconds", "expired"), [(14.999, False), (15.0, False), (15.001, True)])
def test_lease_expires_after_its_end_and_not_at_it(seconds: float, expired: bool) -> None:
    assert a_job(JobStatus.RUNNING).lease_ran_out(NOON + timedelta(seconds=seconds)) is expired


def test_lease_of_a_finished_job_never_expires() -> None:
    assert not a_job(JobStatus.SUCCEEDED).lease_ran_out(NOON + timedelta(days=400))


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (lambda: claimed(a_job(), worker_id="worker-9", now=LATER, lease_expires_at=LEASE), JobStatus.RUNNING),
        (lambda: cancel_requested(a_job(), reason=None, now=LATER), JobStatus.CANCELLED),
        (lambda: cancel_requested(a_job(JobStatus.RUNNING), reason=None, now=LATER), JobStatus.CANCELLING),
        (lambda: lost(a_job(), now=LATER), JobStatus.FAILED),
    ],
)
def test_each_transition_adds_a_state_event_with_its_time(step: Callable[[], Job], status: JobStatus) -> None:
    assert step().events == EMPTY_LOG.adding([state_event(status, LATER)])


def test_final_state_event_follows_the_last_events_of_the_tool() -> None:
    line = log_event("info", "stdout", "bye", NOON)
    job = ended(a_job(JobStatus.RUNNING), Outcome.succeeded({}), result=None, progress=None, now=LATER, news=[line])
    assert job.events == EMPTY_LOG.adding([line, state_event(JobStatus.SUCCEEDED, LATER)])


@pytest.mark.parametrize("status", list(JobStatus))
def test_job_with_a_final_status_is_finished(status: JobStatus) -> None:
    assert a_job(status).finished is (status in FINAL)
