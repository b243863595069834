"""Add changes to an item as the table's stream reports them, each change exactly once.

The item contains its own checkpoints: for every shard of the stream, the sequence number up to which it counts that
shard's records. Sums and checkpoint change in one conditional write, so a batch that is retried, split or duplicated is
counted once, whatever happened between the writes of its items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from msgspec import Struct

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo.attributes import Item, deserialized, serialized
from interlock.adapters.dynamo.counter_items import checkpoint_name, sequence_text, stale_checkpoints, updated
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import CountedChange

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WRITE_TRIES = 20
"""Tries of a write that conflicts with those of other shards. Each failed try returns the item as it is now."""

NOT_COUNTED_YET = "(attribute_not_exists(#seen) OR #seen < :first)"


class Addition(Struct, frozen=True):
    """Attributes to add to an item (ADD) and to replace in it (SET), on conditions about these values."""

    sums: Item
    sets: Item
    conditions: Sequence[str] = ()


class Folded(Struct, frozen=True):
    """An item before and after changes were added. `before` is None if some of them had been added earlier."""

    before: Item | None
    after: Item


class Fold:
    """Adds changes to items of one table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(
        self,
        key: Item,
        shard: str,
        changes: Sequence[CountedChange],
        addition: Callable[[ExecutionMetrics, Item], Addition],
    ) -> Folded:
        """Add changes to an item. `addition` returns the update for the sum of the changes and the item as stored."""
        seen = checkpoint_name(shard)
        stored: Item = {}
        for _ in range(WRITE_TRIES):
            # Another invocation may have counted the same records: the first to write them wins.
            left = [one for one in changes if sequence_text(one.sequence_number) > stored.get(seen, "")]
            if not left:
                return Folded(None, stored)
            added = addition(ExecutionMetrics.sum(change.delta for change in left), stored)
            with translated("table"):
                try:
                    answer = self._client.update_item(**self._update(key, seen, left, added))
                except ClientError as error:
                    if error_code(error) != "ConditionalCheckFailedException":
                        raise
                    stored = deserialized(error.response.get("Item", {}))  # type: ignore[arg-type]  # unknown there
                    continue
            before = deserialized(answer.get("Attributes", {}))
            after = updated(before, added.sums, added.sets)
            return Folded(before if len(left) == len(changes) else None, after)
        raise ServiceUnavailable(service="table")

    def _update(self, key: Item, seen: str, changes: Sequence[CountedChange], added: Addition) -> dict[str, Any]:
        values = {**added.sums, **added.sets, "seen": sequence_text(changes[-1].sequence_number)}
        names = {f"#{name}": name for name in values}
        return {
            "TableName": self._table,
            "Key": serialized(key),
            "UpdateExpression": "ADD "
            + ", ".join(f"#{name} :{name}" for name in added.sums)
            + " SET "
            + ", ".join(f"#{name} = :{name}" for name in (*added.sets, "seen")),
            "ConditionExpression": " AND ".join([NOT_COUNTED_YET, *added.conditions]),
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

    def forget_stale(self, key: Item, shard: str, item: Item) -> None:
        """Remove the checkpoints of shards that have expired. After a failure, a later write removes them."""
        if checkpoints := stale_checkpoints(shard, item):
            with translated("table"):
                self._client.update_item(
                    TableName=self._table,
                    Key=serialized(key),
                    UpdateExpression="REMOVE " + ", ".join(f"#c{n}" for n in range(len(checkpoints))),
                    ExpressionAttributeNames={f"#c{n}": name for n, name in enumerate(checkpoints)},
                )
