"""API keys in the table: by the SHA-256 of the key, never the key itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from interlock.adapters.aws import translated
from interlock.adapters.dynamo_items import api_key_from_item, api_key_key, api_key_to_item
from interlock.domain.access import ApiKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoKeys:
    """Reads and writes the API keys of one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, key: ApiKey) -> None:
        """Writes a key, over one of the same hash."""
        serialize = TypeSerializer().serialize
        with translated("table"):
            self._client.put_item(
                TableName=self._table, Item={name: serialize(value) for name, value in api_key_to_item(key).items()}
            )

    def get(self, key_hash: str) -> ApiKey | None:
        """Finds a key by its hash."""
        serialize, deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize
        with translated("table"):
            answer = self._client.get_item(
                TableName=self._table, Key={name: serialize(value) for name, value in api_key_key(key_hash).items()}
            )
        item = answer.get("Item")
        return api_key_from_item({name: deserialize(value) for name, value in item.items()}) if item else None
