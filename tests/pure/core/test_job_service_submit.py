"""Create, submit, read and list jobs."""

import hashlib
from collections.abc import Callable
from copy import replace
from datetime import timedelta
from typing import Any

import pytest
from ulid import ULID

from interlock.domain.errors import NotFinished, NotFound, ServiceUnavailable
from interlock.domain.events import EMPTY_LOG, state_event
from interlock.domain.idempotency import KeyedRequest, comparable, hash_request
from interlock.domain.job_id import with_key
from interlock.domain.job_status import FINAL, JobStatus
from interlock.jobs.documents import INLINE_LIMIT_BYTES
from interlock.jobs.service import START_LEASE, JobService, finished
from interlock.ports import JobFilter, KeyAlreadyUsed
from tests.fakes.jobs import UNFINISHED, a_job
from tests.fakes.outside import NOON
from tests.fakes.store import Moment
from tests.pure.core.job_service_setting import WANTED, Setting


def request(key: str, body: Any) -> KeyedRequest:
    return KeyedRequest.of("acme", key, body)


KEYED = replace(WANTED, keyed=request("key", {"text": "a"}))

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
    first = at.service.submit(at.service.new(KEYED), {"text": "a"})
    with pytest.raises(KeyAlreadyUsed) as caught:
        at.service.submit(at.service.new(KEYED), {"text": "a"})
    assert caught.value.job == first
    assert list(at.workflow.running) == [first.job_id]


def test_requests_with_one_idempotency_key_in_one_millisecond_have_separate_inputs(at: Setting) -> None:
    # Both jobs have the same id. The input of the second request must not replace that of the first.
    first, second = at.service.new(KEYED), at.service.new(replace(KEYED, keyed=request("key", {"other": "body"})))
    assert first.job_id == second.job_id
    at.service.submit(first, {"text": "a" * INLINE_LIMIT_BYTES})
    with pytest.raises(KeyAlreadyUsed) as caught:
        at.service.submit(second, {"text": "b" * INLINE_LIMIT_BYTES})
    stored = caught.value.job.input
    assert stored is not None
    assert "a" * INLINE_LIMIT_BYTES in at.objects.texts[str(stored.key)]


def test_submitted_job_that_was_cancelled_before_the_write_was_repeated_starts_nothing(at: Setting) -> None:
    job = at.service.new(WANTED)
    stored = at.submit(job)
    cancelled = at.service.cancel("acme", job.job_id, None)
    starts = len(at.workflow.running)
    assert at.submit(job) == cancelled
    assert len(at.workflow.running) == starts
    assert stored.status is JobStatus.PENDING


def test_request_hash_ignores_field_order_and_the_key_is_stored_hashed() -> None:
    one = request("key", {"a": 1, "b": [1.5, "x"]})
    assert one == request("key", {"b": [1.5, "x"], "a": 1})
    assert one.request_hash != request("key", {"a": 1, "b": ["x", 1.5]}).request_hash
    assert one.key_hash != request("Key", {}).key_hash
    assert one.key_hash != KeyedRequest.of("rival", "key", {}).key_hash
    assert "key" not in one.key_hash


@pytest.mark.parametrize(
    ("one", "other", "same"), [(20, 20.0, True), (2**53, 2.0**53, True), (2**53, 2**53 + 1, False)]
)
def test_equal_limits_make_equal_requests(one: float, other: float, same: bool) -> None:
    hashes = {hash_request(comparable({"plugin": "echo", "timeout_s": limit})) for limit in (one, other)}
    assert (len(hashes) == 1) is same


def test_hashes_are_the_same_in_every_release() -> None:
    # Stored hashes outlive a deployment: another algorithm would turn every replay into a mismatch or a second run.
    made = request("key", {"b": [1.5, "ä"], "a": {"d": None, "c": True}})
    canonical = b'{"a":{"c":true,"d":null},"b":[1.5,"\\u00e4"]}'
    assert made.request_hash == hashlib.sha256(canonical).hexdigest()
    assert made.key_hash == hashlib.sha256(b"acme#key").hexdigest()
    # The random part is the hash's first 80 bits.
    job_id = with_key(str(ULID.from_datetime(NOON)), made.key_hash)
    assert ULID.from_str(job_id).bytes[6:].hex() == made.key_hash[:20]
    assert ULID.from_str(job_id).datetime == NOON


def test_job_of_an_idempotency_key_is_found_by_its_tenant_until_it_expires(at: Setting) -> None:
    again = request("key", {"other": "body"})
    assert at.service.first_job(again) is None
    job = at.submit(at.service.new(KEYED))
    assert at.service.first_job(again) == job
    assert at.service.first_job(KeyedRequest.of("other", "key", {})) is None
    assert at.service.first_job(request("other key", {})) is None
    job = at.service.cancel("acme", job.job_id, None)
    at.clock.advance(timedelta(days=7).total_seconds())
    assert at.service.first_job(again) == job
    at.clock.advance(0.001)
    assert at.service.first_job(again) is None


# --- Read and list ---


def test_job_is_read_in_one_call(at: Setting) -> None:
    job = at.add(a_job(JobStatus.RUNNING))
    assert at.service.get("acme", job.job_id) == job
    assert at.between.calls == ["get"]


CALLS: list[Callable[[JobService, str, str], object]] = [
    lambda service, tenant, job_id: service.get(tenant, job_id),
    lambda service, tenant, job_id: service.cancel(tenant, job_id, None),
]


@pytest.mark.parametrize("call", CALLS, ids=["get", "cancel"])
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
def test_result_of_an_unfinished_job_raises_not_finished(status: JobStatus) -> None:
    job = a_job(status)
    with pytest.raises(NotFinished) as caught:
        finished(job)
    assert caught.value.details == {"status": status.value}
    assert str(caught.value) == f"The job is {status.value}."


@pytest.mark.parametrize("status", sorted(FINAL))
def test_result_of_every_finished_job_is_returned(status: JobStatus) -> None:
    job = a_job(status)
    assert finished(job) == job


def test_pages_list_the_newest_jobs_first(at: Setting) -> None:
    jobs = [at.add(a_job()) for _ in range(3)]
    page, next_id = at.service.page(JobFilter("acme"), limit=2, before_id=None)
    newest = sorted((job.job_id for job in jobs), reverse=True)
    assert [job.job_id for job in page] == newest[:2]
    assert next_id == newest[1]
    assert [job.job_id for job in at.service.page(JobFilter("acme"), limit=2, before_id=next_id)[0]] == newest[2:]
