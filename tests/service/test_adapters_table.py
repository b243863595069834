"""The table's adapter: lost responses, conflicts, and an index that lags behind."""

import json
from copy import replace
from typing import Any

import pytest

from interlock.adapters.dynamo import jobs as dynamo_jobs
from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import serialized
from interlock.adapters.dynamo.jobs import TRANSACTION_TRIES
from interlock.domain import job as steps
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job import Job, listed
from interlock.domain.job_status import JobStatus
from interlock.ports import JobFilter
from tests.fakes.jobs import a_job, keyed
from tests.fakes.outside import NOON
from tests.service.clients import LosesAnswer, Refuses
from tests.service.conftest import Table
from tests.service.storage_jobs import LATER, LEASE, succeeded


@pytest.fixture
def job(tenant: str, plugin: str) -> Job:
    return a_job(JobStatus.RUNNING, tenant=tenant, plugin=plugin)


# --- The SDK retries a write that had arrived ---


def test_create_with_a_lost_response_has_created_the_job(table: Table, job: Job) -> None:
    with LosesAnswer(table.client, "PutItem") as lost:
        table.store.create(job)
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == job


def test_start_with_a_lost_response_has_started_the_job_and_counts_once(table: Table, job: Job) -> None:
    with LosesAnswer(table.client, "PutItem") as lost:
        table.store.create(job)
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == job
    assert table.store.metrics(job.plugin)["say"].in_flight == 1


def test_idempotent_create_with_a_lost_response_is_recognized(table: Table, job: Job) -> None:
    job = keyed(job)
    with LosesAnswer(table.client, "PutItem") as lost:
        table.store.create(job)
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == job
    assert table.store.metrics(job.plugin)["say"].in_flight == 1


def test_change_with_a_lost_response_has_changed_the_job(table: Table, job: Job) -> None:
    table.store.create(job)
    after = steps.cancel_requested(job, reason="why", now=NOON)
    with LosesAnswer(table.client, "UpdateItem") as lost:
        table.store.change(job, after)
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == after


def test_heartbeat_with_a_lost_response_has_extended_the_lease(table: Table, job: Job) -> None:
    table.store.create(job)
    with LosesAnswer(table.client, "UpdateItem") as lost:
        after_heartbeat = table.store.heartbeat(job, now=NOON, lease_expires_at=LEASE, progress=None)
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == after_heartbeat == replace(job, lease_expires_at=LEASE)


def test_outcome_with_a_lost_response_has_finished_the_job_and_counts_once(table: Table, job: Job) -> None:
    table.store.create(job)
    after = succeeded(job)
    with LosesAnswer(table.client, "UpdateItem") as lost:
        table.store.settle(job, after)
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == after
    metrics = table.store.metrics(job.plugin)["say"]
    assert (metrics.succeeded, metrics.in_flight) == (1, 0)


# --- Conflicts between writes ---


CANCELLED = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"


def limited(job: Job) -> Job:
    """Return the job with a slot of its key: it is written in transactions."""
    return replace(job, key_id=job.tenant, key_limit=5)


def refusal(*reasons: str) -> bytes:
    """The answer to a transaction that was cancelled for these reasons."""
    listed = [{"Code": reason} for reason in reasons]
    return json.dumps({"__type": CANCELLED, "Message": "cancelled", "CancellationReasons": listed}).encode()


CONFLICT = json.dumps(
    {"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException", "message": "conflict"}
).encode()


@pytest.mark.parametrize(
    "reasons", [("None", "TransactionConflict"), ("TransactionConflict", "None"), ("TransactionConflict",) * 2]
)
def test_transaction_conflict_is_retried(table: Table, job: Job, reasons: tuple[str, str]) -> None:
    job = limited(job)
    table.store.create(job)
    after = succeeded(job)
    with Refuses(table.client, "TransactWriteItems", 3, refusal(*reasons)) as met:
        table.store.settle(job, after)
    assert met.seen == 4
    assert table.store.get(job.tenant, job.job_id) == after
    assert table.store.metrics(job.plugin)["say"].succeeded == 1


def test_lasting_transaction_conflict_is_given_up(table: Table, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamo_jobs, "CONFLICT_PAUSE_S", 0.0)
    with (
        Refuses(table.client, "TransactWriteItems", 1000, refusal("None", "TransactionConflict")) as met,
        pytest.raises(ServiceUnavailable),
    ):
        table.store.create(limited(job))
    assert met.seen == TRANSACTION_TRIES
    assert table.store.get(job.tenant, job.job_id) is None


@pytest.mark.parametrize("reasons", [("None", "ThrottlingError"), ("ValidationError", "None")])
def test_transaction_cancelled_for_another_reason_is_unavailable(
    table: Table, job: Job, reasons: tuple[str, str]
) -> None:
    with (
        Refuses(table.client, "TransactWriteItems", 1000, refusal(*reasons)) as met,
        pytest.raises(ServiceUnavailable) as caught,
    ):
        table.store.create(limited(job))
    assert met.seen == 1
    assert caught.value.details == {"service": "table"}
    assert caught.value.__cause__ is not None


def test_single_write_in_conflict_with_a_transaction_is_retried(table: Table, job: Job) -> None:
    # For example, a cancel conflicts with the end of its job. botocore does not retry this error.
    table.store.create(job)
    cancelling = steps.cancel_requested(job, reason="why", now=NOON)
    with Refuses(table.client, "UpdateItem", 3, CONFLICT) as met:
        table.store.change(job, cancelling)
    assert met.seen == 4
    with Refuses(table.client, "UpdateItem", 2, CONFLICT) as met:
        after_heartbeat = table.store.heartbeat(cancelling, now=NOON, lease_expires_at=LEASE, progress=None)
    assert met.seen == 3
    assert table.store.get(job.tenant, job.job_id) == after_heartbeat


def test_single_write_in_lasting_conflict_is_given_up(table: Table, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamo_jobs, "CONFLICT_PAUSE_S", 0.0)
    with Refuses(table.client, "PutItem", 1000, CONFLICT) as met, pytest.raises(ServiceUnavailable):
        table.store.create(job)
    assert met.seen == TRANSACTION_TRIES


def test_unprocessed_reads_are_retried(table: Table, tenant: str, plugin: str) -> None:
    jobs = [a_job(tenant=tenant, plugin=plugin, job_id=f"01J0000000000000000000000{n}") for n in range(3)]
    for job in jobs:
        table.store.create(job)
    keys = [serialized(items.job_key(tenant, job.job_id)) for job in jobs]
    unprocessed = {"Responses": {table.name: []}, "UnprocessedKeys": {table.name: {"Keys": keys}}}
    with Refuses(table.client, "BatchGetItem", 1, json.dumps(unprocessed).encode(), status=200) as met:
        page, _ = table.store.page(JobFilter(tenant), limit=10, before_id=None)
    assert met.seen == 2
    assert list(page) == [listed(job) for job in jobs[::-1]]


# --- An index that lags behind its table ---


def test_page_reads_a_job_once_that_replaced_an_expired_one_with_its_key(table: Table, job: Job) -> None:
    old = keyed(job)
    new = keyed(replace(job, created_at=LATER))
    table.store.create(new)
    with answers_query(table, entry_of(new)), answers_query(table, entry_of(old)):
        page, _ = table.store.page(JobFilter(job.tenant), limit=10, before_id=None)
    assert list(page) == [listed(new)]


def answers_query(table: Table, item: dict[str, Any]) -> Refuses:
    """Let the next query return this item, as an index may that lags behind the table."""
    found = {"Items": [item], "Count": 1, "ScannedCount": 1}
    return Refuses(table.client, "Query", 1, json.dumps(found).encode(), status=200)


def entry_of(job: Job) -> dict[str, Any]:
    """Return the job's entry in any of the indexes."""
    return serialized(items.job_to_item(job))


def test_job_indexed_as_unfinished_and_as_ended_is_listed_once(table: Table, job: Job) -> None:
    over = steps.lost(job, now=NOON)
    table.store.create(over)
    statuses = (JobStatus.RUNNING, JobStatus.FAILED)
    with answers_query(table, entry_of(job)):
        page, next_id = table.store.page(JobFilter(job.tenant, statuses=statuses), limit=1, before_id=None)
    assert (list(page), next_id) == ([listed(over)], None)


@pytest.mark.parametrize("gone", [False, True])
def test_job_without_the_wanted_status_or_deleted_is_not_listed(table: Table, job: Job, gone: bool) -> None:
    if not gone:
        table.store.create(job)
    with answers_query(table, entry_of(job)):
        page, _ = table.store.page(JobFilter(job.tenant, statuses=(JobStatus.PENDING,)), limit=5, before_id=None)
    assert list(page) == []


def test_job_that_has_ended_is_listed_as_it_is_and_not_as_its_entry_shows_it(table: Table, job: Job) -> None:
    over = steps.lost(job, now=NOON)
    table.store.create(over)
    with answers_query(table, entry_of(job)):
        page, _ = table.store.page(JobFilter(job.tenant), limit=1, before_id=None)
    assert list(page) == [listed(over)]


def test_deleted_job_is_not_settled(table: Table, job: Job) -> None:
    with answers_query(table, entry_of(job)) as met:
        assert list(table.store.with_lapsed_lease(NOON.replace(year=1999))) == []
    assert met.seen > 1
