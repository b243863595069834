"""moto's tables answer as ever when they are narrowed to what a request is about."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from interlock_dev.aws.dynamodb import shortcuts
from interlock_dev.aws.dynamodb.narrowing import narrowed
from tests.volume import volume

type Json = dict[str, Any]
type Operation = tuple[str, Any]
type Way = Callable[[str, bytes], AbstractContextManager[None]]

KEYS = [{"PK": {"S": partition}, "SK": {"S": sort}} for partition in ("p", "q", "r") for sort in ("1", "2", "10")]
CONDITIONS = [{}, *({"ConditionExpression": f"attribute_{way}(PK)"} for way in ("exists", "not_exists"))]
SET = {
    "UpdateExpression": "SET G = :g ADD N :one",
    "ExpressionAttributeValues": {":g": {"S": "g"}, ":one": {"N": "1"}},
}
SET_DEEP = {
    "UpdateExpression": "SET D.L[1] = :v, N = if_not_exists(N, :zero) + :one",
    "ExpressionAttributeValues": {":v": {"M": {"x": {"S": "y"}}}, ":zero": {"N": "0"}, ":one": {"N": "1"}},
}
ADD_TO_SET = {"UpdateExpression": "ADD D :more", "ExpressionAttributeValues": {":more": {"SS": ["c"]}}}
REMOVE = {"UpdateExpression": "REMOVE #d", "ExpressionAttributeNames": {"#d": "D"}}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as monkeypatch, mock_aws():
        for name, value in {"DEFAULT_REGION": "us-east-1", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        yield boto3.client("dynamodb")


def writes() -> st.SearchStrategy[Json]:
    keys, conditions = st.sampled_from(KEYS), st.sampled_from(CONDITIONS)
    put = st.builds(lambda key, n, condition: {"Put": {"Item": {**key, **n}, **condition}}, keys, rows(), conditions)
    changes = st.sampled_from([SET, SET_DEEP, ADD_TO_SET, REMOVE])
    update = st.builds(
        lambda key, change, condition: {"Update": {"Key": key, **change, **condition}}, keys, changes, conditions
    )
    delete = st.builds(lambda key, condition: {"Delete": {"Key": key, **condition}}, keys, conditions)
    check = st.builds(lambda key: {"ConditionCheck": {"Key": key, **CONDITIONS[1]}}, keys)
    lacking = st.builds(lambda key: {"Delete": {"Key": {"PK": key["PK"]}}}, keys)
    return st.one_of(put, put, update, delete, check, lacking)


def rows() -> st.SearchStrategy[Json]:
    deep = st.sampled_from([{"M": {"L": {"L": [{"B": b"b"}, {"NULL": True}]}}}, {"SS": ["a", "b"]}, {"BS": [b"\xff"]}])
    return st.fixed_dictionaries(
        {"N": st.integers(0, 9).map(lambda n: {"N": str(n)})}, optional={"G": ONE_G, "D": deep}
    )


ONE_G = st.sampled_from([{"S": "g"}, {"S": "h"}])


def queries() -> st.SearchStrategy[Json]:
    page = {"ScanIndexForward": st.booleans(), "Limit": st.integers(1, 4)}
    of_table = {
        "KeyConditionExpression": st.just("PK = :k AND SK >= :s"),
        "ExpressionAttributeValues": st.sampled_from("pqrs").map(lambda k: {":k": {"S": k}, ":s": {"S": "10"}}),
    }
    of_index = {
        "IndexName": st.just("by-g"),
        "KeyConditionExpression": st.just("G = :g"),
        "ExpressionAttributeValues": ONE_G.map(lambda g: {":g": g}),
    }
    return st.one_of(st.fixed_dictionaries({**of_table, **page}), st.fixed_dictionaries({**of_index, **page}))


OPERATIONS = st.one_of(
    st.tuples(st.just("TransactWriteItems"), st.lists(writes(), min_size=1, max_size=4)),
    st.tuples(st.just("Query"), queries()),
)


@settings(max_examples=volume(sample=15, full=120))
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=12))
def test_narrowed_table_returns_the_same_responses_as_a_full_one(client: Any, operations: Sequence[Operation]) -> None:
    assert answers(client, operations, narrowed) == answers(client, operations, whole)


@settings(max_examples=volume(sample=15, full=120))
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=12))
def test_shortcuts_change_no_answer(client: Any, operations: Sequence[Operation]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for owner, name, replacement in shortcuts.REPLACED:
            monkeypatch.setattr(owner, name, replacement, raising=False)
        with_shortcuts = answers(client, operations, narrowed)
    assert with_shortcuts == answers(client, operations, whole)


@contextmanager
def whole(_target: str, _body: bytes) -> Iterator[None]:
    yield


def answers(client: Any, operations: Sequence[Operation], way: Way) -> list[Any]:
    """Return the answers of a new table, and its content at the end."""
    client.create_table(
        TableName="t",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "G")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "G", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        said = [answer(client, name, operation, way) for name, operation in operations]
        return [*said, client.scan(TableName="t")["Items"], pages(client)]
    finally:
        client.delete_table(TableName="t")


def answer(client: Any, name: str, operation: Any, way: Way) -> Any:
    if name == "Query":
        request = {"TableName": "t", **operation}
        with way("DynamoDB_20120810.Query", body_of(request)):
            got = client.query(**request)
        return got["Items"], got.get("LastEvaluatedKey")
    request = {
        "TransactItems": [{kind: {"TableName": "t", **write}} for one in operation for kind, write in one.items()]
    }
    try:
        with way("DynamoDB_20120810.TransactWriteItems", body_of(request)):
            client.transact_write_items(**request)
    except ClientError as error:
        return error.response["Error"], error.response.get("CancellationReasons")
    return None


def body_of(request: Json) -> bytes:
    return json.dumps(request, default=lambda binary: base64.b64encode(binary).decode()).encode()


def pages(client: Any) -> list[Any]:
    got = client.scan(TableName="t", Limit=2)
    items = list(got["Items"])
    while "LastEvaluatedKey" in got:
        got = client.scan(TableName="t", Limit=2, ExclusiveStartKey=got["LastEvaluatedKey"])
        items += got["Items"]
    return items
