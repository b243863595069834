"""The items of counters: one per plugin and tool, with sums, latest values, and checkpoints of the stream's shards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from interlock.adapters.aws import translated
from interlock.adapters.dynamo.attributes import (
    Item,
    deserialized,
    from_number,
    from_time,
    present,
    serialized,
    to_number,
    to_time,
)
from interlock.adapters.dynamo.fields import decoded, encoded
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job_status import FINAL
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import ToolName

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION = "COUNTERS"

SHARD_KEPT = timedelta(hours=30)
"""How long after its creation the checkpoint of a shard is needed: a shard is open for about 4 hours, and its records
can be read for another 24."""

_SHARD_ID = re.compile(r"shardId-(\d{20})-([0-9a-z]+)")
_CHECKPOINT = re.compile(r"seen_([0-9a-f]+)_[0-9a-z]+")
_BUCKET = re.compile(r"b(\d+)")

SUMS = ("in_flight", "executed", *sorted(status.value for status in FINAL))
LATEST: Mapping[str, tuple[str, ...]] = {
    "last_used": ("last_ms",),
    "lifecycle_at": ("lifecycle", "reason"),
    "fork_finding_at": ("fork_finding",),
    "as_of": (),
}
"""Attributes that keep their latest value, by the attribute with the time of that value."""


def counters_key(plugin: str, tool: str) -> Item:
    return {"pk": PARTITION, "sk": f"{plugin}#{tool}"}


def tool_of(item: Mapping[str, Any]) -> ToolName:
    plugin, _, tool = item["sk"].partition("#")
    return plugin, tool


def sums_of(total: ExecutionMetrics) -> Item:
    """Return what is added to the item (ADD). `updates` numbers its states."""
    sums: Item = {"updates": 1} | {name: getattr(total, name) for name in SUMS if getattr(total, name)}
    if total.executed:
        sums["total_ms"] = to_number(total.total_ms)
    return sums | {f"b{bucket}": count for bucket, count in total.buckets.items()}


def latest_of(total: ExecutionMetrics, stored: Mapping[str, Any]) -> Item:
    """Return what is replaced in the item (SET): the values that are not older than the stored ones."""
    given = present(
        {
            "last_used": to_time(total.last_used),
            "last_ms": to_number(total.last_ms),
            "lifecycle_at": to_time(total.lifecycle_at),
            "lifecycle": total.lifecycle and total.lifecycle.value,
            "fork_finding_at": to_time(total.fork_finding_at),
            "fork_finding": total.fork_finding and encoded(total.fork_finding),
            "as_of": to_time(total.as_of),
        }
    )
    if total.lifecycle:
        given["reason"] = total.reason
    later = {at for at in LATEST if at in given and stored.get(at, "") > given[at]}
    return {name: value for name, value in given.items() if not any(name in (at, *LATEST[at]) for at in later)}


def updated(item: Mapping[str, Any], sums: Item, sets: Item) -> Item:
    """Return an item after the update, without its checkpoint."""
    return {**item, **{name: item.get(name, 0) + value for name, value in sums.items()}, **sets}


def counters_from_item(item: Mapping[str, Any]) -> ExecutionMetrics:
    lifecycle = item.get("lifecycle")
    return ExecutionMetrics(
        **{name: int(item.get(name, 0)) for name in SUMS},
        total_ms=float(item.get("total_ms", 0)),
        last_ms=from_number(item.get("last_ms")),
        last_used=from_time(item.get("last_used")),
        lifecycle=LifecycleState(lifecycle) if lifecycle else None,
        lifecycle_at=from_time(item.get("lifecycle_at")),
        reason=item.get("reason"),
        fork_finding=decoded(ForkFinding, item["fork_finding"]) if "fork_finding" in item else None,
        fork_finding_at=from_time(item.get("fork_finding_at")),
        buckets={int(found[1]): int(count) for name, count in item.items() if (found := _BUCKET.fullmatch(name))},
        as_of=from_time(item.get("as_of")),
    )


def sequence_text(number: int) -> str:
    """Return a sequence number as text in the same order: it may have 40 digits, and DynamoDB's numbers only 38."""
    return f"{number:034x}"


def checkpoint_name(shard: str) -> str:
    """Return the attribute with the checkpoint of a shard, which contains the time of the shard's creation."""
    found = _SHARD_ID.fullmatch(shard)
    return f"seen_{int(found[1]):x}_{found[2]}" if found else f"seen_{shard}"


def stale_checkpoints(shard: str, item: Mapping[str, Any]) -> list[str]:
    """Return the checkpoints of an item that have expired at the time when this shard was created."""
    found = _SHARD_ID.fullmatch(shard)
    if found is None:
        return []
    oldest = int(found[1]) - SHARD_KEPT // timedelta(milliseconds=1)
    return [name for name in item if (created := _CHECKPOINT.fullmatch(name)) and int(created[1], 16) < oldest]


# --- Reading ---------------------------------------------------------------------------------------------------------


def read_counters(client: DynamoDBClient, table: str, plugin: str) -> dict[str, ExecutionMetrics]:
    """Read the counters of a plugin, by tool."""
    return {tool_of(item)[1]: counters_from_item(item) for item in read_items(client, table, plugin)}


def read_items(client: DynamoDBClient, table: str, plugin: str) -> list[Item]:
    """Read the counter items of a plugin consistently."""
    with translated("table"):
        pages = client.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :plugin)",
            ExpressionAttributeValues=serialized({":pk": PARTITION, ":plugin": f"{plugin}#"}),
            ConsistentRead=True,
        )
        return [deserialized(item) for page in pages for item in page["Items"]]
