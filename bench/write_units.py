"""Write units of a request by DynamoDB's documented rules, from the items before and after it.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html: one unit for each KiB of an
item, or of the larger of both versions; twice as many in a transaction. A secondary index takes units of its own, for
each of its entries that is added, removed or changed; a change of the entry's key removes one and adds another
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

type Item = Mapping[str, Mapping[str, Any]]
"""An item as DynamoDB's requests have it: `{"name": {"S": "value"}}`."""

UNIT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index: the attributes of its key, and those of its entries besides the keys (None: all)."""

    key: tuple[str, ...]
    projected: Collection[str] | None

    def entry(self, item: Item | None, table_key: Collection[str]) -> Item | None:
        """Return the entry of an item. An item without the attributes of the key has none."""
        if item is None or not all(name in item for name in self.key):
            return None
        if self.projected is None:
            return item
        return {name: item[name] for name in item if name in {*self.key, *table_key, *self.projected}}


def indexes_of(definitions: Sequence[Mapping[str, Any]]) -> list[Index]:
    """Return the indexes of `GlobalSecondaryIndexes`, as in the template or in `DescribeTable`."""
    return [
        Index(
            tuple(part["AttributeName"] for part in definition["KeySchema"]),
            None
            if definition["Projection"]["ProjectionType"] == "ALL"
            else definition["Projection"].get("NonKeyAttributes", ()),
        )
        for definition in definitions
    ]


def write_units(before: Item | None, after: Item | None, indexes: Sequence[Index], *, transaction: bool = False) -> int:
    """Return the units of a write of one item with the keys `pk` and `sk`."""
    units = _units(max(item_bytes(before), item_bytes(after))) * (2 if transaction else 1)
    return units + sum(_index_units(index, before, after) for index in indexes)


def _index_units(index: Index, before: Item | None, after: Item | None) -> int:
    old, new = (index.entry(item, ("pk", "sk")) for item in (before, after))
    if old == new:
        return 0
    if old is None or new is None or all(old[name] == new[name] for name in index.key):
        return _units(max(item_bytes(old), item_bytes(new)))
    return _units(item_bytes(old)) + _units(item_bytes(new))


def item_bytes(item: Item | None) -> int:
    """Return the size of an item as DynamoDB counts it
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html)."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in (item or {}).items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(str(content).encode())
        case "N":
            digits = str(content).replace("-", "").replace(".", "").strip("0")
            return math.ceil(len(digits) / 2) + 1 + ("-" in str(content))
        case "BOOL" | "NULL":
            return 1
        case "B":
            return len(content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(part) for name, part in content.items())
        case "L":
            return 3 + sum(1 + _value_bytes(part) for part in content)
        case _:
            raise ValueError(f"items have no values of type {kind}")


def _units(size_bytes: int) -> int:
    return max(1, math.ceil(size_bytes / UNIT_BYTES))
