"""Expired items leave the local stack's table, its indexes and its memory."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from interlock_dev.aws.dynamodb import expiry
from interlock_dev.aws.dynamodb.expiry import Expiry, remove_expired
from interlock_dev.aws.dynamodb.narrowing import narrowed
from interlock_dev.project.template import ACCOUNT, REGION

NOW = 1_800_000_000
PAST, FUTURE = {"N": str(NOW - 1)}, {"N": str(NOW + 60)}


@pytest.fixture
def client() -> Iterator[Any]:
    """A client of moto with the empty table `t`, whose items expire by `ttl`."""
    with pytest.MonkeyPatch.context() as monkeypatch, mock_aws():
        for name, value in {"DEFAULT_REGION": "us-east-1", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="t",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "g")],
            KeySchema=schema("pk", "sk"),
            GlobalSecondaryIndexes=[
                {"IndexName": "by-g", "KeySchema": schema("g", "sk"), "Projection": {"ProjectionType": "ALL"}}
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        client.update_time_to_live(TableName="t", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
        yield client


def schema(partition: str, sort: str) -> Any:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def put(client: Any, name: str, **attributes: Any) -> None:
    client.put_item(TableName="t", Item={"pk": {"S": name}, "sk": {"S": "JOB"}, "g": {"S": "all"}, **attributes})


def listed(client: Any) -> list[str]:
    """Return the names in the index, as the local stack finds them."""
    query = {
        "TableName": "t",
        "IndexName": "by-g",
        "KeyConditionExpression": "g = :g",
        "ExpressionAttributeValues": {":g": {"S": "all"}},
    }
    with narrowed("DynamoDB_20120810.Query", json.dumps(query).encode()):
        return sorted(item["pk"]["S"] for item in client.query(**query)["Items"])


def moto_table() -> Any:
    return dynamodb_backends[ACCOUNT][REGION].tables["t"]


def test_expired_items_are_removed_and_others_stay(client: Any) -> None:
    put(client, "expired", ttl=PAST)
    put(client, "later", ttl=FUTURE)
    put(client, "never")
    put(client, "text", ttl={"S": PAST["N"]})
    assert len(listed(client)) == 4
    remove_expired(NOW)
    assert listed(client) == ["later", "never", "text"]


def test_no_empty_partition_stays_in_memory(client: Any) -> None:
    put(client, "expired", ttl=PAST)
    assert "Item" not in client.get_item(TableName="t", Key={"pk": {"S": "missing"}, "sk": {"S": "JOB"}})
    assert len(moto_table().items) == 2
    remove_expired(NOW)
    assert not moto_table().items


def test_stream_names_the_service_that_removed_an_item(client: Any) -> None:
    put(client, "expired", ttl=PAST)
    remove_expired(NOW)
    inserted, removed = (record.record for record in moto_table().stream_shard.items)
    assert (inserted["eventName"], removed["eventName"]) == ("INSERT", "REMOVE")
    assert removed["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert "userIdentity" not in inserted


def test_items_of_a_table_without_time_to_live_stay(client: Any) -> None:
    client.update_time_to_live(TableName="t", TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"})
    put(client, "expired", ttl=PAST)
    remove_expired(NOW)
    assert listed(client) == ["expired"]


def test_thread_removes_items_under_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "CHECK_S", 0.01)
    searched, held = threading.Event(), []
    lock = threading.Lock()

    def search(_now: float) -> None:
        held.append(lock.locked())
        searched.set()

    monkeypatch.setattr(expiry, "remove_expired", search)
    running = Expiry(lock)
    running.start()
    assert searched.wait(10)
    running.stop()
    assert held[0] is True
