"""The counters of tools and of batches, to which `count_jobs` adds the changes of jobs: one item per plugin and tool,
and one per batch. A state of a tool that changed is published afterwards (`interlock.adapters.dynamo.state_publisher`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from interlock.adapters.dynamo.attributes import Item
from interlock.adapters.dynamo.batch_items import counts_from_item, counts_key
from interlock.adapters.dynamo.counter_items import LATEST, counters_key, latest_of, sums_of
from interlock.adapters.dynamo.folds import Addition, Fold
from interlock.adapters.dynamo.state_publisher import StatePublisher
from interlock.domain.batch import BatchCounts
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import BatchName, CountedChange, ToolName

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOT_LATER = "(attribute_not_exists(#{name}) OR #{name} <= :{name})"


class DynamoCounters:
    """`interlock.ports.CounterStore` on one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._fold = Fold(client, table)
        self._states = StatePublisher(client, table)

    def add(self, tool: ToolName, shard: str, changes: Sequence[CountedChange]) -> None:
        key = counters_key(*tool)
        folded = self._fold.add(key, shard, changes, _to_tool)
        # If `before` is None, another invocation counted some of the changes, and may have been killed before it
        # published the state. The state is then published even if the remaining changes do not affect it.
        self._states.publish(key["sk"], folded.before or {}, folded.after)
        if folded.before is not None:
            self._fold.forget_stale(key, shard, folded.before)

    def add_to_batch(self, batch: BatchName, shard: str, changes: Sequence[CountedChange]) -> BatchCounts:
        return counts_from_item(self._fold.add(counts_key(*batch), shard, changes, _to_batch).after)


def _to_tool(total: ExecutionMetrics, stored: Item) -> Addition:
    sets = latest_of(total, stored)
    return Addition(sums_of(total), sets, [NOT_LATER.format(name=name) for name in LATEST if name in sets])


def _to_batch(total: ExecutionMetrics, _: Item) -> Addition:
    sums: Item = {
        "running": total.in_flight,
        "succeeded": total.succeeded,
        "failed": total.failed,
        "timed_out": total.timed_out,
        "cancelled": total.cancelled,
    }
    return Addition(sums, {})
