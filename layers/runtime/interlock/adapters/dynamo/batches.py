"""Write and read batches. Each write is one conditional `PutItem`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo import batch_items as items
from interlock.adapters.dynamo.attributes import Item, deserialized, present, serialized
from interlock.adapters.dynamo.indexes import BY_TENANT, JOB_ID, NOT_SUCCEEDED, TENANT_JOB
from interlock.adapters.dynamo.job_writes import HAS_EXPIRED, IS_NEW
from interlock.domain.job_id import random_part_of_key
from interlock.ports import StaleBatch

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from interlock.domain.batch import Batch

UNCHANGED = "#batch_id = :batch_id AND #version = :was_version"

_ABOVE_ALL = "Z"
"""A text that sorts after all batch ids."""


class DynamoBatches:
    """`interlock.ports.BatchStore` on one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    # --- Writing ---

    def create(self, batch: Batch) -> None:
        # Several requests with one idempotency key write the same item: the first one creates the batch.
        values = {":now": int(batch.created_at.timestamp())}
        self._put(batch, f"{IS_NEW} OR {HAS_EXPIRED}", {"#ttl": "ttl", "#completed_at": "completed_at"}, values)

    def change(self, before: Batch, after: Batch) -> Batch:
        after = replace(after, version=before.version + 1)
        # A cancel, the end, the schedule and count_jobs may write at once: the first wins, the others read again.
        values = {":batch_id": before.batch_id, ":was_version": before.version}
        self._put(after, UNCHANGED, {"#batch_id": "batch_id", "#version": "version"}, values)
        return after

    def _put(self, batch: Batch, condition: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        item = items.batch_to_item(batch)
        with translated("table"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=serialized(item),
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=serialized(values),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                found = deserialized(error.response.get("Item", {}))  # type: ignore[arg-type]  # unknown there
                if found != deserialized(serialized(item)):  # equal: an SDK retry of our own successful write
                    raise StaleBatch(items.batch_from_item(found, {}) if found else None) from error

    def open_counts(self, batch: Batch, tolerated: int | None) -> None:
        values = present({"ttl": int(batch.expires_at.timestamp()), "tolerated": tolerated})
        with translated("table"):
            self._client.update_item(
                TableName=self._table,
                Key=serialized(items.counts_key(batch.tenant, batch.batch_id)),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
                ExpressionAttributeNames={f"#{name}": name for name in values},
                ExpressionAttributeValues=serialized({f":{name}": value for name, value in values.items()}),
            )

    # --- Reading ---

    def get(self, tenant: str, batch_id: str) -> Batch | None:
        return self._read(tenant, [batch_id]).get(batch_id)

    def find_by_key(self, tenant: str, key_hash: str) -> Batch | None:
        found = self._item(items.key_by_random_part(tenant, random_part_of_key(key_hash)))
        batch = items.batch_from_item(found, {}) if found else None
        return None if batch is None or batch.key_hash != key_hash else batch

    def stopping(self, tenant: str, batch_id: str) -> bool:
        found = self._item(items.batch_key(tenant, batch_id))
        return not found or items.batch_from_item(found, {}).stopping

    def _item(self, key: Item) -> Item:
        with translated("table"):
            answer = self._client.get_item(TableName=self._table, Key=serialized(key), ConsistentRead=True)
        return deserialized(answer.get("Item", {}))

    def page(self, tenant: str, *, limit: int, before_id: str | None) -> tuple[Sequence[Batch], str | None]:
        values = {":p": items.tenant_partition(tenant), ":before": before_id or _ABOVE_ALL}
        with translated("table"):
            answer = self._client.query(
                TableName=self._table,
                IndexName=BY_TENANT,
                KeyConditionExpression=f"{BY_TENANT} = :p AND {JOB_ID} < :before",
                ExpressionAttributeValues=serialized(values),
                ScanIndexForward=False,
                Limit=limit,
            )
        ids = [deserialized(entry)[JOB_ID] for entry in answer["Items"]]
        found = self._read(tenant, ids)
        more = ids[-1] if ids and "LastEvaluatedKey" in answer else None
        return [found[batch_id] for batch_id in ids if batch_id in found], more

    def with_lapsed_lease(self, now: datetime) -> Iterator[Batch]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=NOT_SUCCEEDED,
            KeyConditionExpression=f"{NOT_SUCCEEDED} = :p",
            ExpressionAttributeValues=serialized({":p": items.UNFINISHED_PARTITION}),
        )
        with translated("table"):
            entries = [deserialized(item)[TENANT_JOB] for page in pages for item in page["Items"]]
        for entry in entries:
            tenant, batch_id = entry.split("#")
            batch = self.get(tenant, batch_id)
            if batch is not None and batch.look_at is not None and batch.look_at < now:
                yield batch

    def _read(self, tenant: str, ids: Sequence[str]) -> dict[str, Batch]:
        """Read batches and their counts consistently."""
        keys = [serialized(key) for one in ids for key in (items.batch_key(tenant, one), items.counts_key(tenant, one))]
        found: dict[str, Item] = {}
        while keys:
            with translated("table"):
                request: Any = {self._table: {"Keys": keys[:100], "ConsistentRead": True}}
                answer = self._client.batch_get_item(RequestItems=request)
            for item in map(deserialized, answer["Responses"].get(self._table, [])):
                found[item["pk"] if item["sk"] == items.COUNTS else item["batch_id"]] = item
            # Unprocessed keys are returned, and come first in the next round.
            left = answer["UnprocessedKeys"].get(self._table)
            keys = [*(left["Keys"] if left else []), *keys[100:]]
        return {
            one: items.batch_from_item(found[one], found.get(items.counts_key(tenant, one)["pk"], {}))
            for one in ids
            if one in found
        }
