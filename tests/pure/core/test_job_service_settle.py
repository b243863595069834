"""Settle jobs whose lease has expired, races between the read and its write, and changes of the counters."""

from copy import replace
from datetime import timedelta

import pytest

from interlock.domain import job as steps
from interlock.domain.errors import ErrorCode, ServiceUnavailable
from interlock.domain.job_status import FINAL, JobStatus
from interlock.jobs import service as job_service
from interlock.jobs.service import START_LEASE
from tests.fakes.jobs import a_job
from tests.fakes.store import Hook, once
from tests.pure.core.job_service_setting import WANTED, Setting, claim, finish

# --- Settle ---


@pytest.mark.parametrize("cancelled", [False, True])
def test_claimed_job_with_an_expired_lease_fails_with_worker_lost(at: Setting, cancelled: bool) -> None:
    job = claim(at, at.submit())
    if cancelled:
        at.service.cancel("acme", job.job_id, None)
    at.clock.advance(15)
    assert not at.service.get("acme", job.job_id).finished
    at.clock.advance(0.001)
    settled = at.service.get("acme", job.job_id)
    assert settled == at.stored(job)
    assert settled.status is JobStatus.FAILED
    assert (settled.completed_at, settled.updated_at) == (at.clock(), at.clock())
    assert settled.error is not None
    assert settled.error.code is ErrorCode.WORKER_LOST
    assert (settled.cancel and settled.cancel.outcome) == ("too_late" if cancelled else None)
    assert at.counted() == {"failed": 1}


def test_concurrent_settlements_count_once_and_return_the_same_job(at: Setting) -> None:
    job = claim(at, at.submit())
    at.clock.advance(16)

    def read_concurrently() -> None:
        at.clock.advance(1)
        at.service.get("acme", job.job_id)

    at.race("settle", read_concurrently)
    assert at.service.get("acme", job.job_id) == at.stored(job)
    assert at.counted() == {"failed": 1}


def test_outcome_written_during_a_settlement_wins(at: Setting) -> None:
    job = claim(at, at.submit())
    at.clock.advance(16)
    at.race("settle", lambda: finish(at, job))
    assert at.service.get("acme", job.job_id).status is JobStatus.SUCCEEDED
    assert at.counted() == {"succeeded": 1}


def test_heartbeat_written_during_a_settlement_wins(at: Setting) -> None:
    """Otherwise the job would be finished although its tool runs on until the next heartbeat."""
    job = claim(at, at.submit())
    at.clock.advance(16)
    lease = at.clock() + timedelta(seconds=15)
    at.race("settle", lambda: at.store.heartbeat(job, now=at.clock(), lease_expires_at=lease, progress=None))
    assert at.service.get("acme", job.job_id) == at.stored(job)
    assert at.stored(job).status is JobStatus.RUNNING
    assert at.counted() == {"in_flight": 1}


def test_job_cancelled_during_its_settlement_is_settled(at: Setting) -> None:
    job = claim(at, at.submit())
    at.clock.advance(16)
    at.race("settle", lambda: at.store.change(job, steps.cancel_requested(job, reason=None, now=at.clock())))
    settled = at.service.settle("acme", job.job_id, worker_gone=True)
    assert settled == at.stored(job)
    assert (settled.status, settled.cancel and settled.cancel.outcome) == ("failed", "too_late")
    assert at.counted() == {"failed": 1}


def test_pending_job_whose_workflow_execution_has_ended_fails_with_worker_lost(at: Setting) -> None:
    job = at.submit()
    at.workflow.finish(job.job_id)
    at.clock.advance(61)
    settled = at.service.get("acme", job.job_id)
    assert settled.error is not None
    assert settled.error.code is ErrorCode.WORKER_LOST
    assert settled == at.stored(job)
    assert at.counted() == {"failed": 1}


def test_pending_job_past_its_deadline_times_out(at: Setting) -> None:
    job = at.submit(at.service.new(replace(WANTED, deadline_s=10)))
    at.clock.advance(10.001)
    assert at.service.get("acme", job.job_id) == at.stored(job) == steps.overdue(job, now=at.clock())
    assert at.counted() == {"timed_out": 1}


def test_job_removed_during_its_settlement_is_returned_as_it_was_read(at: Setting) -> None:
    job = claim(at, at.submit())
    at.clock.advance(16)
    at.race("settle", lambda: at.store.forget(job))
    assert at.service.get("acme", job.job_id) == job


def test_pending_job_claimed_during_its_restart_keeps_running(at: Setting) -> None:
    job = at.submit()
    at.clock.advance(61)
    at.race("change", lambda: claim(at, job))
    assert at.service.get("acme", job.job_id) == at.stored(job)
    assert at.stored(job).status is JobStatus.RUNNING
    assert at.counted() == {"in_flight": 1}


def test_pending_job_cancelled_during_its_settlement_stays_cancelled(at: Setting) -> None:
    job = at.submit()
    at.workflow.finish(job.job_id)
    at.clock.advance(61)
    cancelled = steps.cancel_requested(job, reason=None, now=at.clock())
    at.race("settle", lambda: at.store.settle(job, cancelled))
    assert at.service.get("acme", job.job_id) == cancelled
    assert at.counted() == {"cancelled": 1}


def test_catch_of_the_workflow_fails_a_pending_job_at_once(at: Setting) -> None:
    job = at.submit()
    settled = at.service.settle("acme", job.job_id, worker_gone=True)
    assert settled is not None
    assert settled.error is not None
    assert settled.error.code is ErrorCode.WORKER_LOST
    assert at.counted() == {"failed": 1}


def test_pending_job_whose_worker_is_not_reported_gone_stays_pending(at: Setting) -> None:
    job = at.submit()
    assert at.service.settle("acme", job.job_id, worker_gone=False) == job


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.CANCELLING])
def test_catch_of_the_workflow_leaves_a_leased_job_to_its_worker(at: Setting, status: JobStatus) -> None:
    job = at.add(a_job(status))
    assert at.service.settle("acme", job.job_id, worker_gone=True) == job
    at.clock.advance(15.001)
    settled = at.service.settle("acme", job.job_id, worker_gone=True)
    assert settled is not None
    assert settled.status is JobStatus.FAILED


@pytest.mark.parametrize("status", sorted(FINAL))
def test_finished_jobs_are_not_settled(at: Setting, status: JobStatus) -> None:
    job = at.add(a_job(status))
    at.clock.advance(100_000)
    assert at.service.settle("acme", job.job_id, worker_gone=True) == job
    assert at.service.get("acme", job.job_id) == job
    assert at.service.settle_lapsed() == 0
    assert at.stored(job) == job


def test_schedule_settles_exactly_the_jobs_with_expired_leases(at: Setting) -> None:
    running, waiting = claim(at, at.submit()), at.submit()
    over = at.submit()
    at.workflow.finish(over.job_id)
    at.clock.advance(60.5)
    fresh = at.submit()
    assert at.service.settle_lapsed() == 3
    assert at.stored(running).status is JobStatus.FAILED
    assert at.stored(over).status is JobStatus.FAILED
    assert at.stored(waiting).lease_expires_at == at.clock() + START_LEASE
    assert at.stored(fresh) == fresh
    assert at.counted() == {"failed": 2}
    assert at.service.settle_lapsed() == 0


def test_schedule_continues_after_a_job_that_cannot_be_settled(at: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[tuple[str, object]] = []
    monkeypatch.setattr(job_service.logger, "exception", lambda message, *, extra: logged.append((message, extra)))
    waiting = at.submit()
    at.clock.advance(0.001)
    running = [claim(at, at.submit()) for _ in range(3)]
    at.clock.advance(61)
    at.workflow.down = True  # so that the pending job cannot be started
    assert at.service.settle_lapsed() == 4
    assert [at.stored(job).status for job in running] == [JobStatus.FAILED] * 3
    assert at.stored(waiting) == waiting
    assert logged == [("the job was not settled", {"job_id": waiting.job_id})]


def test_schedule_raises_when_the_table_is_down(at: Setting) -> None:
    at.store.down = True
    with pytest.raises(ServiceUnavailable):
        at.service.settle_lapsed()


def test_hook_of_once_acts_exactly_once() -> None:
    """The race tests rely on this hook: a race that did not take place would prove nothing."""
    seen: list[str] = []
    hook: Hook = once("before", "change", lambda: seen.append("acted"))
    hook("after", "change")
    hook("before", "settle")
    assert seen == []
    hook("before", "change")
    hook("before", "change")
    assert seen == ["acted"]
