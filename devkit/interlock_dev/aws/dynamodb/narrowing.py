"""Keep moto's DynamoDB fast when a table holds thousands of items.

moto 5.2 copies the whole table before each transaction, for the rollback, and sorts the whole table for each query.
With a few hundred jobs that took nine tenths of the local stack's time. A transaction uses only the items with its
keys, and a query only those with its partition key, so while moto handles a request, its table holds just those items.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

type Json = dict[str, Any]
type Items = defaultdict[DynamoType, dict[DynamoType, Any]]
type Key = tuple[DynamoType, DynamoType]


type Choice = Callable[[Any], Iterable[Key]]
"""Selects the keys of a table that a request uses."""


@contextmanager
def narrowed(target: str, body: bytes) -> Iterator[None]:
    """Reduce tables to the items that a request uses, found by its `X-Amz-Target` and body. The caller must hold the
    lock on moto's DynamoDB."""
    about = _OPERATIONS.get(target.rpartition(".")[2])
    with ExitStack() as restored:
        for name, choice in about(json.loads(body)).items() if about else ():
            for _, _, backend in dynamodb_backends.iter_backends():
                if name in backend.tables and backend.tables[name].range_key_attr:
                    restored.enter_context(_only(backend.tables, name, set(choice(backend.tables[name]))))
        yield


@contextmanager
def _only(tables: Json, name: str, keys: set[Key]) -> Iterator[None]:
    """Reduce a table to these items, and copy their changes back at the end."""
    whole: Items = tables[name].items
    few: Items = defaultdict(dict)
    for partition, sort in keys:
        if sort in whole.get(partition, {}):
            few[partition][sort] = whole[partition][sort]
    tables[name].items = few
    try:
        yield
    finally:
        # To roll a transaction back, moto replaces the table with a copy.
        left: Items = tables[name].items
        for partition, sort in keys:
            if sort in left.get(partition, {}):
                whole[partition][sort] = left[partition][sort]
            elif sort in whole.get(partition, {}):
                del whole[partition][sort]
        tables[name].items = whole


def _transaction(request: Json) -> dict[str, Choice]:
    asked: defaultdict[str, list[Json]] = defaultdict(list)
    for write in request["TransactItems"]:
        for operation in write.values():
            asked[operation["TableName"]].append(operation.get("Key") or operation["Item"])

    def those(keys: list[Json]) -> Choice:
        # moto rejects items whose key is missing or invalid.
        return lambda table: [
            (DynamoType(key[table.hash_key_attr]), DynamoType(key[table.range_key_attr]))
            for key in keys
            if {table.hash_key_attr, table.range_key_attr} <= key.keys()
        ]

    return {name: those(keys) for name, keys in asked.items()}


def _query(request: Json) -> dict[str, Choice]:
    if "KeyConditionExpression" not in request:
        return {}
    # One of the values is the partition key; moto determines which.
    values = [DynamoType(value) for value in request.get("ExpressionAttributeValues", {}).values()]

    def those(table: Any) -> Iterable[Key]:
        index = {one.name: one for one in table.all_indexes()}.get(request.get("IndexName"))
        if index is None:
            return [(partition, sort) for partition in values for sort in table.items.get(partition, {})]
        names = [one["AttributeName"] for one in index.schema if one["KeyType"] == "HASH"]
        return [
            (partition, sort)
            for partition, items in table.items.items()
            for sort, item in items.items()
            if all(name in item.attrs and item.attrs[name] in values for name in names)
        ]

    return {request["TableName"]: those}


_OPERATIONS: Mapping[str, Callable[[Json], Mapping[str, Choice]]] = {
    "TransactWriteItems": _transaction,
    "Query": _query,
}
