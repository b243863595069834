"""The counters of tools: one item per tool and shard, updated with the job that they count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from interlock.adapters.aws import translated
from interlock.adapters.dynamo.attributes import Item, deserialized, from_number, from_time, serialized, to_number
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics, MetricsDelta, bucket_of
from interlock.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHARDS = 64
"""Items among which the counters of a tool are spread, so that workers rarely conflict in a transaction."""


def counters_update(table: str, delta: MetricsDelta, shard: int) -> dict[str, Any]:
    """Return the `Update` that adds a change to a shard of the tool's counters."""
    sums, latest = metrics_sums(delta), metrics_latest(delta)
    expression = "ADD " + ", ".join(f"#{name} :{name}" for name in sums)
    if latest:
        expression += " SET " + ", ".join(f"#{name} = :{name}" for name in latest)
    return {
        "TableName": table,
        "Key": serialized(metrics_key(delta.plugin, delta.tool, shard)),
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in (*sums, *latest)},
        "ExpressionAttributeValues": serialized(
            {f":{name}": value for name, value in (*sums.items(), *latest.items())}
        ),
    }


def read_counters(client: DynamoDBClient, table: str, plugin: str) -> dict[str, ExecutionMetrics]:
    """Read the counters of a plugin, by tool."""
    pages = client.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=serialized({":pk": _partition(plugin)}),
        ConsistentRead=True,
    )
    with translated("table"):
        return metrics_from_items([deserialized(item) for page in pages for item in page["Items"]])


def _partition(plugin: str) -> str:
    return f"METRICS#{plugin}"


def metrics_key(plugin: str, tool: str, shard: int) -> Item:
    return {"pk": _partition(plugin), "sk": f"{tool}#{shard:02d}"}


def metrics_sums(delta: MetricsDelta) -> Item:
    """Return what the change adds to the shard's item (ADD)."""
    sums: Item = {"in_flight": delta.in_flight} if delta.in_flight else {}
    if delta.status is not None:
        sums[delta.status] = 1
    if delta.elapsed_ms is not None:
        sums["executed"] = 1
        sums["total_ms"] = to_number(delta.elapsed_ms)
        sums[f"bucket_{bucket_of(delta.elapsed_ms)}"] = 1
    return sums


def metrics_latest(delta: MetricsDelta) -> Item:
    """Return what the change replaces in the shard's item (SET)."""
    latest: Item = {}
    if delta.elapsed_ms is not None:
        latest["last_ms"] = to_number(delta.elapsed_ms)
        latest["last_used"] = rfc3339(delta.at)
    if delta.lifecycle is not None:
        latest["lifecycle"] = delta.lifecycle.value
        latest["lifecycle_at"] = rfc3339(delta.at)
        latest["reason"] = delta.reason
    return latest


def metrics_from_items(items: Iterable[Mapping[str, Any]]) -> dict[str, ExecutionMetrics]:
    """Return the counters by tool, with their shards added up."""
    shards: dict[str, list[ExecutionMetrics]] = {}
    for item in items:
        shards.setdefault(item["sk"].rpartition("#")[0], []).append(_metrics(item))
    return {tool: ExecutionMetrics.sum(parts) for tool, parts in shards.items()}


def _metrics(item: Mapping[str, Any]) -> ExecutionMetrics:
    lifecycle = item.get("lifecycle")
    return ExecutionMetrics(
        succeeded=int(item.get("succeeded", 0)),
        failed=int(item.get("failed", 0)),
        timed_out=int(item.get("timed_out", 0)),
        cancelled=int(item.get("cancelled", 0)),
        in_flight=int(item.get("in_flight", 0)),
        executed=int(item.get("executed", 0)),
        total_ms=float(item.get("total_ms", 0)),
        last_ms=from_number(item.get("last_ms")),
        last_used=from_time(item.get("last_used")),
        lifecycle=LifecycleState(lifecycle) if lifecycle else None,
        lifecycle_at=from_time(item.get("lifecycle_at")),
        reason=item.get("reason"),
        buckets={
            int(name.removeprefix("bucket_")): int(count) for name, count in item.items() if name.startswith("bucket_")
        },
    )
