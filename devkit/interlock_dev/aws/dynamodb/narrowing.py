"""Keep moto's DynamoDB fast when a table holds thousands of items.

moto 5.2 copies the whole table before each transaction, for the rollback, and reads the whole table, in sorted order,
for each query. With a few hundred jobs that took nine tenths of the local stack's time. A transaction needs only the
items with its keys, and a query only one page of its partition. Therefore, while moto handles a request, its table
holds just those items. For a query of an index, they are found through the index's entries, which each write updates.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.parsing.key_condition_expression import parse_expression

from interlock_dev.aws.dynamodb.entries import Entries, Items, Key

type Json = dict[str, Any]
type Choice = Callable[[Any], Iterable[Key] | None]
"""Selects the keys of a table that a request uses. None: moto needs the whole table."""


@contextmanager
def narrowed(target: str, body: bytes) -> Iterator[None]:
    """Reduce tables to the items that a request uses, found by its `X-Amz-Target` and body, and update the entries of
    indexes after a write. The caller must hold the lock on moto's DynamoDB, and use this context for every request."""
    operation = target.rpartition(".")[2]
    with ExitStack() as at_end:
        if about := _NARROWED.get(operation):
            for name, choice in about(json.loads(body)).items():
                for tables in _tables(name):
                    if (keys := choice(tables[name])) is not None:
                        at_end.enter_context(_only(tables, name, set(keys)))
        elif written := _WRITES.get(operation):
            at_end.callback(_update_entries, written(json.loads(body)))
        elif not operation.startswith(_READ):
            at_end.callback(_forget_entries)
        yield


def update_entries(table: Any, keys: Iterable[Key]) -> None:
    """Update the entries of items that have been written or removed."""
    items = table.items
    if isinstance(items, Items) and items.entries is not None:
        for partition, sort in keys:
            items.entries.update((partition, sort), items.get(partition, {}).get(sort))


def _update_entries(written: Mapping[str, Iterable[Json]]) -> None:
    for name, items in written.items():
        for tables in _tables(name):
            update_entries(tables[name], _keys(tables[name], items))


def _forget_entries() -> None:
    """Forget all entries after a request whose writes are unknown. The next query collects them again."""
    for _, _, backend in dynamodb_backends.iter_backends():
        for table in backend.tables.values():
            if isinstance(table.items, Items):
                table.items.entries = None


def _tables(name: str) -> Iterator[Json]:
    """Yield the tables by name, for each account and region with a table of this name that has a sort key."""
    for _, _, backend in dynamodb_backends.iter_backends():
        if name in backend.tables and backend.tables[name].range_key_attr:
            yield backend.tables


def _entries(table: Any) -> Entries:
    if not isinstance(table.items, Items):
        table.items = Items(dict, table.items)
    if table.items.entries is None:
        table.items.entries = Entries(table)
    found: Entries = table.items.entries
    return found


@contextmanager
def _only(tables: Json, name: str, keys: set[Key]) -> Iterator[None]:
    """Reduce a table to these items, and copy their changes back at the end."""
    whole = tables[name].items
    few: defaultdict[DynamoType, dict[DynamoType, Any]] = defaultdict(dict)
    for partition, sort in keys:
        if sort in whole.get(partition, {}):
            few[partition][sort] = whole[partition][sort]
    tables[name].items = few
    try:
        yield
    finally:
        # To roll a transaction back, moto replaces the table with a copy.
        left = tables[name].items
        for partition, sort in keys:
            if sort in left.get(partition, {}):
                whole[partition][sort] = left[partition][sort]
            elif sort in whole.get(partition, {}):
                del whole[partition][sort]
        tables[name].items = whole
        update_entries(tables[name], keys)


def _keys(table: Any, items: Iterable[Json]) -> list[Key]:
    """Return the keys of a request's items. Items without both key attributes are left out; moto rejects them."""
    names = table.hash_key_attr, table.range_key_attr
    return [(DynamoType(item[names[0]]), DynamoType(item[names[1]])) for item in items if item.keys() >= set(names)]


def _transaction(request: Json) -> dict[str, Choice]:
    asked: defaultdict[str, list[Json]] = defaultdict(list)
    for write in request["TransactItems"]:
        for operation in write.values():
            asked[operation["TableName"]].append(operation.get("Key") or operation["Item"])

    def those(items: list[Json]) -> Choice:
        return lambda table: _keys(table, items)

    return {name: those(items) for name, items in asked.items()}


def _query(request: Json) -> dict[str, Choice]:
    def those(table: Any) -> Iterable[Key] | None:
        name = request.get("IndexName")
        schemas = {None: table.schema, **{index.name: index.schema for index in table.all_indexes()}}
        if name not in schemas or (name is not None and not _entries(table).supports(name)):
            return None
        try:
            [(_, partition)], ranges, _ = parse_expression(
                request["KeyConditionExpression"],
                request.get("ExpressionAttributeValues", {}),
                request.get("ExpressionAttributeNames", {}),
                schemas[name],
            )
        except MockValidationException:
            # moto raises the same error when it handles the request.
            return []
        if name is None:
            return [(DynamoType(partition), sort) for sort in table.items.get(DynamoType(partition), {})]
        return _of_index(_entries(table), name, partition, ranges, request)

    return {request["TableName"]: those} if "KeyConditionExpression" in request else {}


def _of_index(entries: Entries, name: str, partition: Json, ranges: list[Any], request: Json) -> Iterable[Key]:
    if partition.keys() != {"S"}:
        return []
    between = tuple(value.get("S") for _, comparison, values in ranges for value in values if comparison == "BETWEEN")
    limit, forward = int(request.get("Limit", 0)), request.get("ScanIndexForward", True)
    by_page = "ExclusiveStartKey" not in request and None not in between and len(between) == 2 * len(ranges)
    if by_page and limit:
        return entries.page(name, partition["S"], between or None, limit, forward=forward)
    return entries.keys(name, partition["S"])


def _batch(request: Json) -> dict[str, list[Json]]:
    return {
        name: [
            write["PutRequest"]["Item"] if "PutRequest" in write else write["DeleteRequest"]["Key"] for write in writes
        ]
        for name, writes in request["RequestItems"].items()
    }


_NARROWED: Mapping[str, Callable[[Json], Mapping[str, Choice]]] = {
    "TransactWriteItems": _transaction,
    "Query": _query,
}

_WRITES: Mapping[str, Callable[[Json], Mapping[str, Iterable[Json]]]] = {
    "PutItem": lambda request: {request["TableName"]: [request["Item"]]},
    "UpdateItem": lambda request: {request["TableName"]: [request["Key"]]},
    "DeleteItem": lambda request: {request["TableName"]: [request["Key"]]},
    "BatchWriteItem": _batch,
}
"""For each operation, the items or keys that a request writes, by the name of their table."""

_READ = ("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", "Describe", "List")
"""Prefixes of the names of operations that write no item."""
