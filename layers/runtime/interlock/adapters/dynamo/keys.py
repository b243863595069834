"""API keys in the table: by the SHA-256 of the key, never the key; and by their ids, to list and to find them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo import key_values as items
from interlock.adapters.dynamo.attributes import deserialized, serialized
from interlock.domain.access import ApiKey
from interlock.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IS_NEW = "attribute_not_exists(pk)"
STILL_THE_SAME = "attribute_exists(pk) AND attribute_not_exists(revoked_at)"


class KeyIsOver(Exception):
    """The key was revoked meanwhile."""


class DynamoKeys:
    """Reads and writes the API keys of one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, key_hash: str) -> ApiKey | None:
        """Finds a key by its hash. Consistently: one that was just made or revoked is met as such."""
        with translated("table"):
            answer = self._client.get_item(
                TableName=self._table, Key=serialized(items.api_key_key(key_hash)), ConsistentRead=True
            )
        return _key(answer.get("Item"))

    def create(self, key: ApiKey) -> None:
        """Writes a new key and lists it, both or neither."""
        with translated("table"):
            self._client.transact_write_items(TransactItems=self._creation(key))

    def rotate(self, old: ApiKey, new: ApiKey, *, old_expires_at: datetime) -> None:
        """Writes the new key and lets the old one expire, both or neither. Raises `KeyIsOver` when it was revoked."""
        ends: Any = {
            "Update": {
                "TableName": self._table,
                "Key": serialized(items.api_key_key(old.key_hash)),
                "UpdateExpression": "SET expires_at = :expires_at",
                "ConditionExpression": STILL_THE_SAME,
                "ExpressionAttributeValues": serialized({":expires_at": rfc3339(old_expires_at)}),
            }
        }
        with translated("table"):
            try:
                self._client.transact_write_items(TransactItems=[*self._creation(new), ends])
            except ClientError as error:
                if error_code(error) == "TransactionCanceledException" and "ConditionalCheckFailed" in str(error):
                    raise KeyIsOver from error
                raise

    def revoke(self, key: ApiKey, now: datetime) -> datetime:
        """Ends a key. Returns since when it is revoked: a second time changes nothing."""
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

    def find(self, key_id: str) -> ApiKey | None:
        """Finds a key by its id."""
        with translated("table"):
            answer = self._client.get_item(
                TableName=self._table, Key=serialized(items.listed_key_key(key_id)), ConsistentRead=True
            )
        listed = answer.get("Item")
        return self.get(deserialized(listed)["key_hash"]) if listed else None

    def listed(self, tenant: str | None = None) -> Iterator[ApiKey]:
        """All keys, or those of a tenant, oldest first. A query of their one partition and no scan of the table."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": serialized({":pk": items.KEY_LIST}),
            "ConsistentRead": True,
        }
        if tenant is not None:
            query["FilterExpression"] = "tenant = :tenant"
            query["ExpressionAttributeValues"] |= serialized({":tenant": tenant})
        with translated("table"):
            for page in self._client.get_paginator("query").paginate(**query):
                hashes = [deserialized(item)["key_hash"] for item in page["Items"]]
                for start in range(0, len(hashes), 100):
                    yield from self._batch(hashes[start : start + 100])

    def _batch(self, hashes: Sequence[str]) -> list[ApiKey]:
        found: dict[str, ApiKey] = {}
        keys: list[Any] = [serialized(items.api_key_key(key_hash)) for key_hash in hashes]
        while keys:
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}})
            for item in answer["Responses"].get(self._table, []):
                key = items.api_key_from_item(deserialized(item))
                found[key.key_hash] = key
            left = answer["UnprocessedKeys"].get(self._table)
            keys = list(left["Keys"]) if left else []
        return [found[key_hash] for key_hash in hashes if key_hash in found]

    def _creation(self, key: ApiKey) -> list[Any]:
        return [
            {"Put": {"TableName": self._table, "Item": serialized(item), "ConditionExpression": IS_NEW}}
            for item in (items.api_key_to_item(key), items.listed_key_to_item(key))
        ]


def _key(item: Mapping[str, Any] | None) -> ApiKey | None:
    return items.api_key_from_item(deserialized(item)) if item else None
