"""moto's tables give the same answers when they are narrowed to the items that a request is about."""

import base64
import gc
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from weakref import ref

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.parsing.ast_nodes import Node

from interlock_dev.aws.dynamodb import shortcuts
from interlock_dev.aws.dynamodb.narrowing import narrowed
from interlock_dev.project.template import ACCOUNT, REGION
from tests.service.table_operations import KEYS, LISTS, STREAM, Json, Operation, operations
from tests.volume import volume

type Way = Callable[[str, bytes], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as monkeypatch, mock_aws():
        for name, value in {"DEFAULT_REGION": "us-east-1", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        yield boto3.client("dynamodb")


@settings(max_examples=volume(sample=8, full=120))
@given(operations=operations())
def test_narrowed_table_returns_the_same_responses_as_a_full_one(client: Any, operations: Sequence[Operation]) -> None:
    assert answers(client, operations, narrowed) == answers(client, operations, whole)


@settings(max_examples=volume(sample=8, full=120))
@given(operations=operations())
def test_shortcuts_change_no_answer(client: Any, operations: Sequence[Operation]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for owner, name, replacement in shortcuts.REPLACED:
            monkeypatch.setattr(owner, name, replacement, raising=False)
        with_shortcuts = answers(client, operations, narrowed)
    assert with_shortcuts == answers(client, operations, whole)


def test_query_finds_what_a_statement_has_written(client: Any) -> None:
    row = {"N": {"N": "1"}, "G": {"S": "h"}, "R": {"S": "a"}}
    statement = "UPDATE t SET G = 'g' WHERE PK = 'p' AND SK = '1'"
    operations = [("BatchWriteItem", {0: row}), ("Query", LISTS[0]), ("ExecuteStatement", statement)]
    with table(client):
        for name, operation in operations:
            answer(client, name, operation, narrowed)
        [(items, *_)] = answer(client, "Query", LISTS[0], narrowed)
    assert [item["PK"] for item in items] == [{"S": "p"}]


def test_nothing_keeps_the_earlier_versions_of_an_item(client: Any) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch, table(client, StreamSpecification=STREAM):
        for owner, name, replacement in shortcuts.REPLACED:
            monkeypatch.setattr(owner, name, replacement, raising=False)
        moto_table = dynamodb_backends[ACCOUNT][REGION].tables["t"]
        seen: list[ref[Any]] = []
        for number in "123":
            client.put_item(TableName="t", Item={**KEYS[0], "N": {"N": number}})
            seen += map(ref, [*moto_table.items[DynamoType(KEYS[0]["PK"])].values(), *moto_table.stream_shard.items])
        moto_table.stream_shard.items.clear()
        gc.collect()
        alive = [one for reference in seen if (one := reference()) is not None]
        assert [item.attrs["N"].value for item in alive] == ["3"]


def test_parsed_expressions_that_are_kept_are_bounded(client: Any) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch, table(client):
        for owner, name, replacement in shortcuts.REPLACED:
            monkeypatch.setattr(owner, name, replacement, raising=False)

        def nodes_after(first: int, last: int) -> int:
            for bucket in range(first, last):
                client.update_item(
                    TableName="t", Key=KEYS[0], UpdateExpression=f"ADD b{bucket} :one",
                    ExpressionAttributeValues={":one": {"N": "1"}},
                )  # fmt: skip
            gc.collect()
            return sum(isinstance(one, Node) for one in gc.get_objects())

        assert nodes_after(0, 100) == nodes_after(100, 150)


@contextmanager
def whole(_target: str, _body: bytes) -> Iterator[None]:
    yield


def answers(client: Any, operations: Sequence[Operation], way: Way) -> list[Any]:
    """Run the operations on a new table. Return their answers, and the content of the table at the end."""
    with table(client):
        said = [answer(client, name, operation, way) for name, operation in operations]
        listed = [query_pages(client, {"TableName": "t", **query}, way) for query in LISTS]
        return [*said, listed, client.scan(TableName="t")["Items"], pages(client)]


@contextmanager
def table(client: Any, **more: Any) -> Iterator[None]:
    """Create the table `t`, and delete it at the end."""
    client.create_table(
        TableName="t",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "G", "R")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "G", "KeyType": "HASH"}, {"AttributeName": "R", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            },
            {
                "IndexName": "by-g-alone",
                "KeySchema": [{"AttributeName": "G", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    try:
        yield
    finally:
        client.delete_table(TableName="t")


def answer(client: Any, name: str, operation: Any, way: Way) -> Any:
    if name == "Query":
        return query_pages(client, {"TableName": "t", **operation}, way)
    call = getattr(client, re.sub("(?<=.)(?=[A-Z])", "_", name).lower())
    request = request_of(name, operation)
    try:
        with way(f"DynamoDB_20120810.{name}", body_of(request)):
            call(**request)
    except ClientError as error:
        return error.response["Error"], error.response.get("CancellationReasons")
    return None


def request_of(name: str, operation: Any) -> Json:
    match name:
        case "TransactWriteItems":
            writes = [{kind: {"TableName": "t", **write}} for one in operation for kind, write in one.items()]
            return {"TransactItems": writes}
        case "BatchWriteItem":
            batch = [
                {"DeleteRequest": {"Key": KEYS[number]}}
                if row is None
                else {"PutRequest": {"Item": {**KEYS[number], **row}}}
                for number, row in operation.items()
            ]
            return {"RequestItems": {"t": batch}}
        case "ExecuteStatement":
            return {"Statement": operation}
        case _:
            return {"TableName": "t", **operation}


def query_pages(client: Any, request: Json, way: Way) -> list[Any]:
    """Return the first two pages of a query, or its error."""
    got: list[Any] = []
    for _ in range(2):
        try:
            with way("DynamoDB_20120810.Query", body_of(request)):
                page = client.query(**request)
        except ClientError as error:
            return [*got, error.response["Error"]]
        got.append((page["Items"], page["ScannedCount"], page.get("LastEvaluatedKey")))
        if "LastEvaluatedKey" not in page:
            break
        request = {**request, "ExclusiveStartKey": page["LastEvaluatedKey"]}
    return got


def body_of(request: Json) -> bytes:
    return json.dumps(request, default=lambda binary: base64.b64encode(binary).decode()).encode()


def pages(client: Any) -> list[Any]:
    got = client.scan(TableName="t", Limit=2)
    items = list(got["Items"])
    while "LastEvaluatedKey" in got:
        got = client.scan(TableName="t", Limit=2, ExclusiveStartKey=got["LastEvaluatedKey"])
        items += got["Items"]
    return items
