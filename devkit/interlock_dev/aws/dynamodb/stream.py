"""The stream of a moto table: take its records, and deliver them in the form of Lambda's events.

moto keeps every record for ever. Here a record is removed once it is taken, so that memory does not grow.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.dynamodb.models import dynamodb_backends

type Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TableStream:
    """The stream of one table. `lock` is the one on moto's DynamoDB."""

    table: str
    lock: threading.Lock

    def take(self, limit: int, limit_bytes: int) -> tuple[str, list[Record]]:
        """Return the shard's id and its next records, and remove them from the stream."""
        with self.lock:
            shard = self._shard()
            taken, size = 0, 0
            for record in shard.items[:limit]:
                size += record.record["dynamodb"]["SizeBytes"]
                if taken and size > limit_bytes:
                    break
                taken += 1
            records = [one.to_json() for one in shard.items[:taken]]
            # moto derives the next sequence number from both.
            del shard.items[:taken]
            shard.starting_sequence_number += taken
            return shard.id, records

    def _shard(self) -> Any:
        # Looked up each time: to roll back a transaction, moto replaces the table.
        for _, _, backend in dynamodb_backends.iter_backends():
            if self.table in backend.tables:
                return backend.tables[self.table].stream_shard
        raise LookupError(f"there is no table {self.table!r}")


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
