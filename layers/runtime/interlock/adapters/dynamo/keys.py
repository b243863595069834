"""API keys in the table: stored by the SHA-256 of the key, never with the key itself, and listed by their ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import batched, islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo import key_values as items
from interlock.adapters.dynamo.attributes import deserialized, serialized
from interlock.domain.access import ApiKey, KeyIsOver
from interlock.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 100
"""Items that one request reads."""

IS_NEW = "attribute_not_exists(pk)"
STILL_THE_SAME = "attribute_exists(pk) AND attribute_not_exists(revoked_at)"


class DynamoKeys:
    """Reads and writes the API keys of one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, key_hash: str) -> ApiKey | None:
        """Find a key by its hash. The read is consistent: a new or revoked key is seen at once."""
        with translated("table"):
            answer = self._client.get_item(
                TableName=self._table, Key=serialized(items.api_key_key(key_hash)), ConsistentRead=True
            )
        return _key(answer.get("Item"))

    def create(self, key: ApiKey, creator: ApiKey | None = None) -> None:
        """Write a new key and its entry in the list, both or neither. Raise `KeyIsOver` if the creator was revoked."""
        checks: list[Any] = []
        if creator is not None:
            of_creator = {"Key": serialized(items.api_key_key(creator.key_hash)), "ConditionExpression": STILL_THE_SAME}
            checks = [{"ConditionCheck": {"TableName": self._table, **of_creator}}]
        self._write([*self._creation(key), *checks])

    def rotate(self, old: ApiKey, new: ApiKey, *, old_expires_at: datetime) -> None:
        """Write the new key and let `old` expire, both or neither. Raise `KeyIsOver` if `old` was revoked."""
        ends: Any = {
            "Update": {
                "TableName": self._table,
                "Key": serialized(items.api_key_key(old.key_hash)),
                "UpdateExpression": "SET expires_at = :expires_at",
                "ConditionExpression": STILL_THE_SAME,
                "ExpressionAttributeValues": serialized({":expires_at": rfc3339(old_expires_at)}),
            }
        }
        self._write([*self._creation(new), ends])

    def revoke(self, key: ApiKey, now: datetime) -> datetime:
        """Revoke a key and return when it was revoked. Revoking it again changes nothing."""
        with translated("table"):
            answer = self._client.update_item(
                TableName=self._table,
                Key=serialized(items.api_key_key(key.key_hash)),
                UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :now)",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues=serialized({":now": rfc3339(now)}),
                ReturnValues="ALL_NEW",
            )
        revoked = items.api_key_from_item(deserialized(answer["Attributes"]))
        return revoked.revoked_at or now

    def find(self, key_id: str, tenant: str | None = None) -> ApiKey | None:
        """Find a key by its id. Without a tenant, the entries of all tenants are searched."""
        if tenant is None:
            entry = next(self._entries(FilterExpression="key_id = :id", values={":id": key_id}), None)
        else:
            with translated("table"):
                answer = self._client.get_item(
                    TableName=self._table, Key=serialized(items.listed_key_key(tenant, key_id)), ConsistentRead=True
                )
            entry = deserialized(answer["Item"]) if "Item" in answer else None
        return self.get(entry["key_hash"]) if entry else None

    def listed(self, tenant: str | None = None) -> Iterator[ApiKey]:
        """Yield all keys, or those of a tenant, by tenant and oldest first. Queries their partition, without a scan."""
        entries = self._entries() if tenant is None else self._entries_of(tenant)
        for batch in batched(entries, BATCH, strict=False):
            yield from self._batch([entry["key_hash"] for entry in batch])

    def page(self, tenant: str, *, limit: int, before_id: str | None) -> tuple[Sequence[ApiKey], str | None]:
        """Return a page of keys of a tenant, newest first, and the id to continue after (None: no more)."""
        start: dict[str, Any] = {}
        if before_id is not None:
            start = {"ExclusiveStartKey": serialized(items.listed_key_key(tenant, before_id))}
        newest = self._entries_of(tenant, ScanIndexForward=False, Limit=limit + 1, **start)
        entries = list(islice(newest, limit + 1))
        page = entries[:limit]
        keys = self._batch([entry["key_hash"] for entry in page])
        return keys, page[-1]["key_id"] if len(entries) > limit else None

    def _entries_of(self, tenant: str, **query: Any) -> Iterator[Mapping[str, Any]]:
        of_tenant = {":tenant": items.of_tenant(tenant)}
        return self._entries("begins_with(sk, :tenant)", values=of_tenant, **query)

    def _entries(
        self, sort_key: str = "", *, values: Mapping[str, Any] | None = None, **query: Any
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the entries of the list of keys. `sort_key` is a condition on it."""
        query |= {
            "TableName": self._table,
            "KeyConditionExpression": " AND ".join(filter(None, ["pk = :pk", sort_key])),
            "ExpressionAttributeValues": serialized({":pk": items.KEY_LIST, **(values or {})}),
            "ConsistentRead": True,
        }
        with translated("table"):
            for page in self._client.get_paginator("query").paginate(**query):
                yield from map(deserialized, page["Items"])

    def _batch(self, hashes: Sequence[str]) -> list[ApiKey]:
        found: dict[str, ApiKey] = {}
        keys: list[Any] = [serialized(items.api_key_key(key_hash)) for key_hash in hashes]
        while keys:
            with translated("table"):
                answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}})
            for item in answer["Responses"].get(self._table, []):
                key = items.api_key_from_item(deserialized(item))
                found[key.key_hash] = key
            left = answer["UnprocessedKeys"].get(self._table)
            keys = list(left["Keys"]) if left else []
        return [found[key_hash] for key_hash in hashes if key_hash in found]

    def _write(self, together: list[Any]) -> None:
        with translated("table"):
            try:
                self._client.transact_write_items(TransactItems=together)
            except ClientError as error:
                if error_code(error) == "TransactionCanceledException" and "ConditionalCheckFailed" in str(error):
                    raise KeyIsOver from error
                raise

    def _creation(self, key: ApiKey) -> list[Any]:
        return [
            {"Put": {"TableName": self._table, "Item": serialized(item), "ConditionExpression": IS_NEW}}
            for item in (items.api_key_to_item(key), items.listed_key_to_item(key))
        ]


def _key(item: Mapping[str, Any] | None) -> ApiKey | None:
    return items.api_key_from_item(deserialized(item)) if item else None
