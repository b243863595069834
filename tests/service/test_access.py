"""Keys, rates, slots and secrets on real tables: atomic writes, and exact limits under real threads."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ulid import ULID

from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.adapters.dynamo.keys import DynamoKeys, KeyIsOver
from interlock.adapters.dynamo.rates import DynamoRates
from interlock.adapters.dynamo.secrets import DynamoSecrets
from interlock.domain import job as steps
from interlock.domain.access import ApiKey, hash_key
from interlock.domain.counters import ending_delta, starting_delta
from interlock.domain.errors import ServiceUnavailable, TooManyJobs
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.domain.rate import Rate
from interlock.ports import KeyAlreadyUsed
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON, MemoryRates
from tests.service import clients
from tests.service.clients import LosesAnswer, Refuses
from tests.service.conftest import Storage, Table
from tests.service.test_concurrency import at_once, won

HOUR = timedelta(hours=1)


def a_key(tenant: str, **fields: Any) -> ApiKey:
    key_id = str(ULID())
    given: dict[str, Any] = {"scopes": frozenset({"admin"}), "created_at": NOON, "hint": "last"}
    return ApiKey(hash_key(key_id), key_id, tenant, **(given | fields))


@pytest.fixture
def keys(table: Table) -> DynamoKeys:
    return DynamoKeys(table.client, table.name)


# --- Keys ---


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"scopes": frozenset[str]()},
        {"expires_at": NOON, "revoked_at": NOON, "rate": Rate(10, "s"), "concurrency": 3, "note": "a note"},
    ],
)
def test_a_key_is_found_by_its_hash_and_by_its_id(keys: DynamoKeys, tenant: str, fields: dict[str, Any]) -> None:
    key = a_key(tenant, **fields)
    assert keys.get(key.key_hash) is keys.find(key.key_id) is None
    keys.create(key)
    assert keys.get(key.key_hash) == keys.find(key.key_id) == key


def test_keys_are_listed_by_tenant_oldest_first_without_a_scan(table: Table, keys: DynamoKeys, tenant: str) -> None:
    mine, others = [a_key(tenant) for _ in range(5)], [a_key(f"{tenant}.b") for _ in range(3)]
    for key in [*mine, *others]:
        keys.create(key)
    ours = sorted(mine, key=lambda key: key.key_id)
    calls: list[str] = []
    table.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append(model.name), unique_id=tenant
    )
    assert list(keys.listed(tenant)) == ours
    table.client.meta.events.unregister("before-call.dynamodb", unique_id=tenant)
    assert calls == ["Query", "BatchGetItem"]
    assert [key for key in keys.listed() if key in [*mine, *others]] == sorted(
        [*mine, *others], key=lambda key: key.key_id
    )


def test_more_keys_than_one_batch_takes_are_all_listed(keys: DynamoKeys, tenant: str) -> None:
    made = [a_key(tenant) for _ in range(130)]
    for key in made:
        keys.create(key)
    assert {key.key_id for key in keys.listed(tenant)} == {key.key_id for key in made}


def test_a_key_is_never_stored_in_the_table(table: Table, keys: DynamoKeys, tenant: str) -> None:
    secret = "interlock_the-secret-itself"
    keys.create(replace(a_key(tenant), key_hash=hash_key(secret)))
    items = [
        item for page in table.client.get_paginator("scan").paginate(TableName=table.name) for item in page["Items"]
    ]
    assert any(tenant in str(item) for item in items)
    assert "the-secret-itself" not in str(items)


def test_a_revoked_key_stays_revoked_since_the_first_time(keys: DynamoKeys, tenant: str) -> None:
    key = a_key(tenant)
    keys.create(key)
    assert keys.revoke(key, NOON) == NOON
    assert keys.revoke(key, NOON + HOUR) == NOON
    assert keys.get(key.key_hash) == replace(key, revoked_at=NOON)


def test_revoking_an_unknown_key_creates_none(keys: DynamoKeys, tenant: str) -> None:
    with pytest.raises(ServiceUnavailable):
        keys.revoke(a_key(tenant), NOON)
    assert list(keys.listed(tenant)) == []


def test_rotating_makes_the_new_key_and_ends_the_old_one_together(keys: DynamoKeys, tenant: str) -> None:
    old, new = a_key(tenant), a_key(tenant)
    keys.create(old)
    keys.rotate(old, new, old_expires_at=NOON + HOUR)
    assert keys.get(old.key_hash) == replace(old, expires_at=NOON + HOUR)
    assert keys.get(new.key_hash) == new
    assert len(list(keys.listed(tenant))) == 2


def test_a_key_revoked_meanwhile_is_not_rotated_and_leaves_no_new_one(keys: DynamoKeys, tenant: str) -> None:
    old, new = a_key(tenant), a_key(tenant)
    keys.create(old)
    keys.revoke(old, NOON)
    with pytest.raises(KeyIsOver):
        keys.rotate(old, new, old_expires_at=NOON + HOUR)
    assert keys.get(new.key_hash) is keys.find(new.key_id) is None
    assert keys.get(old.key_hash) == replace(old, revoked_at=NOON)


# --- Rates ---


def rates_of(table: Table) -> DynamoRates:
    """Return a new adapter, as each execution environment has one."""
    return DynamoRates(table.client, table.name)


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
    # One more when the guess was wrong: the first that came before its time.
    assert len(calls) <= 11


def test_recorded_usage_of_a_key_expires(table: Table, tenant: str) -> None:
    rates_of(table).take(tenant, Rate(1, "h"), NOON)
    key = {name: {"S": value} for name, value in access_items.rate_key(tenant).items()}
    item = table.client.get_item(TableName=table.name, Key=key)["Item"]
    assert int(item["ttl"]["N"]) > (NOON + HOUR).timestamp()


def test_a_rate_without_a_table_is_unavailable(tenant: str) -> None:
    client = clients.dynamodb("http://127.0.0.1:9", once=True)
    with pytest.raises(ServiceUnavailable):
        DynamoRates(client, "jobs").take(tenant, Rate(1, "s"), NOON)


# --- Slots ---


def limited(tenant: str, plugin: str, limit: int, status: JobStatus = JobStatus.PENDING, **fields: Any) -> Job:
    """A job of a key that is the tenant's only one."""
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
    storage.another().settle(job, after, ending_delta(job, after))
    return after


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING])
def test_concurrent_submissions_pass_up_to_the_limit_repeatedly(
    storage: Storage, tenant: str, plugin: str, status: JobStatus
) -> None:
    for _ in range(2):
        jobs = [limited(tenant, plugin, 3, status) for _ in range(10)]

        def create(number: int, jobs: Sequence[Job] = jobs) -> Job:
            job = jobs[number]
            started = starting_delta(job, NOON) if job.status is JobStatus.RUNNING else None
            storage.another().create(job, started)
            return job

        results = at_once(10, create)
        assert won(results, TooManyJobs) == 3
        for result in results:
            if isinstance(result, Job):
                end(storage, result)


def test_concurrent_settlements_release_the_slot_once(storage: Storage, tenant: str, plugin: str) -> None:
    running = limited(tenant, plugin, 2, JobStatus.RUNNING)
    storage.store.create(running, starting_delta(running, NOON))
    storage.store.create(limited(tenant, plugin, 2))
    after = [
        replace(steps.lost(running, now=NOON), execution_time_ms=float(number), completed_at=NOON + number * HOUR)
        for number in range(6)
    ]
    at_once(6, lambda n: storage.another().settle(running, after[n], ending_delta(running, after[n])))
    storage.store.create(limited(tenant, plugin, 2))
    with pytest.raises(TooManyJobs):
        storage.store.create(limited(tenant, plugin, 2))


def test_refused_submission_stores_nothing(storage: Storage, tenant: str, plugin: str) -> None:
    storage.store.create(limited(tenant, plugin, 1))
    refused = limited(tenant, plugin, 1, JobStatus.RUNNING)
    claim = IdempotencyRecord(tenant, "key", "r", refused.job_id, refused.expires_at)
    with pytest.raises(TooManyJobs):
        storage.store.create(refused, starting_delta(refused, NOON), claim)
    assert storage.store.get(tenant, refused.job_id) is None
    assert sum(one.in_flight for one in storage.store.metrics(plugin).values()) == 0
    # The idempotency key is still free.
    later = replace(refused, key_limit=None)
    storage.store.create(later, starting_delta(later, NOON), claim)


def test_a_full_key_still_gets_its_replays(storage: Storage, tenant: str, plugin: str) -> None:
    first = limited(tenant, plugin, 1)
    claim = IdempotencyRecord(tenant, "key", "r", first.job_id, first.expires_at)
    storage.store.create(first, record=claim)
    again = limited(tenant, plugin, 1)
    with pytest.raises(KeyAlreadyUsed):
        storage.store.create(again, record=replace(claim, job_id=again.job_id))


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
        store.create(running, starting_delta(running, NOON))
    assert lost.seen == 2
    with pytest.raises(TooManyJobs):
        store.create(limited(tenant, plugin, 1))
    after = steps.lost(running, now=NOON)
    with LosesAnswer(table.client, "TransactWriteItems") as lost:
        store.settle(running, after, ending_delta(running, after))
    assert lost.seen == 2
    store.create(limited(tenant, plugin, 1))
    with pytest.raises(TooManyJobs):
        store.create(limited(tenant, plugin, 1))


# --- Secrets ---


def test_all_environments_read_the_same_secret(table: Table, tenant: str) -> None:
    secrets = at_once(12, lambda _: DynamoSecrets(table.client, table.name).secret(tenant))
    assert len(set(map(bytes, secrets))) == 1  # type: ignore[arg-type]
    assert len(secrets[0]) == 32  # type: ignore[arg-type]
    assert DynamoSecrets(table.client, table.name).secret("another") != secrets[0]


def test_a_secret_is_read_once(table: Table, tenant: str) -> None:
    secrets = DynamoSecrets(table.client, table.name)
    first = secrets.secret(tenant)
    with Refuses(table.client, "GetItem", 1, b"{}") as asked:
        assert secrets.secret(tenant) == first
    assert asked.seen == 0


def test_secret_is_kept_when_the_response_to_its_write_is_lost(table: Table, tenant: str) -> None:
    with LosesAnswer(table.client, "PutItem") as lost:
        first = DynamoSecrets(table.client, table.name).secret(tenant)
    assert lost.seen == 2
    assert DynamoSecrets(table.client, table.name).secret(tenant) == first


def test_a_secret_without_a_table_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailable):
        DynamoSecrets(clients.dynamodb("http://127.0.0.1:9", once=True), "jobs").secret("cursors")
