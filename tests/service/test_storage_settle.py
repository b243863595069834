"""The promises of `JobStore` on outcomes, counters and leases, on every store there is."""

from copy import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ulid import ULID

from interlock.domain import job as steps
from interlock.domain.errors import ErrorCode
from interlock.domain.job import Job
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics, bucket_of
from interlock.ports import StaleJob
from tests.fakes.jobs import UNFINISHED, a_job, counted_job
from tests.fakes.outside import NOON
from tests.service.conftest import Storage
from tests.service.storage_jobs import LATER, LEASE, counted, in_status, stale, stored, succeeded, written

pytestmark = pytest.mark.no_cover

# --- Settle ---


def test_outcome_is_written_with_its_counters(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    after = succeeded(held)
    storage.store.settle(held, after)
    assert stored(storage, job) == after
    assert counted(storage, job) == ExecutionMetrics(
        succeeded=1,
        executed=1,
        total_ms=12.5,
        last_ms=12.5,
        last_used=LATER,
        lifecycle=LifecycleState.INITIALIZED,
        lifecycle_at=LATER,
        buckets={bucket_of(12.5): 1},
        as_of=LATER,
    )


def test_a_job_is_settled_once(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    after, lost = succeeded(held), steps.lost(held, now=LATER)
    storage.store.settle(held, after)
    with pytest.raises(StaleJob) as caught:
        storage.another().settle(held, lost)
    assert stale(caught, after)
    assert stored(storage, job) == after
    assert (counted(storage, job).succeeded, counted(storage, job).failed) == (1, 0)


def test_repeated_outcome_is_no_conflict_and_counts_once(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    after = succeeded(held)
    for store in (storage.store, storage.another()):
        store.settle(held, after)
    assert (counted(storage, job).succeeded, counted(storage, job).in_flight) == (1, 0)


def test_outcome_unaware_of_a_cancel_is_stale(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    cancelling = steps.cancel_requested(held, reason=None, now=LATER)
    storage.store.change(held, cancelling)
    after = succeeded(held)
    with pytest.raises(StaleJob) as caught:
        storage.store.settle(held, after)
    assert stale(caught, cancelling)
    assert counted(storage, job).succeeded == 0


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.CANCELLING])
def test_a_worker_that_extended_its_lease_since_is_not_lost(storage: Storage, job: Job, status: JobStatus) -> None:
    held = written(storage, in_status(job, status))
    extended = storage.another().heartbeat(
        held, now=LATER, lease_expires_at=LEASE + timedelta(seconds=1), progress=None
    )
    lost = steps.lost(held, now=LATER)
    with pytest.raises(StaleJob) as caught:
        storage.store.settle(held, lost)
    assert stale(caught, extended)
    assert counted(storage, job).failed == 0
    after = succeeded(extended)
    storage.store.settle(extended, after)
    assert stored(storage, job) == after


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_final_status_never_changes(storage: Storage, job: Job, status: JobStatus) -> None:
    final = written(storage, in_status(job, status))
    held = in_status(job, JobStatus.RUNNING)
    after = succeeded(held, 99.0)
    with pytest.raises(StaleJob) as caught:
        storage.store.settle(held, after)
    assert stale(caught, final)
    assert stored(storage, job) == final
    assert sum(getattr(counted(storage, job), one) for one in FINAL) == 1


def test_deleted_job_cannot_be_settled(storage: Storage, job: Job) -> None:
    held = in_status(job, JobStatus.RUNNING)
    after = succeeded(held)
    with pytest.raises(StaleJob) as caught:
        storage.store.settle(held, after)
    assert stale(caught, None)
    assert stored(storage, job) is None
    assert storage.store.metrics(job.plugin) == {}


def test_a_pending_job_that_is_cancelled_was_never_in_flight(storage: Storage, job: Job) -> None:
    written(storage, job)
    after = steps.cancel_requested(job, reason=None, now=LATER)
    storage.store.settle(job, after)
    assert counted(storage, job) == ExecutionMetrics(cancelled=1, as_of=LATER)


# --- Metrics ---


def test_unknown_plugin_has_no_counters(storage: Storage, plugin: str) -> None:
    assert storage.store.metrics(plugin) == {}


def test_counters_of_many_environments_add_up_by_tool(storage: Storage, tenant: str, plugin: str) -> None:
    times = {"say": [1.0, 10.0, 100.0, 1000.0, 0.5], "shout": [3.25]}
    for tool, durations in times.items():
        for elapsed_ms in durations:
            held = a_job(JobStatus.RUNNING, tenant=tenant, plugin=plugin, tool=tool)
            after = succeeded(held, elapsed_ms)
            store = storage.another()
            store.create(held)
            store.settle(held, after)
    metrics = storage.store.metrics(plugin)
    assert set(metrics) == {"say", "shout"}
    for tool, durations in times.items():
        assert (metrics[tool].succeeded, metrics[tool].executed, metrics[tool].in_flight) == (
            len(durations),
            len(durations),
            0,
        )
        assert metrics[tool].total_ms == pytest.approx(sum(durations))
        assert metrics[tool].buckets == {bucket_of(elapsed): 1 for elapsed in durations}


@pytest.mark.parametrize(
    ("status", "error", "state"),
    [
        (JobStatus.FAILED, ErrorCode.PLUGIN_CRASHED, LifecycleState.FAILED),
        (JobStatus.TIMED_OUT, ErrorCode.TIMEOUT, LifecycleState.FAILED),
        (JobStatus.CANCELLED, ErrorCode.CANCELLED, LifecycleState.INITIALIZED),
        (JobStatus.FAILED, ErrorCode.INVALID_INPUT, LifecycleState.INITIALIZED),
        (JobStatus.FAILED, ErrorCode.PLUGIN_UNAVAILABLE, LifecycleState.UNAVAILABLE),
    ],
)
def test_each_outcome_has_its_counter_and_its_lifecycle_state(
    storage: Storage, job: Job, status: JobStatus, error: ErrorCode, state: LifecycleState
) -> None:
    owner: dict[str, Any] = {"tenant": job.tenant, "plugin": job.plugin}
    storage.store.create(counted_job(JobStatus.SUCCEEDED, elapsed_ms=1.0, **owner))
    storage.store.create(counted_job(status, error=error, elapsed_ms=2.0, updated_at=LATER, **owner))
    metrics = counted(storage, job)
    counts = {one: getattr(metrics, one) for one in FINAL}
    assert counts == {**dict.fromkeys(FINAL, 0), JobStatus.SUCCEEDED: 1, status: 1}
    assert (metrics.lifecycle, metrics.last_ms, metrics.last_used) == (state, 2.0, LATER)


def test_the_reason_of_an_unavailable_plugin_is_shown_until_it_works(storage: Storage, job: Job) -> None:
    owner: dict[str, Any] = {"tenant": job.tenant, "plugin": job.plugin}
    unavailable, reason = ErrorCode.PLUGIN_UNAVAILABLE, "needs torch: not installed"
    storage.store.create(counted_job(JobStatus.FAILED, error=unavailable, reason=reason, **owner))
    assert counted(storage, job).reason == "needs torch: not installed"
    storage.store.create(counted_job(JobStatus.SUCCEEDED, updated_at=LATER, **owner))
    assert (counted(storage, job).lifecycle, counted(storage, job).reason) == (LifecycleState.INITIALIZED, None)


# --- Leases ---


LONG_AGO = NOON.replace(year=2000)
"""The leases of all other jobs in the shared table expire much later."""


def after_s(seconds: float) -> datetime:
    return LONG_AGO + timedelta(seconds=seconds)


def lapsed(storage: Storage, job: Job, seconds: float) -> list[Job]:
    """Return the tenant's jobs whose lease has expired so many seconds after `LONG_AGO`, sorted by id."""
    found = [one for one in storage.store.with_lapsed_lease(after_s(seconds)) if one.tenant == job.tenant]
    return sorted(found, key=lambda one: one.job_id)


def test_unfinished_jobs_are_found_once_their_lease_has_expired(storage: Storage, tenant: str, plugin: str) -> None:
    jobs = [
        a_job(status, tenant=tenant, plugin=plugin, job_id=str(ULID()), lease_expires_at=after_s(seconds))
        for status in UNFINISHED
        for seconds in (10, 20, 30)
    ] + [a_job(status, tenant=tenant, plugin=plugin) for status in FINAL]
    for job in jobs:
        storage.store.create(job)
    expected = [job for job in jobs if job.lease_expires_at == after_s(10)]
    assert lapsed(storage, jobs[0], 15) == sorted(expected, key=lambda one: one.job_id)
    assert len(expected) == len(UNFINISHED)


def test_finished_job_is_no_longer_found_by_its_lease(storage: Storage, job: Job) -> None:
    held = written(storage, replace(in_status(job, JobStatus.RUNNING), lease_expires_at=after_s(1)))
    assert lapsed(storage, job, 11) == [held]
    after = succeeded(held)
    storage.store.settle(held, after)
    assert lapsed(storage, job, 11) == []


def test_expired_lease_is_found_at_most_ten_seconds_later(storage: Storage, job: Job) -> None:
    held = written(storage, replace(in_status(job, JobStatus.RUNNING), lease_expires_at=after_s(1)))
    assert lapsed(storage, job, 1) == []
    assert lapsed(storage, job, 11) == [held]


def test_heartbeat_removes_a_job_from_the_expired_leases(storage: Storage, job: Job) -> None:
    held = written(storage, replace(in_status(job, JobStatus.RUNNING), lease_expires_at=after_s(1)))
    after_heartbeat = storage.store.heartbeat(held, now=LATER, lease_expires_at=after_s(300), progress=None)
    assert lapsed(storage, job, 300) == []
    assert lapsed(storage, job, 301) == [after_heartbeat]
