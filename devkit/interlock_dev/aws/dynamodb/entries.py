"""The entries of a moto table's secondary indexes, sorted as DynamoDB keeps them.

moto keeps no index entries: each query of an index reads every item of the table. Only indexes with one partition key
and one sort key are supported, and all keys, including those of the table, must be strings.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType

type Key = tuple[DynamoType, DynamoType]
type Entry = tuple[str, str, str]
"""The value of the index's sort key, and the item's key."""


class Items(defaultdict[DynamoType, dict[DynamoType, Any]]):
    """The items of a table, with the entries of its indexes. A copy of them, such as a backup, has no entries yet."""

    entries: "Entries | None" = None


class Entries:
    """The entries of one table."""

    def __init__(self, table: Any) -> None:
        self._keys = dict(_supported(table))
        self._partitions: dict[tuple[str, str], list[Entry]] = {}
        self._of_items: dict[tuple[str, str], dict[tuple[str, str], Entry]] = {}
        for partition, items in table.items.items():
            for sort, item in items.items():
                self.update((partition, sort), item)

    def supports(self, index: str) -> bool:
        return index in self._keys

    def update(self, key: Key, item: Any | None) -> None:
        """Replace the entries of an item. None: it has been removed."""
        own = key[0].value, key[1].value
        before = self._of_items.get(own, {})
        after = {} if item is None else dict(self._entries(own, item.attrs))
        if after == before:
            return
        for partition, entry in before.items():
            entries = self._partitions[partition]
            del entries[bisect_left(entries, entry)]
            if not entries:
                del self._partitions[partition]
        for partition, entry in after.items():
            insort(self._partitions.setdefault(partition, []), entry)
        if after:
            self._of_items[own] = after
        else:
            del self._of_items[own]

    def _entries(self, own: tuple[str, str], attributes: Any) -> Iterator[tuple[tuple[str, str], Entry]]:
        for index, (partition_key, sort_key) in self._keys.items():
            partition, sort = attributes.get(partition_key), attributes.get(sort_key)
            if partition is not None and sort is not None and partition.type == sort.type == "S":
                yield (index, partition.value), (sort.value, *own)

    def keys(self, index: str, partition: str) -> Iterable[Key]:
        """Return the keys of the items in a partition of an index."""
        return _keys(self._partitions.get((index, partition), []))

    def page(
        self, index: str, partition: str, between: tuple[str, str] | None, limit: int, *, forward: bool
    ) -> Iterable[Key]:
        """Return the keys of the items that one page of a query needs. The page begins at a bound of `between`, or at
        an end of the partition, and has `limit` items; one more item shows that it is not the last page."""
        entries = self._partitions.get((index, partition), [])
        low, high = between or (None, None)
        if forward:
            first = 0 if low is None else bisect_left(entries, low, key=_sort_key)
            return _keys(entries[first : first + limit + 1])
        last = len(entries) if high is None else bisect_right(entries, high, key=_sort_key)
        return _keys(entries[max(0, last - limit - 1) : last])


def _supported(table: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the name and the two keys of each supported index."""
    strings = {one["AttributeName"] for one in table.attr if one["AttributeType"] == "S"}
    if not {table.hash_key_attr, table.range_key_attr} <= strings:
        return
    for index in table.all_indexes():
        names = [one["AttributeName"] for kind in ("HASH", "RANGE") for one in index.schema if one["KeyType"] == kind]
        if [one["KeyType"] for one in index.schema] == ["HASH", "RANGE"] and set(names) <= strings:
            yield index.name, (names[0], names[1])


def _sort_key(entry: Entry) -> str:
    return entry[0]


def _keys(entries: Iterable[Entry]) -> Iterable[Key]:
    return [(DynamoType({"S": partition}), DynamoType({"S": sort})) for _, partition, sort in entries]
