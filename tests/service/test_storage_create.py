"""The promises of `JobStore` on created jobs and idempotency keys, on every store there is."""

from copy import replace
from datetime import timedelta
from typing import Any

import pytest
from ulid import ULID

from interlock.domain import job as steps
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Cancel, Job, Progress, StoredJson
from interlock.domain.job_id import random_part
from interlock.domain.job_status import JobStatus
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import JobExists, KeyAlreadyUsed, StaleJob
from tests.fakes.jobs import keyed
from tests.fakes.outside import NOON
from tests.service.conftest import Storage
from tests.service.storage_jobs import LEASE, counted, in_status, stored, written

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
        {"cancel": Cancel(NOON, "", "too_late")},
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
    # Only the random part of the id counts.
    other = replace(job, tool="shout", job_id="01J0000000" + random_part(job.job_id))
    with pytest.raises(JobExists):
        storage.store.create(other)
    assert stored(storage, job) == job
    assert storage.store.metrics(job.plugin) == {}


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING])
def test_repeated_create_is_no_conflict_and_counts_once(storage: Storage, job: Job, status: JobStatus) -> None:
    # The SDK retries a write that arrived when the response was lost.
    job = in_status(job, status)
    storage.store.create(job)
    storage.another().create(job)
    assert stored(storage, job) == job
    assert counted(storage, job).in_flight == int(status is JobStatus.RUNNING)


def test_job_created_as_running_is_in_flight(storage: Storage, job: Job) -> None:
    written(storage, in_status(job, JobStatus.RUNNING))
    assert counted(storage, job) == ExecutionMetrics(in_flight=1, as_of=NOON)


# --- Idempotency keys ---


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING])
def test_first_request_with_an_idempotency_key_creates_the_job_that_others_get(
    storage: Storage, job: Job, status: JobStatus
) -> None:
    job = keyed(in_status(job, status))
    storage.store.create(job)
    other = keyed(replace(job, created_at=NOON + timedelta(seconds=1)), body="another")
    assert other.job_id != job.job_id
    with pytest.raises(KeyAlreadyUsed) as caught:
        storage.another().create(other)
    assert caught.value.job == stored(storage, job) == job
    assert stored(storage, other) is None
    assert counted(storage, job).in_flight == int(status is JobStatus.RUNNING)


def test_request_with_the_same_key_in_the_same_millisecond_gets_the_job_of_the_first(
    storage: Storage, job: Job
) -> None:
    first, second = keyed(job), keyed(job)
    assert first.job_id == second.job_id
    storage.store.create(first)
    with pytest.raises(KeyAlreadyUsed) as caught:
        storage.another().create(second)
    assert caught.value.job == stored(storage, first) == first


def test_job_of_an_idempotency_key_is_found_by_its_tenant_and_key_only(storage: Storage, job: Job) -> None:
    job = keyed(job)
    assert job.key_hash is not None
    assert storage.store.find_by_key(job.tenant, job.key_hash) is None
    storage.store.create(job)
    assert storage.another().find_by_key(job.tenant, job.key_hash) == job
    assert storage.store.find_by_key(job.tenant + "-2", job.key_hash) is None
    assert storage.store.find_by_key(job.tenant, KeyedRequest.of(job.tenant, "another", None).key_hash) is None


def test_repeated_idempotent_create_is_no_conflict(storage: Storage, job: Job) -> None:
    job = keyed(in_status(job, JobStatus.RUNNING))
    for store in (storage.store, storage.another()):
        store.create(job)
    assert counted(storage, job).in_flight == 1


def test_repeated_claim_is_no_conflict_if_the_job_was_cancelled_in_between(storage: Storage, job: Job) -> None:
    # The response to the first write was lost, and the job was found and cancelled before the SDK repeated it.
    for claimed in (
        keyed(in_status(job, JobStatus.RUNNING)),
        in_status(replace(job, job_id=str(ULID())), JobStatus.RUNNING),
    ):
        storage.store.create(claimed)
        cancelling = steps.cancel_requested(claimed, reason=None, now=NOON)
        storage.store.change(claimed, cancelling)
        storage.another().create(claimed)
        assert stored(storage, claimed) == cancelling


def test_repeated_create_reports_that_the_job_was_settled_in_between(storage: Storage, job: Job) -> None:
    running = in_status(job, JobStatus.RUNNING)
    storage.store.create(running)
    lost = steps.lost(running, now=NOON)
    storage.store.settle(running, lost)
    with pytest.raises(StaleJob) as caught:
        storage.another().create(running)
    assert caught.value.current == lost


def test_idempotency_keys_are_separate_for_each_tenant(storage: Storage, job: Job) -> None:
    storage.store.create(keyed(job))
    other = keyed(replace(job, tenant=job.tenant + "-2"))
    storage.store.create(other)
    assert stored(storage, other) == other


def test_expired_job_is_replaced_by_the_next_request_with_its_key(storage: Storage, job: Job) -> None:
    expired = keyed(in_status(job, JobStatus.SUCCEEDED))
    storage.store.create(expired)
    later = expired.expires_at + timedelta(seconds=1)
    fresh = keyed(replace(job, created_at=later, expires_at=later + timedelta(days=7)), body="another")
    storage.store.create(fresh)
    assert stored(storage, fresh) == fresh
    assert stored(storage, expired) is None
    # Late writes of the old job change nothing: it is gone.
    running = keyed(in_status(job, JobStatus.RUNNING))
    with pytest.raises(StaleJob) as caught:
        storage.store.change(running, steps.cancel_requested(running, reason=None, now=NOON))
    assert caught.value.current is None
    with pytest.raises(StaleJob) as caught:
        storage.store.heartbeat(running, now=NOON, lease_expires_at=LEASE, progress=None)
    assert caught.value.current is None
    assert stored(storage, fresh) == fresh


def test_unfinished_job_keeps_its_key_after_it_has_expired(storage: Storage, job: Job) -> None:
    pending = keyed(job)
    storage.store.create(pending)
    later = pending.expires_at + timedelta(seconds=1)
    with pytest.raises(KeyAlreadyUsed) as caught:
        storage.store.create(keyed(replace(job, created_at=later, expires_at=later + timedelta(days=7))))
    assert caught.value.job == pending
