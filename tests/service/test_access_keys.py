"""Keys and secrets on real tables: atomic writes, and one secret for all environments."""

from copy import replace
from datetime import timedelta
from typing import Any

import pytest
from ulid import ULID

from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.adapters.dynamo.secrets import DynamoSecrets
from interlock.domain.access import ApiKey, KeyIsOver, hash_key
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.rate import Rate
from tests.fakes.outside import NOON
from tests.service import clients
from tests.service.clients import LosesAnswer, Refuses
from tests.service.conftest import Table
from tests.service.test_concurrency import at_once

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
        {
            "expires_at": NOON,
            "revoked_at": NOON,
            "rate": Rate(10, "s"),
            "concurrency": 3,
            "name": "a name",
            "created_by": "another",
        },
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
