"""DynamoDB's units by its documented rules, because neither moto nor DynamoDB Local counts them all.

DynamoDB developer guide: "Read and write operations", "Item sizes and formats", "Using global secondary indexes", and
"Transactions". A failed condition counts like the write of the item that was there.
"""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

WRITE_UNIT, READ_UNIT = 1024, 4096

type Item = Mapping[str, Mapping[str, Any]]
type Call = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Calls an operation of DynamoDB, without any counting."""


def size(item: Item) -> int:
    """Return the size of an item in bytes."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:  # noqa: PLR0911 - one for each type
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return math.ceil(len(content.strip("-").replace(".", "").strip("0")) / 2) + 1
        case "B":
            return len(base64.b64decode(content))
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + size(content) + len(content)
        case "L":
            return 3 + sum(1 + _value_size(one) for one in content)
        case _:
            return sum(_value_size({kind[0]: one}) for one in content)


class Units:
    """Counts the units of requests, by looking at the items before and after them."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._tables: dict[str, Mapping[str, Any]] = {}

    def of(self, operation: str, request: Mapping[str, Any], perform: Callable[[], None]) -> tuple[float, float]:
        """Perform a request, and return its read units and its write units."""
        writes = list(self._writes(operation, request))
        before = [self._item(table, key) for table, key, _ in writes]
        reads = self._reads(operation, request)
        perform()
        total = 0.0
        for (table, key, changes), old in zip(writes, before, strict=True):
            new = self._item(table, key) if changes else old
            # The larger of both items counts, and twice in a transaction, which prepares and commits it.
            total += max(_write_units(old), _write_units(new), 1) * (2 if operation == "TransactWriteItems" else 1)
            total += sum(self._indexed(table, index, old, new) for index in self._indexes(table))
        return reads, total

    def _writes(self, operation: str, request: Mapping[str, Any]) -> list[tuple[str, Item, bool]]:
        """Return the table and key of each item that a request writes, and whether it may change the item."""
        match operation:
            case "PutItem" | "UpdateItem" | "DeleteItem":
                return [self._write(request)]
            case "TransactWriteItems":
                parts = [part for action in request["TransactItems"] for part in action.items()]
                return [(*self._write(write)[:2], kind != "ConditionCheck") for kind, write in parts]
            case "BatchWriteItem":
                return [
                    self._write({"TableName": table, **next(iter(one.values()))})
                    for table, several in request["RequestItems"].items()
                    for one in several
                ]
        return []

    def _write(self, write: Mapping[str, Any]) -> tuple[str, Item, bool]:
        table = write["TableName"]
        key = write.get("Key") or {name: write["Item"][name] for name in self._key_names(table)}
        return table, key, True

    def _indexed(self, table: str, index: Mapping[str, Any], old: Item | None, new: Item | None) -> int:
        """Return the units of one index: none if its entry stays the same, two if the entry moves."""
        was, now = (self._entry(table, index, item) for item in (old, new))
        if was == now:
            return 0
        keys = [key["AttributeName"] for key in index["KeySchema"]]
        if was and now and all(was[key] == now[key] for key in keys):
            return max(_write_units(was), _write_units(now))
        return _write_units(was) + _write_units(now)

    def _entry(self, table: str, index: Mapping[str, Any], item: Item | None) -> Item | None:
        keys = [key["AttributeName"] for key in index["KeySchema"]]
        if item is None or any(key not in item for key in keys):
            return None
        projection = index["Projection"]
        if projection["ProjectionType"] == "ALL":
            return item
        names = {*keys, *self._key_names(table), *projection.get("NonKeyAttributes", ())}
        return {name: value for name, value in item.items() if name in names}

    def _reads(self, operation: str, request: Mapping[str, Any]) -> float:
        consistent = request.get("ConsistentRead", False)
        match operation:
            case "GetItem":
                return _read_units([self._item(request["TableName"], request["Key"])], consistent=consistent)
            case "BatchGetItem":
                return sum(
                    _read_units([self._item(table, key)], consistent=wanted.get("ConsistentRead", False))
                    for table, wanted in request["RequestItems"].items()
                    for key in wanted["Keys"]
                )
            case "Query" | "Scan":
                # A filter is applied after reading.
                unfiltered = {
                    name: value
                    for name, value in request.items()
                    if name not in {"FilterExpression", "ProjectionExpression", "Select"}
                }
                return _read_units(self._call(operation, _without_unused(unfiltered))["Items"], consistent=consistent)
        return 0

    def _item(self, table: str, key: Item) -> Item | None:
        found: Item | None = self._call("GetItem", {"TableName": table, "Key": key, "ConsistentRead": True}).get("Item")
        return found

    def _key_names(self, table: str) -> list[str]:
        return [key["AttributeName"] for key in self._description(table)["KeySchema"]]

    def _indexes(self, table: str) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self._description(table).get("GlobalSecondaryIndexes", ())
        return found

    def _description(self, table: str) -> Mapping[str, Any]:
        if table not in self._tables:
            self._tables[table] = self._call("DescribeTable", {"TableName": table})["Table"]
        return self._tables[table]


def _write_units(item: Item | None) -> int:
    return math.ceil(size(item or {}) / WRITE_UNIT)


def _read_units(items: Sequence[Item | None], *, consistent: bool) -> float:
    whole = max(1, math.ceil(sum(size(item) for item in items if item) / READ_UNIT))
    return whole if consistent else whole / 2


def _without_unused(request: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the names and values that only the filter used: DynamoDB rejects unused ones."""
    text = " ".join(str(value) for name, value in request.items() if name.endswith("Expression"))
    words = set(text.replace("(", " ").replace(")", " ").replace(",", " ").split())
    kept = dict(request)
    for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if name in kept:
            kept[name] = {key: value for key, value in kept[name].items() if key in words}
            if not kept[name]:
                del kept[name]
    return kept
