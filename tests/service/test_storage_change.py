"""The promises of `JobStore` on changes, heartbeats and events, on every store there is."""

from copy import replace

import pytest

from interlock.domain import job as steps
from interlock.domain.events import log_event, progress_event
from interlock.domain.job import Cancel, Job, Progress
from interlock.domain.job_status import FINAL, JobStatus
from interlock.ports import StaleJob
from tests.fakes.outside import NOON
from tests.service.conftest import Storage
from tests.service.storage_jobs import LATER, LEASE, counted, in_status, stale, stored, written

pytestmark = pytest.mark.no_cover


def claimed(job: Job, worker_id: str = "worker-1") -> Job:
    return steps.claimed(job, worker_id=worker_id, now=LATER, lease_expires_at=LEASE)


# --- Change ---


def test_a_claim_moves_the_job_and_puts_it_in_flight(storage: Storage, job: Job) -> None:
    after = claimed(written(storage, job))
    storage.store.change(job, after)
    assert stored(storage, job) == after
    assert counted(storage, job).in_flight == 1


def test_second_claim_gets_the_first(storage: Storage, job: Job) -> None:
    first, second = claimed(written(storage, job)), claimed(job, "worker-2")
    storage.store.change(job, first)
    with pytest.raises(StaleJob) as caught:
        storage.another().change(job, second)
    assert stale(caught, first)
    assert stored(storage, job) == first
    assert counted(storage, job).in_flight == 1


def test_repeated_change_is_no_conflict_and_counts_once(storage: Storage, job: Job) -> None:
    after = claimed(written(storage, job))
    for store in (storage.store, storage.another()):
        store.change(job, after)
    assert counted(storage, job).in_flight == 1


@pytest.mark.parametrize("status", [status for status in JobStatus if status is not JobStatus.RUNNING])
def test_a_change_of_a_job_in_another_status_is_stale(storage: Storage, job: Job, status: JobStatus) -> None:
    current = written(storage, in_status(job, status))
    before = replace(in_status(job, JobStatus.RUNNING), attempt=current.attempt)
    after = steps.cancel_requested(before, reason=None, now=LATER)
    with pytest.raises(StaleJob) as caught:
        storage.store.change(before, after)
    assert stale(caught, current)
    assert stored(storage, job) == current


def test_a_change_of_another_attempt_is_stale(storage: Storage, job: Job) -> None:
    current = written(storage, replace(in_status(job, JobStatus.RUNNING), attempt=2))
    before = replace(current, attempt=1)
    with pytest.raises(StaleJob) as caught:
        storage.store.change(before, steps.cancel_requested(before, reason=None, now=LATER))
    assert stale(caught, current)


def test_change_of_a_deleted_job_is_stale(storage: Storage, job: Job) -> None:
    after = claimed(job)
    with pytest.raises(StaleJob) as caught:
        storage.store.change(job, after)
    assert stale(caught, None)
    assert stored(storage, job) is None
    assert storage.store.metrics(job.plugin) == {}


def test_a_change_writes_only_changed_fields(storage: Storage, job: Job) -> None:
    # A heartbeat came between the read and the write of a cancel: it is not undone.
    running = written(storage, in_status(job, JobStatus.RUNNING))
    progress = Progress(0.5, "half", LATER)
    storage.store.heartbeat(running, now=LATER, lease_expires_at=LEASE, progress=progress)
    storage.another().change(running, steps.cancel_requested(running, reason="why", now=NOON))
    current = stored(storage, job)
    assert current is not None
    assert (current.status, current.cancel) == (JobStatus.CANCELLING, Cancel(NOON, "why"))
    assert (current.progress, current.lease_expires_at) == (progress, LEASE)


# --- Events ---


def test_a_heartbeat_adds_events_and_the_job_reads_back_with_them(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    news = [log_event("info", "stdout", "hello", LATER), progress_event(0.5, "half", LATER)]
    after_heartbeat = storage.store.heartbeat(held, now=LATER, lease_expires_at=LEASE, progress=None, news=news)
    assert after_heartbeat.events == held.events.adding(news)
    assert stored(storage, job) == after_heartbeat


@pytest.mark.parametrize("write", ["change", "settle"])
def test_change_that_misses_events_is_stale(storage: Storage, job: Job, write: str) -> None:
    # The change would add an event with a number that a log line of the tool has already.
    running = written(storage, in_status(job, JobStatus.RUNNING))
    news = [log_event("info", "stdout", "hello", LATER)]
    current = storage.store.heartbeat(running, now=LATER, lease_expires_at=LEASE, progress=None, news=news)
    cancelling, lost = steps.cancel_requested(running, reason=None, now=LATER), steps.lost(running, now=LATER)
    writes = {
        "change": lambda: storage.another().change(running, cancelling),
        "settle": lambda: storage.another().settle(running, lost),
    }
    with pytest.raises(StaleJob) as caught:
        writes[write]()
    assert stale(caught, current)
    assert stored(storage, job) == current


def test_events_of_a_worker_unaware_of_a_cancel_are_not_written(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    cancelling = steps.cancel_requested(held, reason="why", now=NOON)
    storage.another().change(held, cancelling)
    news = [log_event("info", "stdout", "hello", LATER)]
    with pytest.raises(StaleJob) as caught:
        storage.store.heartbeat(held, now=LATER, lease_expires_at=LEASE, progress=None, news=news)
    assert stale(caught, cancelling)
    assert stored(storage, job) == cancelling


# --- Heartbeat ---


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.CANCELLING])
def test_heartbeat_extends_the_lease_and_returns_the_job(storage: Storage, job: Job, status: JobStatus) -> None:
    held = written(storage, in_status(job, status))
    progress = Progress(0.25, "a quarter", LATER)
    after_heartbeat = storage.store.heartbeat(held, now=LATER, lease_expires_at=LEASE, progress=progress)
    assert after_heartbeat == replace(held, updated_at=LATER, lease_expires_at=LEASE, progress=progress)
    assert stored(storage, job) == after_heartbeat


def test_heartbeat_without_progress_keeps_the_last_progress(storage: Storage, job: Job) -> None:
    held = written(storage, replace(in_status(job, JobStatus.RUNNING), progress=Progress(0.25, "a quarter", NOON)))
    after_heartbeat = storage.store.heartbeat(held, now=LATER, lease_expires_at=LEASE, progress=None)
    assert after_heartbeat.progress == held.progress


def test_heartbeat_returns_a_cancel_requested_meanwhile(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    storage.another().change(held, steps.cancel_requested(held, reason="why", now=NOON))
    after_heartbeat = storage.store.heartbeat(held, now=LATER, lease_expires_at=LEASE, progress=None)
    assert (after_heartbeat.status, after_heartbeat.cancel) == (JobStatus.CANCELLING, Cancel(NOON, "why"))


@pytest.mark.parametrize("status", sorted({JobStatus.PENDING, *FINAL}))
def test_heartbeat_does_not_revive_a_job_without_an_owner(storage: Storage, job: Job, status: JobStatus) -> None:
    current = written(storage, in_status(job, status))
    held = replace(in_status(job, JobStatus.RUNNING), attempt=current.attempt)
    with pytest.raises(StaleJob) as caught:
        storage.store.heartbeat(held, now=LATER, lease_expires_at=LEASE, progress=Progress(1.0, "late", LATER))
    assert stale(caught, current)
    assert stored(storage, job) == current


def test_a_heartbeat_of_an_earlier_attempt_is_stale(storage: Storage, job: Job) -> None:
    current = written(storage, replace(in_status(job, JobStatus.RUNNING), attempt=2))
    with pytest.raises(StaleJob) as caught:
        storage.store.heartbeat(replace(current, attempt=1), now=LATER, lease_expires_at=LEASE, progress=None)
    assert stale(caught, current)


def test_heartbeat_creates_no_job(storage: Storage, job: Job) -> None:
    with pytest.raises(StaleJob) as caught:
        storage.store.heartbeat(in_status(job, JobStatus.RUNNING), now=LATER, lease_expires_at=LEASE, progress=None)
    assert stale(caught, None)
    assert stored(storage, job) is None
