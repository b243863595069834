"""Cancel jobs, and races between a cancel's read and its write."""

from datetime import timedelta

import pytest

from interlock.domain.errors import AlreadyFinished, ErrorCode, NotFound, ServiceUnavailable
from interlock.domain.job import Cancel
from interlock.domain.job_status import JobStatus
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.fakes.store import Moment
from tests.pure.core.job_service_setting import Setting, claim, finish


def test_cancelling_a_pending_job_prevents_it_and_stops_its_workflow_execution(at: Setting) -> None:
    job = at.submit()
    at.clock.advance(1)
    cancelled = at.service.cancel("acme", job.job_id, "not needed")
    assert cancelled == at.stored(job)
    assert cancelled.status is JobStatus.CANCELLED
    assert cancelled.cancel == Cancel(NOON + timedelta(seconds=1), "not needed", "prevented")
    assert at.workflow.stopped == [job.job_id]
    assert at.workflow.causes == ["cancelled by the caller"]
    assert at.counted() == {"cancelled": 1}


def test_cancel_of_a_running_job_is_stored_before_its_workflow_execution_is_stopped(at: Setting) -> None:
    job = claim(at, at.submit())

    def assert_not_stopped(moment: Moment, name: str) -> None:
        if (moment, name) == ("after", "change"):
            assert at.workflow.stopped == []

    at.between.hook = assert_not_stopped
    cancelling = at.service.cancel("acme", job.job_id, None)
    assert cancelling == at.stored(job)
    assert cancelling.status is JobStatus.CANCELLING
    assert cancelling.cancel == Cancel(NOON, None, None)
    assert at.workflow.stopped == [job.job_id]
    assert at.counted() == {"in_flight": 1}


@pytest.mark.parametrize("status", [JobStatus.CANCELLING, JobStatus.CANCELLED])
def test_repeated_cancel_only_stops_the_workflow_execution_again(at: Setting, status: JobStatus) -> None:
    # An earlier cancel may have failed between its write and its stop of the workflow execution.
    job = at.add(a_job(status))
    assert at.service.cancel("acme", job.job_id, "another reason") == job
    assert at.stored(job) == job
    assert at.workflow.stopped == [job.job_id]


@pytest.mark.parametrize(
    ("status", "words"),
    [(JobStatus.SUCCEEDED, "succeeded"), (JobStatus.FAILED, "failed"), (JobStatus.TIMED_OUT, "timed out")],
)
def test_cancelling_a_finished_job_raises_already_finished(at: Setting, status: JobStatus, words: str) -> None:
    job = at.add(a_job(status))
    with pytest.raises(AlreadyFinished, match=f"already {words}") as caught:
        at.service.cancel("acme", job.job_id, None)
    assert caught.value.details == {"status": status.value}
    assert at.stored(job) == job
    assert at.workflow.stopped == []


def test_pending_job_claimed_during_its_cancel_becomes_cancelling(at: Setting) -> None:
    job = at.submit()
    at.race("settle", lambda: claim(at, job))
    cancelling = at.service.cancel("acme", job.job_id, "not needed")
    assert cancelling.status is JobStatus.CANCELLING
    assert cancelling.attempt == 1
    assert cancelling.cancel == Cancel(NOON, "not needed", None)
    assert at.counted() == {"in_flight": 1}


def test_running_job_that_finishes_during_its_cancel_is_already_finished(at: Setting) -> None:
    job = claim(at, at.submit())
    at.race("change", lambda: finish(at, job))
    with pytest.raises(AlreadyFinished):
        at.service.cancel("acme", job.job_id, None)
    assert at.stored(job).status is JobStatus.SUCCEEDED
    assert at.stored(job).cancel is None
    assert at.counted() == {"succeeded": 1}


def test_concurrent_cancels_of_a_pending_job_both_succeed_and_count_once(at: Setting) -> None:
    job = at.submit()
    at.race("settle", lambda: at.service.cancel("acme", job.job_id, "the other"))
    cancelled = at.service.cancel("acme", job.job_id, "this one")
    assert cancelled.status is JobStatus.CANCELLED
    assert cancelled.cancel is not None
    assert cancelled.cancel.reason == "the other"
    assert at.counted() == {"cancelled": 1}


def test_first_of_two_cancels_of_a_running_job_sets_the_reason(at: Setting) -> None:
    job = claim(at, at.submit())
    at.race("change", lambda: at.service.cancel("acme", job.job_id, "the other"))
    cancelling = at.service.cancel("acme", job.job_id, "this one")
    assert cancelling.cancel == Cancel(NOON, "the other", None)
    assert cancelling == at.stored(job)


def test_job_that_expires_during_its_cancel_is_not_found(at: Setting) -> None:
    job = at.submit()
    at.race("settle", lambda: at.store.forget(job))
    with pytest.raises(NotFound, match=job.job_id):
        at.service.cancel("acme", job.job_id, None)


def test_cancel_settles_a_job_with_an_expired_lease(at: Setting) -> None:
    job = claim(at, at.submit())
    at.clock.advance(15.001)
    with pytest.raises(AlreadyFinished):
        at.service.cancel("acme", job.job_id, None)
    error = at.stored(job).error
    assert error is not None
    assert error.code is ErrorCode.WORKER_LOST


def test_cancel_stays_stored_when_the_workflow_execution_cannot_be_stopped(at: Setting) -> None:
    job = claim(at, at.submit())
    at.workflow.down = True
    with pytest.raises(ServiceUnavailable):
        at.service.cancel("acme", job.job_id, "not needed")
    assert at.stored(job).status is JobStatus.CANCELLING
    at.workflow.down = False
    assert at.service.cancel("acme", job.job_id, "not needed").status is JobStatus.CANCELLING
    assert at.workflow.stopped == [job.job_id]
