"""The promises of `JobStore`, on every store there is."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ulid import ULID

from interlock.domain import job as steps
from interlock.domain.counters import ending_delta, starting_delta
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import log_event, progress_event
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Cancel, CancelOutcome, Job, Progress, StoredJson
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics, MetricsDelta, bucket_of
from interlock.domain.outcome import Outcome
from interlock.ports import JobExists, KeyAlreadyUsed, StaleJob
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.service.conftest import Storage

LATER = NOON + timedelta(seconds=5)
LEASE = NOON + timedelta(seconds=20)
UNFINISHED = [status for status in JobStatus if status not in FINAL]


@pytest.fixture
def job(tenant: str, plugin: str) -> Job:
    """A pending job, not written yet."""
    return a_job(tenant=tenant, plugin=plugin)


def in_status(job: Job, status: JobStatus) -> Job:
    return a_job(status, tenant=job.tenant, plugin=job.plugin, job_id=job.job_id)


def written(storage: Storage, job: Job) -> Job:
    storage.store.create(job, starting_delta(job, NOON) if job.attempt and not job.finished else None)
    return job


def stored(storage: Storage, job: Job) -> Job | None:
    return storage.another().get(job.tenant, job.job_id)


def claimed(job: Job, worker_id: str = "worker-1") -> Job:
    return steps.claimed(job, worker_id=worker_id, now=LATER, lease_expires_at=LEASE)


def succeeded(job: Job, elapsed_ms: float = 12.5) -> Job:
    outcome = Outcome(JobStatus.SUCCEEDED, execution_time_ms=elapsed_ms)
    return steps.ended(job, outcome, result=StoredJson(2, text="{}"), progress=None, now=LATER)


def counted(storage: Storage, job: Job) -> ExecutionMetrics:
    return storage.another().metrics(job.plugin).get(job.tool, ExecutionMetrics())


def stale(caught: pytest.ExceptionInfo[StaleJob], expected: Job | None) -> bool:
    """Return whether the writer got the current job."""
    return caught.value.current == expected


# --- Round trips ---


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_job_of_any_status_reads_back_as_written(storage: Storage, job: Job, status: JobStatus) -> None:
    job = in_status(job, status)
    storage.store.create(job)
    assert stored(storage, job) == job


@pytest.mark.parametrize(
    "fields",
    [
        {"progress": Progress(0.333333, "Seite 2 von 5: grün 😀", NOON)},
        {"progress": Progress(0.0, "", NOON)},
        {"cancel": Cancel(NOON, None, None)},
        {"cancel": Cancel(NOON, "", CancelOutcome.TOO_LATE)},
        {"error": ErrorInfo(ErrorCode.INVALID_OUTPUT, "half \ud800 a character", {"errors": [{"n": 1.5, "x": None}]})},
        {"result": StoredJson(5_000_000, key="jobs/t/j/result-1.json"), "input": None},
        {"timeout_s": 0.1, "execution_time_ms": 0.001},
        {"timeout_s": 870.0, "execution_time_ms": 869_999.999},
        {"input": StoredJson(16_384, text='"' + "x" * 16_382 + '"')},
        {"lease_expires_at": NOON + timedelta(milliseconds=123)},
    ],
)
def test_every_field_reads_back_as_written(storage: Storage, job: Job, fields: dict[str, Any]) -> None:
    job = replace(job, **fields)
    storage.store.create(job)
    assert stored(storage, job) == job


def test_a_job_is_found_by_its_tenant_and_id_alone(storage: Storage, job: Job) -> None:
    written(storage, job)
    assert storage.store.get("rival", job.job_id) is None
    assert storage.store.get(job.tenant, str(ULID())) is None


# --- Create ---


def test_a_job_is_created_once(storage: Storage, job: Job) -> None:
    written(storage, job)
    other = replace(job, tool="shout")
    with pytest.raises(JobExists):
        storage.store.create(other)
    with pytest.raises(JobExists):
        storage.store.create(other, starting_delta(other, NOON))
    assert stored(storage, job) == job
    assert storage.store.metrics(job.plugin) == {}


@pytest.mark.parametrize("started", [False, True])
def test_repeated_create_is_no_conflict_and_counts_once(storage: Storage, job: Job, started: bool) -> None:
    # The SDK retries a write that arrived when the response was lost.
    job = in_status(job, JobStatus.RUNNING)
    delta = starting_delta(job, NOON) if started else None
    storage.store.create(job, delta)
    storage.another().create(job, delta)
    assert stored(storage, job) == job
    assert counted(storage, job).in_flight == int(started)


def test_job_created_as_running_is_in_flight(storage: Storage, job: Job) -> None:
    written(storage, in_status(job, JobStatus.RUNNING))
    assert counted(storage, job) == ExecutionMetrics(in_flight=1)


# --- Idempotency keys ---


def claim_of(job: Job, request: str = "r") -> IdempotencyRecord:
    return IdempotencyRecord(job.tenant, "key", request, job.job_id, job.expires_at)


@pytest.mark.parametrize("started", [False, True])
def test_first_request_with_an_idempotency_key_creates_the_job_that_others_get(
    storage: Storage, job: Job, started: bool
) -> None:
    first = claim_of(job)
    storage.store.create(job, starting_delta(job, NOON) if started else None, first)
    other = replace(job, job_id=str(ULID()))
    with pytest.raises(KeyAlreadyUsed) as caught:
        storage.another().create(other, starting_delta(other, NOON) if started else None, claim_of(other, "another"))
    assert caught.value.record == first
    assert stored(storage, job) == job
    assert stored(storage, other) is None
    assert counted(storage, job).in_flight == int(started)


def test_idempotency_record_is_found_by_its_tenant_only(storage: Storage, job: Job) -> None:
    assert storage.store.find_idempotency_record(job.tenant, "key") is None
    storage.store.create(job, None, claim_of(job))
    assert storage.another().find_idempotency_record(job.tenant, "key") == claim_of(job)
    assert storage.store.find_idempotency_record(job.tenant + "-2", "key") is None
    assert storage.store.find_idempotency_record(job.tenant, "another") is None


def test_repeated_idempotent_create_is_no_conflict(storage: Storage, job: Job) -> None:
    for store in (storage.store, storage.another()):
        store.create(job, starting_delta(job, NOON), claim_of(job))
    assert counted(storage, job).in_flight == 1


def test_a_key_is_its_tenants_alone(storage: Storage, job: Job) -> None:
    storage.store.create(job, None, claim_of(job))
    other = replace(job, tenant=job.tenant + "-2")
    storage.store.create(other, None, claim_of(other))
    assert stored(storage, other) == other


def test_existing_job_leaves_no_idempotency_record(storage: Storage, job: Job) -> None:
    written(storage, job)
    clash = replace(job, tool="shout")
    with pytest.raises(JobExists):
        storage.store.create(clash, None, claim_of(clash))
    fresh = replace(job, job_id=str(ULID()))
    storage.store.create(fresh, None, claim_of(fresh))
    assert stored(storage, fresh) == fresh


def test_expired_idempotency_record_is_ignored(storage: Storage, job: Job) -> None:
    storage.store.create(job, None, claim_of(job))
    later = job.expires_at + timedelta(seconds=1)
    other = replace(job, job_id=str(ULID()), created_at=later, expires_at=later + timedelta(days=7))
    storage.store.create(other, None, claim_of(other))
    assert stored(storage, other) == other


# --- Change ---


def test_a_claim_moves_the_job_and_puts_it_in_flight(storage: Storage, job: Job) -> None:
    after = claimed(written(storage, job))
    storage.store.change(job, after, starting_delta(after, LATER))
    assert stored(storage, job) == after
    assert counted(storage, job).in_flight == 1


def test_second_claim_gets_the_first(storage: Storage, job: Job) -> None:
    first, second = claimed(written(storage, job)), claimed(job, "worker-2")
    storage.store.change(job, first, starting_delta(first, LATER))
    with pytest.raises(StaleJob) as caught:
        storage.another().change(job, second, starting_delta(second, LATER))
    assert stale(caught, first)
    assert stored(storage, job) == first
    assert counted(storage, job).in_flight == 1


@pytest.mark.parametrize("started", [False, True])
def test_repeated_change_is_no_conflict_and_counts_once(storage: Storage, job: Job, started: bool) -> None:
    after = claimed(written(storage, job))
    for store in (storage.store, storage.another()):
        store.change(job, after, starting_delta(after, LATER) if started else None)
    assert counted(storage, job).in_flight == int(started)


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


@pytest.mark.parametrize("started", [False, True])
def test_change_of_a_deleted_job_is_stale(storage: Storage, job: Job, started: bool) -> None:
    after = claimed(job)
    with pytest.raises(StaleJob) as caught:
        storage.store.change(job, after, starting_delta(after, LATER) if started else None)
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
    # Its own event would have a number that a line of the tool has already.
    running = written(storage, in_status(job, JobStatus.RUNNING))
    news = [log_event("info", "stdout", "hello", LATER)]
    current = storage.store.heartbeat(running, now=LATER, lease_expires_at=LEASE, progress=None, news=news)
    cancelling, lost = steps.cancel_requested(running, reason=None, now=LATER), steps.lost(running, now=LATER)
    writes = {
        "change": lambda: storage.another().change(running, cancelling),
        "settle": lambda: storage.another().settle(running, lost, ending_delta(running, lost)),
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


# --- Settle ---


def test_outcome_is_written_with_its_counters(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    after = succeeded(held)
    storage.store.settle(held, after, ending_delta(held, after))
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
    )


def test_a_job_is_settled_once(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    after, lost = succeeded(held), steps.lost(held, now=LATER)
    storage.store.settle(held, after, ending_delta(held, after))
    with pytest.raises(StaleJob) as caught:
        storage.another().settle(held, lost, ending_delta(held, lost))
    assert stale(caught, after)
    assert stored(storage, job) == after
    assert (counted(storage, job).succeeded, counted(storage, job).failed) == (1, 0)


def test_repeated_outcome_is_no_conflict_and_counts_once(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    after = succeeded(held)
    for store in (storage.store, storage.another()):
        store.settle(held, after, ending_delta(held, after))
    assert (counted(storage, job).succeeded, counted(storage, job).in_flight) == (1, 0)


def test_outcome_unaware_of_a_cancel_is_stale(storage: Storage, job: Job) -> None:
    held = written(storage, in_status(job, JobStatus.RUNNING))
    cancelling = steps.cancel_requested(held, reason=None, now=LATER)
    storage.store.change(held, cancelling)
    after = succeeded(held)
    with pytest.raises(StaleJob) as caught:
        storage.store.settle(held, after, ending_delta(held, after))
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
        storage.store.settle(held, lost, ending_delta(held, lost))
    assert stale(caught, extended)
    assert counted(storage, job).failed == 0
    after = succeeded(extended)
    storage.store.settle(extended, after, ending_delta(extended, after))
    assert stored(storage, job) == after


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_final_status_never_changes(storage: Storage, job: Job, status: JobStatus) -> None:
    final = written(storage, in_status(job, status))
    held = in_status(job, JobStatus.RUNNING)
    after = succeeded(held, 99.0)
    with pytest.raises(StaleJob) as caught:
        storage.store.settle(held, after, ending_delta(held, after))
    assert stale(caught, final)
    assert stored(storage, job) == final
    assert storage.store.metrics(job.plugin) == {}


def test_deleted_job_cannot_be_settled(storage: Storage, job: Job) -> None:
    held = in_status(job, JobStatus.RUNNING)
    after = succeeded(held)
    with pytest.raises(StaleJob) as caught:
        storage.store.settle(held, after, ending_delta(held, after))
    assert stale(caught, None)
    assert stored(storage, job) is None
    assert storage.store.metrics(job.plugin) == {}


def test_a_pending_job_that_is_cancelled_was_never_in_flight(storage: Storage, job: Job) -> None:
    written(storage, job)
    after = steps.cancel_requested(job, reason=None, now=LATER)
    storage.store.settle(job, after, ending_delta(job, after))
    assert counted(storage, job) == ExecutionMetrics(cancelled=1)


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
            store.create(held, starting_delta(held, NOON))
            store.settle(held, after, ending_delta(held, after))
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
    storage.store.create(job, MetricsDelta(job.plugin, job.tool, 0, NOON, JobStatus.SUCCEEDED, None, 1.0))
    other = replace(job, job_id=str(ULID()))
    storage.store.create(other, MetricsDelta(job.plugin, job.tool, 0, LATER, status, error, 2.0))
    metrics = counted(storage, job)
    counts = {one: getattr(metrics, one) for one in FINAL}
    assert counts == {**dict.fromkeys(FINAL, 0), JobStatus.SUCCEEDED: 1, status: 1}
    assert (metrics.lifecycle, metrics.last_ms, metrics.last_used) == (state, 2.0, LATER)


def test_the_reason_of_an_unavailable_plugin_is_shown_until_it_works(storage: Storage, job: Job) -> None:
    unavailable = JobStatus.FAILED, ErrorCode.PLUGIN_UNAVAILABLE, 1.0, "needs torch: not installed"
    storage.store.create(job, MetricsDelta(job.plugin, job.tool, 0, NOON, *unavailable))
    assert counted(storage, job).reason == "needs torch: not installed"
    other = replace(job, job_id=str(ULID()))
    storage.store.create(other, MetricsDelta(job.plugin, job.tool, 0, LATER, JobStatus.SUCCEEDED, None, 1.0))
    assert (counted(storage, job).lifecycle, counted(storage, job).reason) == (LifecycleState.INITIALIZED, None)


# --- Leases ---

LONG_AGO = NOON.replace(year=2000)
"""The leases of all other jobs in the shared table expire much later."""


def after_s(seconds: float) -> datetime:
    return LONG_AGO + timedelta(seconds=seconds)


def lapsed(storage: Storage, job: Job, seconds: float) -> list[Job]:
    """The tenant's jobs with a lease expired by then, in the order of their ids."""
    found = [one for one in storage.store.with_lapsed_lease(after_s(seconds)) if one.tenant == job.tenant]
    return sorted(found, key=lambda one: one.job_id)


def test_unfinished_jobs_are_found_once_their_lease_has_expired(storage: Storage, tenant: str, plugin: str) -> None:
    jobs = [
        a_job(status, tenant=tenant, plugin=plugin, job_id=str(ULID()), lease_expires_at=after_s(seconds))
        for status in UNFINISHED
        for seconds in (1, 2, 3)
    ] + [a_job(status, tenant=tenant, plugin=plugin) for status in FINAL]
    for job in jobs:
        storage.store.create(job)
    expected = [job for job in jobs if job.lease_expires_at == after_s(1)]
    assert lapsed(storage, jobs[0], 2) == sorted(expected, key=lambda one: one.job_id)
    assert len(expected) == len(UNFINISHED)


def test_finished_job_is_no_longer_found_by_its_lease(storage: Storage, job: Job) -> None:
    held = written(storage, replace(in_status(job, JobStatus.RUNNING), lease_expires_at=after_s(1)))
    assert lapsed(storage, job, 2) == [held]
    after = succeeded(held)
    storage.store.settle(held, after, ending_delta(held, after))
    assert lapsed(storage, job, 2) == []


def test_heartbeat_removes_a_job_from_the_expired_leases(storage: Storage, job: Job) -> None:
    held = written(storage, replace(in_status(job, JobStatus.RUNNING), lease_expires_at=after_s(1)))
    after_heartbeat = storage.store.heartbeat(held, now=LATER, lease_expires_at=after_s(300), progress=None)
    assert lapsed(storage, job, 300) == []
    assert lapsed(storage, job, 301) == [after_heartbeat]
