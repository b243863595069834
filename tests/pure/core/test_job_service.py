"""Submit, read, list, cancel and settle jobs, and races between a read and its write."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain import job as steps
from interlock.domain.counters import ending_delta, starting_delta
from interlock.domain.errors import AlreadyFinished, ErrorCode, NotFinished, NotFound, ServiceUnavailable
from interlock.domain.events import EMPTY_LOG, state_event
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Cancel, CancelOutcome, Job
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.metrics import MetricsDelta
from interlock.domain.outcome import Outcome
from interlock.jobs import service as job_service
from interlock.jobs.documents import INLINE_LIMIT_BYTES, Documents
from interlock.jobs.service import START_LEASE, JobService, NewJob
from interlock.ports import JobFilter, KeyAlreadyUsed
from tests.fakes.jobs import a_job, idempotency_record
from tests.fakes.outside import NOON, ManualClock, MemoryObjects, MemoryWorkflow
from tests.fakes.store import Hook, Interposed, MemoryJobs, Moment, once

WANTED = NewJob("acme", "echo", "say", "1.0.0", 20.0)
UNFINISHED = [status for status in JobStatus if status not in FINAL]


class Setting:
    """A service on in-memory adapters. `between` intercepts its calls to `store`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryJobs()
        self.between = Interposed(self.store)
        self.workflow = MemoryWorkflow()
        self.objects = MemoryObjects()
        self.service = JobService(
            self.between, self.workflow, Documents(self.objects), clock=self.clock, retention=timedelta(days=7)
        )

    def add(self, job: Job) -> Job:
        """Store a job, count it according to its status and return it."""
        self.store.create(job, starting_delta(job, NOON) if job.attempt else None)
        return job

    def stored(self, job: Job) -> Job:
        found = self.store.get(job.tenant, job.job_id)
        assert found is not None
        return found

    def submit(self) -> Job:
        return self.service.submit(self.service.new(WANTED), {"text": "hello"})

    def race(self, name: str, action: Callable[[], object]) -> None:
        """Call `action` just before the next write of this name."""
        self.between.hook = once("before", name, action)

    def counted(self) -> dict[str, int]:
        metrics = self.store.metrics("echo")["say"]
        names = ("succeeded", "failed", "timed_out", "cancelled", "in_flight")
        return {name: getattr(metrics, name) for name in names if getattr(metrics, name)}


@pytest.fixture
def at() -> Setting:
    return Setting()


def claim(at: Setting, job: Job, worker_id: str = "worker-1") -> Job:
    """Claim the job as a worker does."""
    after = steps.claimed(job, worker_id=worker_id, now=at.clock(), lease_expires_at=at.clock() + timedelta(seconds=15))
    at.store.change(job, after, starting_delta(after, at.clock()))
    return after


def finish(at: Setting, job: Job, outcome: Outcome | None = None) -> Job:
    """Write the outcome of the job as its worker does."""
    outcome = outcome or replace(Outcome.succeeded(None), execution_time_ms=5.0)
    after = steps.ended(at.stored(job), outcome, result=None, progress=None, now=at.clock())
    at.store.settle(at.stored(job), after, ending_delta(at.stored(job), after))
    return after


# --- New and submit ---


def test_new_job_is_pending_expires_after_the_retention_and_is_not_stored(at: Setting) -> None:
    job = at.service.new(WANTED)
    assert (job.status, job.attempt, job.created_at, job.updated_at) == (JobStatus.PENDING, 0, NOON, NOON)
    assert job.expires_at == NOON + timedelta(days=7)
    assert (job.plugin, job.tool, job.plugin_version, job.timeout_s) == ("echo", "say", "1.0.0", 20.0)
    assert job.events == EMPTY_LOG.adding([state_event(JobStatus.PENDING, NOON)])
    assert at.between.calls == []


def test_new_job_has_the_key_and_limit_of_its_request(at: Setting) -> None:
    job = at.service.new(replace(WANTED, key_id="key-1", key_limit=3))
    assert (job.key_id, job.key_limit) == ("key-1", 3)


def test_job_ids_sort_by_creation_time(at: Setting) -> None:
    ids = []
    for _ in range(50):
        ids.append(at.service.new(WANTED).job_id)
        at.clock.advance(0.001)
    assert ids == sorted(ids)
    assert len(set(ids)) == 50


def test_submitted_job_is_pending_with_its_input_and_start_lease(at: Setting) -> None:
    job = at.submit()
    assert job == at.stored(job)
    assert job.input is not None
    assert job.input.text == '{"text":"hello"}'
    assert (job.status, job.lease_expires_at) == (JobStatus.PENDING, NOON + START_LEASE)
    assert at.workflow.running == {job.job_id: "acme"}


def test_job_is_stored_before_its_workflow_execution_starts(at: Setting) -> None:
    def assert_not_started(moment: Moment, name: str) -> None:
        if (moment, name) == ("after", "create"):
            assert at.workflow.running == {}

    at.between.hook = assert_not_started
    job = at.submit()
    assert at.between.calls == ["create"]
    assert job.job_id in at.workflow.running


def test_large_input_is_stored_before_its_job(at: Setting) -> None:
    at.objects.down = True
    with pytest.raises(ServiceUnavailable):
        at.service.submit(at.service.new(WANTED), {"text": "x" * INLINE_LIMIT_BYTES})
    assert at.store.all_jobs == []


def test_large_input_is_stored_under_its_job_and_name(at: Setting) -> None:
    job = at.service.submit(at.service.new(WANTED), {"text": "x" * INLINE_LIMIT_BYTES})
    assert list(at.objects.texts) == [f"jobs/acme/{job.job_id}/input.json"]


def test_failed_write_starts_no_workflow_execution(at: Setting) -> None:
    at.store.down = True
    with pytest.raises(ServiceUnavailable):
        at.submit()
    assert at.workflow.running == {}


def test_job_whose_start_failed_is_started_by_a_later_read(at: Setting) -> None:
    at.workflow.down = True
    with pytest.raises(ServiceUnavailable):
        at.submit()
    [job] = at.store.all_jobs
    assert job.status is JobStatus.PENDING
    at.workflow.down = False
    assert at.service.get("acme", job.job_id) == job  # its start lease has not expired
    assert at.workflow.running == {}
    at.clock.advance(60.001)
    read = at.service.get("acme", job.job_id)
    assert at.workflow.running == {job.job_id: "acme"}
    assert read == at.stored(job)
    assert (read.status, read.lease_expires_at) == (JobStatus.PENDING, at.clock() + START_LEASE)


def test_used_idempotency_key_starts_nothing(at: Setting) -> None:
    first = at.service.new(WANTED)
    at.service.submit(first, {"text": "a"}, idempotency_record(first, "key", {"text": "a"}))
    again = at.service.new(WANTED)
    with pytest.raises(KeyAlreadyUsed) as caught:
        at.service.submit(again, {"text": "a"}, idempotency_record(again, "key", {"text": "a"}))
    assert caught.value.record.job_id == first.job_id
    assert list(at.workflow.running) == [first.job_id]


def test_request_hash_ignores_field_order_and_the_key_is_stored_hashed(at: Setting) -> None:
    job = at.service.new(WANTED)
    one = idempotency_record(job, "key", {"a": 1, "b": [1.5, "x"]})
    assert one.request_hash == idempotency_record(job, "key", {"b": [1.5, "x"], "a": 1}).request_hash
    assert one.request_hash != idempotency_record(job, "key", {"a": 1, "b": ["x", 1.5]}).request_hash
    assert one.key_hash != idempotency_record(job, "Key", {}).key_hash
    assert (one.tenant, one.job_id, one.expires_at) == ("acme", job.job_id, job.expires_at)
    assert "key" not in one.key_hash


def test_request_hash_is_the_same_in_every_release(at: Setting) -> None:
    # Stored hashes outlive a deployment: another algorithm would turn every replay into a mismatch.
    record = idempotency_record(at.service.new(WANTED), "key", {"b": [1.5, "ä"], "a": {"d": None, "c": True}})
    canonical = b'{"a":{"c":true,"d":null},"b":[1.5,"\\u00e4"]}'
    assert record.request_hash == hashlib.sha256(canonical).hexdigest()
    assert record.key_hash == hashlib.sha256(b"key").hexdigest()


def test_idempotency_record_is_found_by_its_tenant_until_it_expires(at: Setting) -> None:
    job = at.service.new(WANTED)
    record = idempotency_record(job, "key", {})
    again = KeyedRequest.of("acme", "key", {"other": "body"})
    assert at.service.first_request(again) is None
    at.service.submit(job, {}, record)
    assert at.service.first_request(again) == record
    assert at.service.first_request(replace(again, tenant="other")) is None
    assert at.service.first_request(KeyedRequest.of("acme", "other key", {})) is None
    at.clock.advance(timedelta(days=7).total_seconds())
    assert at.service.first_request(again) == record
    at.clock.advance(0.001)
    assert at.service.first_request(again) is None


# --- Read and list ---


def test_job_is_read_in_one_call(at: Setting) -> None:
    job = at.add(a_job(JobStatus.RUNNING))
    assert at.service.get("acme", job.job_id) == job
    assert at.between.calls == ["get"]


CALLS: list[Callable[[JobService, str, str], object]] = [
    lambda service, tenant, job_id: service.get(tenant, job_id),
    lambda service, tenant, job_id: service.result(tenant, job_id),
    lambda service, tenant, job_id: service.cancel(tenant, job_id, None),
]


@pytest.mark.parametrize("call", CALLS, ids=["get", "result", "cancel"])
def test_unknown_job_and_job_of_another_tenant_raise_the_same_error(
    at: Setting, call: Callable[[JobService, str, str], object]
) -> None:
    job = at.add(a_job())
    for tenant, job_id in (("acme", "01J00000000000000000000000"), ("rival", job.job_id)):
        with pytest.raises(NotFound, match=f"^There is no job '{job_id}'"):
            call(at.service, tenant, job_id)
    assert at.stored(job) == job


def test_job_of_another_tenant_cannot_be_settled(at: Setting) -> None:
    job = at.add(a_job())
    assert at.service.settle("rival", job.job_id, worker_gone=True) is None
    assert at.stored(job) == job


@pytest.mark.parametrize("status", UNFINISHED)
def test_result_of_an_unfinished_job_raises_not_finished(at: Setting, status: JobStatus) -> None:
    job = at.add(a_job(status))
    with pytest.raises(NotFinished) as caught:
        at.service.result("acme", job.job_id)
    assert caught.value.details == {"status": status.value}
    assert str(caught.value) == f"The job is {status.value}."


@pytest.mark.parametrize("status", sorted(FINAL))
def test_result_of_every_finished_job_is_returned(at: Setting, status: JobStatus) -> None:
    job = at.add(a_job(status))
    assert at.service.result("acme", job.job_id) == job


def test_pages_list_the_newest_jobs_first(at: Setting) -> None:
    jobs = [at.add(a_job()) for _ in range(3)]
    page, next_id = at.service.page(JobFilter("acme"), limit=2, before_id=None)
    newest = sorted((job.job_id for job in jobs), reverse=True)
    assert [job.job_id for job in page] == newest[:2]
    assert next_id == newest[1]
    assert [job.job_id for job in at.service.page(JobFilter("acme"), limit=2, before_id=next_id)[0]] == newest[2:]


# --- Cancel ---


def test_cancelling_a_pending_job_prevents_it_and_stops_its_workflow_execution(at: Setting) -> None:
    job = at.submit()
    at.clock.advance(1)
    cancelled = at.service.cancel("acme", job.job_id, "not needed")
    assert cancelled == at.stored(job)
    assert cancelled.status is JobStatus.CANCELLED
    assert cancelled.cancel == Cancel(NOON + timedelta(seconds=1), "not needed", CancelOutcome.PREVENTED)
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
    assert (settled.cancel and settled.cancel.outcome) == (CancelOutcome.TOO_LATE if cancelled else None)
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
    """Otherwise its tool would keep running in a finished job until the next heartbeat."""
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
    assert (settled.status, settled.cancel and settled.cancel.outcome) == ("failed", CancelOutcome.TOO_LATE)
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
    at.race("settle", lambda: at.store.settle(job, cancelled, ending_delta(job, cancelled)))
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


# --- Changes of the counters ---


@pytest.mark.parametrize(
    ("before", "in_flight"), [(JobStatus.PENDING, 0), (JobStatus.RUNNING, -1), (JobStatus.CANCELLING, -1)]
)
def test_finishing_a_claimed_job_decrements_in_flight(before: JobStatus, in_flight: int) -> None:
    job = a_job(before)
    delta = ending_delta(job, steps.lost(job, now=NOON))
    assert (delta.plugin, delta.tool, delta.in_flight) == ("echo", "say", in_flight)
    assert (delta.status, delta.error, delta.elapsed_ms) == (JobStatus.FAILED, ErrorCode.WORKER_LOST, None)
    assert delta.at == NOON


def test_finishing_a_run_counts_its_duration_and_error() -> None:
    job = a_job(JobStatus.RUNNING)
    outcome = replace(Outcome.failed(ErrorCode.PLUGIN_CRASHED, "gone"), execution_time_ms=41.25)
    after = steps.ended(job, outcome, result=None, progress=None, now=NOON + timedelta(seconds=1))
    assert ending_delta(job, after) == MetricsDelta(
        plugin="echo",
        tool="say",
        in_flight=-1,
        at=NOON + timedelta(seconds=1),
        status=JobStatus.FAILED,
        error=ErrorCode.PLUGIN_CRASHED,
        elapsed_ms=41.25,
    )


def test_starting_a_job_increments_in_flight() -> None:
    delta = starting_delta(a_job(JobStatus.RUNNING), NOON)
    assert (delta.in_flight, delta.status, delta.elapsed_ms, delta.at) == (1, None, None, NOON)


def test_hook_of_once_acts_exactly_once() -> None:
    """The race tests rely on it: a race that did not take place would prove nothing."""
    seen: list[str] = []
    hook: Hook = once("before", "change", lambda: seen.append("acted"))
    hook("after", "change")
    hook("before", "settle")
    assert seen == []
    hook("before", "change")
    hook("before", "change")
    assert seen == ["acted"]
