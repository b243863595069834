"""The counters of tools: one item per plugin and tool, to which `count_jobs` adds the changes of jobs.

Each item contains its own checkpoints: for every shard of the table's stream, the sequence number up to which the
item counts that shard's records. Sums and checkpoint change in one conditional write, so a batch that is retried, split
or duplicated is counted once, whatever happened between the writes of its items. A state of the tool that changed is
published afterwards (`interlock.adapters.dynamo.state_publisher`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo.attributes import Item, deserialized, serialized
from interlock.adapters.dynamo.counter_items import (
    LATEST,
    checkpoint_name,
    counters_key,
    latest_of,
    sequence_text,
    stale_checkpoints,
    sums_of,
    updated,
)
from interlock.adapters.dynamo.state_publisher import StatePublisher
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import CountedChange, ToolName

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WRITE_TRIES = 20
"""Tries of a write that meets those of other shards. Each try that fails has learned what another one has written."""

# Clauses of a condition by name.
NOT_COUNTED_YET = "(attribute_not_exists(#seen) OR #seen < :first)"
NOT_LATER = "(attribute_not_exists(#{name}) OR #{name} <= :{name})"


class DynamoCounters:
    """`interlock.ports.CounterStore` on one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._states = StatePublisher(client, table)

    def add(self, tool: ToolName, shard: str, changes: Sequence[CountedChange]) -> None:
        key, seen = serialized(counters_key(*tool)), checkpoint_name(shard)
        stored: Item = {}
        for _ in range(WRITE_TRIES):
            # Another invocation may have counted the same records: the first to write them wins.
            left = [one for one in changes if sequence_text(one.sequence_number) > stored.get(seen, "")]
            if not left:
                # The invocation that counted them may have been killed before it published the state.
                self._states.publish(key["sk"]["S"], {}, stored)
                return
            total = ExecutionMetrics.sum(change.delta for change in left)
            sums, sets = sums_of(total), latest_of(total, stored)
            with translated("table"):
                try:
                    answer = self._client.update_item(**self._update(key, seen, left, sums, sets))
                except ClientError as error:
                    if error_code(error) != "ConditionalCheckFailedException":
                        raise
                    stored = deserialized(error.response.get("Item", {}))  # type: ignore[arg-type]  # unknown there
                    continue
            before = deserialized(answer.get("Attributes", {}))
            self._states.publish(key["sk"]["S"], before, updated(before, sums, sets))
            self._forget(key, stale_checkpoints(shard, before))
            return
        raise ServiceUnavailable(service="table")

    def _update(self, key: Any, seen: str, changes: Sequence[CountedChange], sums: Item, sets: Item) -> dict[str, Any]:
        """Return the write that adds the changes to an item."""
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
            "ReturnValues": "ALL_OLD",
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
