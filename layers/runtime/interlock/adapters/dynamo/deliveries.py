"""The deliveries of webhooks: items of their own, one for each event of a job or batch that has a message.

They have partitions of their own, so that the function that sends messages can be allowed to write deliveries, but no
jobs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo.attributes import Item, deserialized, serialized
from interlock.adapters.dynamo.fields import decoded, encoded
from interlock.domain.webhook import Delivery, DeliveryState, Subject, WebhookEvent

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

# Clauses of the condition by name.
IS_FIRST = "attribute_not_exists(pk)"
LATER_ROUND = "#round < :round"
LATER_ATTEMPT = "(#round = :round AND #state = :known AND #attempts < :attempts)"
NOT_DELIVERED = "(#round = :round AND #state <> :known)"


class DynamoDeliveries:
    """`interlock.webhook_ports.DeliveryStore` on one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, subject: Subject, event: WebhookEvent) -> Delivery | None:
        key = {**_partition(subject), "sk": event.value}
        with translated("table"):
            answer = self._client.get_item(TableName=self._table, Key=serialized(key), ConsistentRead=True)
        return _delivery(answer["Item"]) if "Item" in answer else None

    def about(self, subject: Subject) -> Sequence[Delivery]:
        with translated("table"):
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=serialized({":pk": _partition(subject)["pk"]}),
                ConsistentRead=True,
            )
        return [_delivery(item) for item in answer["Items"]]

    def record(self, subject: Subject, delivery: Delivery, *, expires_at: datetime) -> Delivery:
        """Write a delivery and return the stored one. If senders compete, the condition keeps the later round; within a
        round, a success, or else the later attempt."""
        compared: Item = {"round": delivery.round}
        if delivery.state is DeliveryState.DELIVERED:
            better, known = NOT_DELIVERED, DeliveryState.DELIVERED
        else:
            better, known = LATER_ATTEMPT, DeliveryState.PENDING
            compared["attempts"] = delivery.attempts
        item = {
            **_partition(subject),
            "sk": delivery.event.value,
            **encoded(delivery),
            "ttl": int(expires_at.timestamp()),
        }
        with translated("table"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=serialized(item),
                    ConditionExpression=f"{IS_FIRST} OR {LATER_ROUND} OR {better}",
                    ExpressionAttributeNames={f"#{name}": name for name in (*compared, "state")},
                    ExpressionAttributeValues=serialized(
                        {f":{name}": value for name, value in compared.items()} | {":known": known.value}
                    ),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                return _delivery(error.response["Item"])  # type: ignore[typeddict-item]
        return delivery


def _partition(subject: Subject) -> Item:
    return {"pk": f"DELIVERY#{subject.tenant}#{subject.name}"}


def _delivery(item: Mapping[str, Any]) -> Delivery:
    return decoded(Delivery, deserialized(item))
