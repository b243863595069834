"""The counters of tools: one item per plugin and tool, to which `count_jobs` adds the changes of jobs.

Each item contains its own checkpoints: for every shard of the table's stream, the sequence number up to which the
item counts that shard's records. Sums and checkpoint change in one conditional write, so a batch that is retried, split
or duplicated is counted once, whatever happened between the writes of its items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
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
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job_status import FINAL
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import CountedChange, ToolName

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION = "COUNTERS"

SHARD_KEPT = timedelta(hours=30)
"""How long after its creation the checkpoint of a shard is needed: a shard is open for about 4 hours, and its records
can be read for another 24."""

WRITE_TRIES = 20
"""Tries of a write that meets those of other shards. Each try that fails has learned what another one has written."""

_SHARD_ID = re.compile(r"shardId-(\d{20})-([0-9a-z]+)")
_CHECKPOINT = re.compile(r"seen_([0-9a-f]+)_[0-9a-z]+")
_BUCKET = re.compile(r"b(\d+)")

SUMS = ("in_flight", "executed", *sorted(status.value for status in FINAL))
LATEST: Mapping[str, tuple[str, ...]] = {
    "last_used": ("last_ms",),
    "lifecycle_at": ("lifecycle", "reason"),
    "as_of": (),
}
"""Attributes that keep their latest value, by the attribute with the time of that value."""

STATE = ("sk", "in_flight", "lifecycle", "lifecycle_at", "reason")
"""Attributes that determine a plugin's lifecycle state."""

# Clauses of a condition by name.
NOT_COUNTED_YET = "(attribute_not_exists(#seen) OR #seen < :first)"
NOT_LATER = "(attribute_not_exists(#{name}) OR #{name} <= :{name})"


class DynamoCounters:
    """`interlock.ports.CounterStore` on one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, tool: ToolName, shard: str, changes: Sequence[CountedChange]) -> None:
        key, seen = serialized(counters_key(*tool)), checkpoint_name(shard)
        stored: Item = {}
        for _ in range(WRITE_TRIES):
            # Another invocation may have counted the same records: the first to write them wins.
            left = [one for one in changes if sequence_text(one.sequence_number) > stored.get(seen, "")]
            if not left:
                return
            with translated("table"):
                try:
                    answer = self._client.update_item(**self._update(key, seen, left, stored))
                except ClientError as error:
                    if error_code(error) != "ConditionalCheckFailedException":
                        raise
                    stored = deserialized(error.response.get("Item", {}))  # type: ignore[arg-type]  # unknown there
                    continue
            self._forget(key, stale_checkpoints(shard, answer["Attributes"]))
            return
        raise ServiceUnavailable(service="table")

    def _update(self, key: Any, seen: str, changes: Sequence[CountedChange], stored: Item) -> dict[str, Any]:
        """Return the write that adds the changes to an item. `stored` is what is known of the item."""
        total = ExecutionMetrics.sum(change.delta for change in changes)
        sums, sets = sums_of(total), latest_of(total, stored)
        conditions = [NOT_COUNTED_YET, *(NOT_LATER.format(name=name) for name in LATEST if name in sets)]
        values = {**sums, **sets, "seen": sequence_text(changes[-1].sequence_number)}
        names = {f"#{name}": name for name in values}
        return {
            "TableName": self._table,
            "Key": key,
            "UpdateExpression": "ADD "
            + ", ".join(f"#{name} :{name}" for name in sums)
            + " SET "
            + ", ".join(f"#{name} = :{name}" for name in (*sets, "seen")),
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {**names, "#seen": seen},
            "ExpressionAttributeValues": serialized(
                {
                    ":first": sequence_text(changes[0].sequence_number),
                    **{f":{name}": value for name, value in values.items()},
                }
            ),
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _forget(self, key: Any, checkpoints: Sequence[str]) -> None:
        """Remove the checkpoints of shards that have expired. A failure is made up for by the next write."""
        if checkpoints:
            with translated("table"):
                self._client.update_item(
                    TableName=self._table,
                    Key=key,
                    UpdateExpression="REMOVE " + ", ".join(f"#c{n}" for n in range(len(checkpoints))),
                    ExpressionAttributeNames={f"#c{n}": name for n, name in enumerate(checkpoints)},
                )


# --- Reading ---------------------------------------------------------------------------------------------------------


def read_counters(client: DynamoDBClient, table: str, plugin: str) -> dict[str, ExecutionMetrics]:
    """Read the counters of a plugin, by tool."""
    found = _query(
        client,
        table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :plugin)",
        ExpressionAttributeValues=serialized({":pk": PARTITION, ":plugin": f"{plugin}#"}),
        ConsistentRead=True,
    )
    return {tool_of(item)[1]: counters_from_item(item) for item in found}


def read_states(client: DynamoDBClient, table: str) -> dict[ToolName, ExecutionMetrics]:
    """Read what determines the lifecycle states of all plugins, by plugin and tool. A call reads 1 MB of counters."""
    found = _query(
        client,
        table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=serialized({":pk": PARTITION}),
        ExpressionAttributeNames={f"#{name}": name for name in STATE},
        ProjectionExpression=", ".join(f"#{name}" for name in STATE),
    )
    return {tool_of(item): counters_from_item(item) for item in found}


def _query(client: DynamoDBClient, table: str, **query: Any) -> Iterator[Item]:
    with translated("table"):
        for page in client.get_paginator("query").paginate(TableName=table, **query):
            for item in page["Items"]:
                yield deserialized(item)


# --- Items -----------------------------------------------------------------------------------------------------------


def counters_key(plugin: str, tool: str) -> Item:
    return {"pk": PARTITION, "sk": f"{plugin}#{tool}"}


def tool_of(item: Mapping[str, Any]) -> ToolName:
    plugin, _, tool = item["sk"].partition("#")
    return plugin, tool


def sums_of(total: ExecutionMetrics) -> Item:
    """Return what is added to the item (ADD)."""
    sums: Item = {name: getattr(total, name) for name in SUMS if getattr(total, name)}
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
            "as_of": to_time(total.as_of),
        }
    )
    if total.lifecycle:
        given["reason"] = total.reason
    later = {at for at in LATEST if at in given and stored.get(at, "") > given[at]}
    return {name: value for name, value in given.items() if not any(name in (at, *LATEST[at]) for at in later)}


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
        buckets={int(found[1]): int(count) for name, count in item.items() if (found := _BUCKET.fullmatch(name))},
        as_of=from_time(item.get("as_of")),
    )


def sequence_text(number: int) -> str:
    """Return a sequence number as text in the same order. It has up to 40 digits, a number of the table up to 38."""
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
