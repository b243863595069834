"""DynamoDB's time to live: remove the items that have expired, which moto keeps for ever.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from interlock_dev.aws.dynamodb.entries import Key
from interlock_dev.aws.dynamodb.narrowing import update_entries

CHECK_S = 15.0
"""Seconds between two searches for expired items. DynamoDB removes them within a few days."""

SERVICE = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
"""The `userIdentity` of removals in the stream."""


class Expiry:
    """Removes expired items in a thread. `lock` protects moto's DynamoDB."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="expiry", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(CHECK_S):
            with self._lock:
                remove_expired(time.time())


def remove_expired(now: float) -> None:
    """Remove expired items from all tables with a sort key. The caller must hold the lock on moto's DynamoDB."""
    for _, _, backend in dynamodb_backends.iter_backends():
        for table in backend.tables.values():
            if table.range_key_attr and table.ttl["TimeToLiveStatus"] == "ENABLED":
                expired = list(_expired(table, now))
                for key in expired:
                    _remove(table, key)
                update_entries(table, expired)
                # Removed items leave empty partitions, and looking up a missing item creates one.
                for partition in [one for one, items in table.items.items() if not items]:
                    del table.items[partition]


def _expired(table: Any, now: float) -> Iterator[Key]:
    name = table.ttl["AttributeName"]
    for partition, items in table.items.items():
        for sort, item in items.items():
            expiry = item.attrs.get(name)
            # DynamoDB ignores values of other types.
            if expiry is not None and expiry.type == "N" and float(expiry.value) < now:
                yield partition, sort


def _remove(table: Any, key: Key) -> None:
    partition, sort = key
    item = table.items[partition].pop(sort)
    if table.stream_shard is not None:
        table.stream_shard.add(item, None)
        table.stream_shard.items[-1].record["userIdentity"] = SERVICE
