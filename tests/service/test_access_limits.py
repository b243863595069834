"""Rates and slots on real tables: exact limits under real threads."""

from collections.abc import Sequence
from copy import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from ulid import ULID

from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.adapters.dynamo.rates import DynamoRates
from interlock.domain import job as steps
from interlock.domain.errors import ServiceUnavailable, TooManyJobs
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.domain.rate import Rate
from interlock.ports import KeyAlreadyUsed
from tests.fakes.jobs import a_job, keyed
from tests.fakes.outside import NOON, MemoryRates
from tests.service import clients
from tests.service.clients import LosesAnswer
from tests.service.conftest import Storage, Table
from tests.service.test_concurrency import at_once, won

# --- Rates ---


def rates_of(table: Table) -> DynamoRates:
    """Return a new adapter, as each execution environment has one. Its requests take no time."""
    return DynamoRates(table.client, table.name, timer=lambda: 0.0)


def test_concurrent_requests_pass_up_to_the_rate(table: Table, tenant: str) -> None:
    rate = Rate(7, "m")
    environments = [rates_of(table) for _ in range(4)]
    waits = at_once(20, lambda number: environments[number % 4].take(tenant, rate, NOON))
    assert all(isinstance(wait, (int, float)) for wait in waits), waits
    assert sum(wait == 0 for wait in waits) == 7
    assert {wait for wait in waits if wait} == {rate.interval.total_seconds()}


def test_rate_limit_follows_the_algorithm_across_two_environments(table: Table, tenant: str) -> None:
    rate, textbook = Rate(3, "s"), MemoryRates()
    environments = [rates_of(table), rates_of(table)]
    moments = [0, 0, 1, 2, 3, 300, 334, 335, 1000, 1001, 1001, 1001, 1002, 5000, 5000, 5000, 5000, 5400]
    for number, milliseconds in enumerate(moments):
        now = NOON + timedelta(milliseconds=milliseconds)
        found = environments[number % 2].take(tenant, rate, now)
        assert found == pytest.approx(textbook.take(tenant, rate, now), abs=1e-6), (number, milliseconds)


def test_evenly_spaced_requests_cost_one_write_each(table: Table, tenant: str) -> None:
    rates, rate, calls = rates_of(table), Rate(10, "s"), []
    table.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append(model.name), unique_id=tenant
    )
    for number in range(10):
        assert rates.take(tenant, rate, NOON + number * timedelta(milliseconds=90)) == 0
    table.client.meta.events.unregister("before-call.dynamodb", unique_id=tenant)
    assert len(calls) == 10


def test_request_that_is_overtaken_by_a_later_one_is_not_over_the_rate(table: Table, tenant: str) -> None:
    rates, rate = DynamoRates(table.client, table.name, timer=count().__next__), Rate(2, "h")
    assert rates.take(tenant, rate, NOON) == 0
    assert rates.take(tenant, rate, NOON - timedelta(milliseconds=500)) == 0
    assert rates.take(tenant, rate, NOON) > 1700


def test_recorded_usage_of_a_key_expires(table: Table, tenant: str) -> None:
    rates_of(table).take(tenant, Rate(1, "h"), NOON)
    key = {name: {"S": value} for name, value in access_items.rate_key(tenant).items()}
    item = table.client.get_item(TableName=table.name, Key=key)["Item"]
    assert int(item["ttl"]["N"]) > (NOON + timedelta(hours=1)).timestamp()


def test_a_rate_without_a_table_is_unavailable(tenant: str) -> None:
    client = clients.dynamodb("http://127.0.0.1:9", once=True)
    with pytest.raises(ServiceUnavailable):
        DynamoRates(client, "jobs").take(tenant, Rate(1, "s"), NOON)


# --- Slots ---


def limited(tenant: str, plugin: str, limit: int, status: JobStatus = JobStatus.PENDING, **fields: Any) -> Job:
    """Return a job of the tenant's only key, which has this concurrency limit."""
    now = datetime.now(NOON.tzinfo)
    given = {"tenant": tenant, "plugin": plugin, "job_id": str(ULID.from_datetime(now))}
    return a_job(status, **given, key_id=f"key-{tenant}", key_limit=limit, **fields)


def end(storage: Storage, job: Job) -> Job:
    if job.status is JobStatus.PENDING:
        after = steps.cancel_requested(job, reason=None, now=NOON)
    else:
        after = steps.ended(
            job, Outcome(JobStatus.SUCCEEDED, execution_time_ms=1.0), result=None, progress=None, now=NOON
        )
    storage.another().settle(job, after)
    return after


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING])
def test_concurrent_submissions_pass_up_to_the_limit_repeatedly(
    storage: Storage, tenant: str, plugin: str, status: JobStatus
) -> None:
    for _ in range(2):
        jobs = [limited(tenant, plugin, 3, status) for _ in range(10)]

        def create(number: int, jobs: Sequence[Job] = jobs) -> Job:
            job = jobs[number]
            storage.another().create(job)
            return job

        results = at_once(10, create)
        assert won(results, TooManyJobs) == 3
        for result in results:
            if isinstance(result, Job):
                end(storage, result)


def test_concurrent_settlements_release_the_slot_once(storage: Storage, tenant: str, plugin: str) -> None:
    running = limited(tenant, plugin, 2, JobStatus.RUNNING)
    storage.store.create(running)
    storage.store.create(limited(tenant, plugin, 2))
    after = [
        replace(
            steps.lost(running, now=NOON), execution_time_ms=float(number), completed_at=NOON + timedelta(hours=number)
        )
        for number in range(6)
    ]
    at_once(6, lambda n: storage.another().settle(running, after[n]))
    storage.store.create(limited(tenant, plugin, 2))
    with pytest.raises(TooManyJobs):
        storage.store.create(limited(tenant, plugin, 2))


def test_refused_submission_stores_nothing(storage: Storage, tenant: str, plugin: str) -> None:
    storage.store.create(limited(tenant, plugin, 1))
    refused = keyed(limited(tenant, plugin, 1, JobStatus.RUNNING))
    with pytest.raises(TooManyJobs):
        storage.store.create(refused)
    assert storage.store.get(tenant, refused.job_id) is None
    assert sum(one.in_flight for one in storage.store.metrics(plugin).values()) == 0
    # The idempotency key is still free.
    later = replace(refused, key_limit=None)
    storage.store.create(later)


def test_a_full_key_still_gets_its_replays(storage: Storage, tenant: str, plugin: str) -> None:
    first = keyed(limited(tenant, plugin, 1))
    storage.store.create(first)
    with pytest.raises(KeyAlreadyUsed) as caught:
        storage.store.create(keyed(limited(tenant, plugin, 1)))
    assert caught.value.job == first


def test_a_limit_may_change_while_jobs_are_unfinished(storage: Storage, tenant: str, plugin: str) -> None:
    wide = [limited(tenant, plugin, 3) for _ in range(3)]
    for job in wide:
        storage.store.create(job)
    with pytest.raises(TooManyJobs):
        storage.store.create(limited(tenant, plugin, 1))
    for job in wide:
        end(storage, job)
    storage.store.create(limited(tenant, plugin, 1))


def test_slots_and_counters_are_exact_when_responses_are_lost(table: Table, tenant: str, plugin: str) -> None:
    store: DynamoJobs = table.store
    running = limited(tenant, plugin, 1, JobStatus.RUNNING)
    with LosesAnswer(table.client, "TransactWriteItems") as lost:
        store.create(running)
    assert lost.seen == 2
    with pytest.raises(TooManyJobs):
        store.create(limited(tenant, plugin, 1))
    after = steps.lost(running, now=NOON)
    with LosesAnswer(table.client, "TransactWriteItems") as lost:
        store.settle(running, after)
    assert lost.seen == 2
    store.create(limited(tenant, plugin, 1))
    with pytest.raises(TooManyJobs):
        store.create(limited(tenant, plugin, 1))
