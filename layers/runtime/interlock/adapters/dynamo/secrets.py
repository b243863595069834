"""The service's own secrets, in the table: it is encrypted, and anyone who may read it may read the jobs anyway."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo.attributes import serialized

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SECRET_BYTES = 32


class DynamoSecrets:
    """`interlock.ports.Secrets` on one DynamoDB table. Each is read once by an execution environment."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._known: dict[str, bytes] = {}

    def secret(self, name: str) -> bytes:
        if name not in self._known:
            with translated("table"):
                self._known[name] = self._read(name) or self._create(name)
        return self._known[name]

    def _read(self, name: str) -> bytes | None:
        answer = self._client.get_item(
            TableName=self._table, Key=serialized(access_items.secret_key(name)), ConsistentRead=True
        )
        return answer["Item"]["value"]["B"] if "Item" in answer else None

    def _create(self, name: str) -> bytes:
        # If several environments need a new secret at once, one creates it. The others get it in the response to the
        # same call, as does an environment whose write was retried by the SDK.
        value = secrets.token_bytes(SECRET_BYTES)
        try:
            self._client.put_item(
                TableName=self._table,
                Item={**serialized(access_items.secret_key(name)), "value": {"B": value}},
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            found: bytes = error.response["Item"]["value"]["B"]  # type: ignore[typeddict-item]
            return found
        return value
