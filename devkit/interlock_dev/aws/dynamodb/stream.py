"""The stream of a moto table: take its records, and deliver them in the form of Lambda's events.

moto keeps every record for ever. Here a record is removed once all readers have taken it, so that memory does not grow.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from moto.dynamodb.models import dynamodb_backends

type Record = dict[str, Any]
type Take = Callable[[int, int], tuple[str, list[Record]]]


class TableStream:
    """The stream of one table, with any number of readers. `lock` protects moto's DynamoDB."""

    def __init__(self, table: str, lock: threading.Lock) -> None:
        self._table = table
        self._lock = lock
        self._positions: list[int] = []

    def reader(self) -> Take:
        """Return a function that takes a maximum number of records and bytes, and returns the shard's id and records.

        Each reader gets all records. Create the readers before the first one reads.
        """
        number = len(self._positions)
        self._positions.append(0)
        return partial(self._take, number)

    def _take(self, number: int, limit: int, limit_bytes: int) -> tuple[str, list[Record]]:
        with self._lock:
            shard = self._shard()
            first = self._positions[number]
            taken, size = 0, 0
            for record in shard.items[first : first + limit]:
                size += record.record["dynamodb"]["SizeBytes"]
                if taken and size > limit_bytes:
                    break
                taken += 1
            records = [one.to_json() for one in shard.items[first : first + taken]]
            self._positions[number] += taken
            self._remove_taken(shard)
            return shard.id, records

    def _remove_taken(self, shard: Any) -> None:
        """Remove the records that all readers have taken."""
        taken = min(self._positions)
        # moto derives the next sequence number from the number of records and from `starting_sequence_number`.
        del shard.items[:taken]
        shard.starting_sequence_number += taken
        self._positions = [position - taken for position in self._positions]

    def _shard(self) -> Any:
        # Look it up each time, because moto replaces the table to roll back a transaction.
        for _, _, backend in dynamodb_backends.iter_backends():
            if self._table in backend.tables:
                return backend.tables[self._table].stream_shard
        raise LookupError(f"there is no table {self._table!r}")


def stream_event(arn: str, shard: str, records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the event that Lambda sends for records of a shard, with a tumbling window.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html
    """
    return {
        "Records": [_delivered(arn, record) for record in records],
        "shardId": shard,
        "eventSourceARN": arn,
        "window": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:15:00Z"},
        "state": {},
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def _delivered(arn: str, record: Mapping[str, Any]) -> dict[str, Any]:
    body = dict(record["dynamodb"])
    created = body.get("ApproximateCreationDateTime")
    if isinstance(created, datetime):
        body["ApproximateCreationDateTime"] = int(created.timestamp())
    return {**record, "dynamodb": body, "eventSourceARN": arn}
