"""Real threads on one table: one contender wins each job, and the counters are exact."""

import math
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import replace
from datetime import timedelta
from typing import Any

import pytest
from ulid import ULID

from interlock.domain import job as steps
from interlock.domain.deadline import Deadline
from interlock.domain.errors import AlreadyFinished, ErrorCode
from interlock.domain.job import Job
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.outcome import Outcome
from interlock.jobs.documents import Documents
from interlock.jobs.service import JobService
from interlock.ports import JobStore, KeyAlreadyUsed, StaleJob
from tests.fakes.jobs import a_job, keyed
from tests.fakes.outside import NOON, ManualClock, MemoryObjects, MemoryWorkflow
from tests.service.conftest import Storage

pytestmark = pytest.mark.no_cover

THREADS = 16


def at_once[T](count: int, action: Callable[[int], T]) -> list[T | Exception]:
    """Call the action with each number below `count`, all at the same moment. Return the results or exceptions."""
    start = threading.Barrier(count)

    def run(number: int) -> T | Exception:
        start.wait()
        try:
            return action(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def won(results: Iterable[Any], lost: type[Exception]) -> int:
    """Return how many calls succeeded. All others must have raised `lost`."""
    results = list(results)
    errors = [result for result in results if isinstance(result, Exception)]
    assert all(type(error) is lost for error in errors), errors
    return len(results) - len(errors)


def counted(storage: Storage, plugin: str) -> ExecutionMetrics:
    return ExecutionMetrics.sum(storage.store.metrics(plugin).values())


def claimed(job: Job, worker_id: str) -> Job:
    return steps.claimed(job, worker_id=worker_id, now=NOON, lease_expires_at=NOON + timedelta(seconds=15))


def ended(job: Job, number: int) -> Job:
    """Return the job as the worker with this number ends it."""
    outcome = [
        Outcome(JobStatus.SUCCEEDED, execution_time_ms=float(number)),
        replace(Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, ""), execution_time_ms=float(number)),
        replace(Outcome.timed_out(Deadline(math.inf, 1), "killed"), execution_time_ms=float(number)),
    ][number % 3]
    return steps.ended(job, outcome, result=None, progress=None, now=NOON)


def claim(store: JobStore, job: Job, worker_id: str) -> Job:
    after = claimed(job, worker_id)
    store.change(job, after)
    return after


def settle(store: JobStore, before: Job, after: Job) -> Job:
    store.settle(before, after)
    return after


def test_one_of_sixteen_claims_of_a_job_wins(storage: Storage, tenant: str, plugin: str) -> None:
    job = a_job(tenant=tenant, plugin=plugin)
    storage.store.create(job)
    stores = [storage.another() for _ in range(THREADS)]
    results = at_once(THREADS, lambda n: claim(stores[n], job, f"worker-{n}"))
    assert won(results, StaleJob) == 1
    [winner] = [result for result in results if isinstance(result, Job)]
    assert storage.store.get(tenant, job.job_id) == winner
    assert all(result.current == winner for result in results if isinstance(result, StaleJob))
    assert counted(storage, plugin).in_flight == 1


def test_one_of_sixteen_settlements_of_a_job_wins(storage: Storage, tenant: str, plugin: str) -> None:
    held = a_job(JobStatus.RUNNING, tenant=tenant, plugin=plugin)
    storage.store.create(held)
    stores = [storage.another() for _ in range(THREADS)]
    results = at_once(THREADS, lambda n: settle(stores[n], held, ended(held, n)))
    assert won(results, StaleJob) == 1
    [winner] = [result for result in results if isinstance(result, Job)]
    assert storage.store.get(tenant, held.job_id) == winner
    metrics = counted(storage, plugin)
    assert (metrics.in_flight, metrics.executed, metrics.total_ms) == (0, 1, winner.execution_time_ms)
    assert getattr(metrics, winner.status) == 1


def test_sixteen_concurrent_outcomes_of_one_plugin_are_counted_exactly(
    storage: Storage, tenant: str, plugin: str
) -> None:
    jobs = [a_job(JobStatus.RUNNING, tenant=tenant, plugin=plugin, job_id=str(ULID())) for _ in range(THREADS * 3)]
    same = storage.another()  # one adapter for all threads

    def run(mine: list[Job]) -> None:
        for number, job in enumerate(mine):
            same.create(job)
            settle(same, job, ended(job, number))

    results = at_once(THREADS, lambda n: run(jobs[n::THREADS]))
    assert results == [None] * THREADS
    metrics = counted(storage, plugin)
    assert (metrics.succeeded, metrics.failed, metrics.timed_out) == (THREADS, THREADS, THREADS)
    assert (metrics.in_flight, metrics.executed) == (0, THREADS * 3)
    assert metrics.total_ms == pytest.approx(THREADS * (0 + 1 + 2))
    assert sum(metrics.buckets.values()) == THREADS * 3


def test_one_of_sixteen_requests_with_one_idempotency_key_creates_the_job(
    storage: Storage, tenant: str, plugin: str
) -> None:
    # All requests come in one millisecond: their jobs have the same id and differ in `write_id` only.
    jobs = [keyed(a_job(JobStatus.RUNNING, tenant=tenant, plugin=plugin)) for _ in range(THREADS)]
    assert len({job.job_id for job in jobs}) == 1
    stores = [storage.another() for _ in range(THREADS)]

    def create(number: int) -> Job:
        stores[number].create(jobs[number])
        return jobs[number]

    results = at_once(THREADS, create)
    assert won(results, KeyAlreadyUsed) == 1
    [winner] = [result for result in results if isinstance(result, Job)]
    assert all(result.job == winner for result in results if isinstance(result, KeyAlreadyUsed))
    assert storage.store.get(tenant, winner.job_id) == winner
    assert counted(storage, plugin).in_flight == 1


class Racers:
    """Actors that may reach a job at the same moment, each in its own environment."""

    def __init__(self, storage: Storage, jobs: list[Job]) -> None:
        self._storage = storage
        self._jobs = jobs
        self._workflow = MemoryWorkflow()
        for job in jobs:
            self._workflow.finish(job.job_id)

    def _service(self, clock: ManualClock) -> JobService:
        documents = Documents(MemoryObjects())
        store = self._storage.another()
        return JobService(store, self._workflow, documents, clock=clock, retention=timedelta(days=7))

    def work(self, number: int) -> None:
        """Claim the job and end it, even if its cancel was requested."""
        store = self._storage.another()
        with suppress(StaleJob):
            held: Job | None = claim(store, self._jobs[number], "worker")
            while held is not None and not held.finished:
                try:
                    held = settle(store, held, ended(held, number))
                except StaleJob as error:
                    held = error.current

    def cancel(self, number: int) -> None:
        job = self._jobs[number]
        with suppress(AlreadyFinished):
            self._service(ManualClock()).cancel(job.tenant, job.job_id, "race")

    def read_late(self, number: int) -> None:
        """Read the job by a clock that is past the end of its lease."""
        job = self._jobs[number]
        self._service(ManualClock(NOON + timedelta(seconds=16))).get(job.tenant, job.job_id)


def test_cancels_ends_and_settlers_race_for_jobs_without_an_illegal_step(
    storage: Storage, tenant: str, plugin: str
) -> None:
    jobs = [a_job(tenant=tenant, plugin=plugin, job_id=str(ULID())) for _ in range(4)]
    for job in jobs:
        storage.store.create(job)
    racers = Racers(storage, jobs)
    roles = (racers.work, racers.cancel, racers.cancel, racers.read_late)
    assert at_once(16, lambda n: roles[n % 4](n // 4)) == [None] * 16
    ends = [storage.store.get(tenant, job.job_id) for job in jobs]
    assert all(job is not None and job.status in FINAL for job in ends)
    metrics = counted(storage, plugin)
    assert metrics.in_flight == 0
    for status in FINAL:
        assert getattr(metrics, status) == [job.status for job in ends if job].count(status)


def test_concurrent_heartbeats_and_a_cancel_lose_no_update(storage: Storage, tenant: str, plugin: str) -> None:
    held = a_job(JobStatus.RUNNING, tenant=tenant, plugin=plugin)
    storage.store.create(held)
    lease = NOON + timedelta(seconds=60)
    stores = [storage.another() for _ in range(THREADS)]

    def act(number: int) -> None:
        if number == 0:
            stores[0].change(held, steps.cancel_requested(held, reason="why", now=NOON))
        else:
            stores[number].heartbeat(held, now=NOON, lease_expires_at=lease, progress=None)

    assert at_once(THREADS, act) == [None] * THREADS
    current = storage.store.get(tenant, held.job_id)
    assert current is not None
    assert (current.status, current.lease_expires_at) == (JobStatus.CANCELLING, lease)
    assert current.cancel is not None
    assert current.cancel.reason == "why"
