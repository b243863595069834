"""The secrets of tenants that sign webhooks, each tenant's in one item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo.attributes import Item, deserialized, serialized
from interlock.adapters.dynamo.fields import decoded, encoded
from interlock.domain.webhook_secret import SigningSecrets

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoSigningSecrets:
    """`interlock.webhook_ports.SigningSecretStore` on one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, tenant: str) -> SigningSecrets | None:
        with translated("table"):
            answer = self._client.get_item(TableName=self._table, Key=serialized(_key(tenant)), ConsistentRead=True)
        return _secrets(answer["Item"]) if "Item" in answer else None

    def replace(self, tenant: str, before: SigningSecrets | None, after: SigningSecrets) -> SigningSecrets:
        # Two rotations, or the first message of a tenant and the first read of its secret: one is written, and the
        # other gets the written secrets in the response to the same call.
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before is not None:
            condition = {
                "ConditionExpression": "#current = :before",
                "ExpressionAttributeNames": {"#current": "current"},
                "ExpressionAttributeValues": serialized({":before": before.current}),
            }
        with translated("table"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=serialized({**_key(tenant), **encoded(after)}),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **condition,
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                return _secrets(error.response["Item"])  # type: ignore[typeddict-item]
        return after


def _key(tenant: str) -> Item:
    return {"pk": f"WEBHOOK#{tenant}", "sk": "SECRET"}


def _secrets(item: Mapping[str, Any]) -> SigningSecrets:
    return decoded(SigningSecrets, deserialized(item))
