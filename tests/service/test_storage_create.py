"""The promises of `JobStore` on created jobs and idempotency keys, on every store there is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ulid import ULID

from interlock.domain.counters import starting_delta
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Cancel, CancelOutcome, Job, Progress, StoredJson
from interlock.domain.job_status import JobStatus
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import JobExists, KeyAlreadyUsed
from tests.fakes.outside import NOON
from tests.service.conftest import Storage
from tests.service.storage_jobs import counted, in_status, stored, written

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
