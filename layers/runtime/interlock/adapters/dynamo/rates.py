"""The rate usage of API keys: one item per key with a rate, updated by one conditional write per request."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo.attributes import deserialized, serialized
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.rate import Rate

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TRIES = 50
REMEMBERED_KEYS = 1000
KEPT_S = 7200
"""How long an unused item stays: longer than any rate looks back."""

# DynamoDB's expressions have no max(), so the two cases of the algorithm are two writes. Their conditions exclude each
# other. If neither condition holds, the request is over its rate.
IDLE = "attribute_not_exists(#next) OR #next <= :now"
WITHIN_THE_BURST = "#next > :now AND #next <= :latest"

_MICROSECOND = timedelta(microseconds=1)


class DynamoRates:
    """`interlock.ports.RateStore` on one DynamoDB table. Exact for any number of environments."""

    def __init__(self, client: DynamoDBClient, table: str, timer: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._timer = timer
        self._table = table
        # The last known state of keys, to guess which of the two writes to try first. A wrong guess only costs a second
        # round trip.
        self._next_us: dict[str, int] = {}

    def take(self, key_id: str, rate: Rate, now: datetime) -> float:
        began_us = round(now.timestamp() * 1_000_000)
        began = self._timer()
        now_us, latest_us = began_us, began_us + rate.tolerance // _MICROSECOND
        interval_us = rate.interval // _MICROSECOND
        next_us = self._next_us.get(key_id, 0)
        for _ in range(TRIES):
            idle = next_us <= now_us
            write = self._write(key_id, now_us, latest_us, interval_us, idle=idle)
            try:
                with translated("table"):
                    new = self._try(write)
            except _Moved as moved:
                # Another request of this key was faster, or the guess was wrong. Now the key's state is known.
                next_us = moved.next_us
                self._remember(key_id, next_us)
                # Requests that arrived after this one may have been written before it. It is over the rate only if it
                # still is now, after the write.
                passed_us = began_us + round((self._timer() - began) * 1_000_000) - now_us
                if next_us > latest_us + passed_us:
                    return (next_us - latest_us) / 1_000_000
                now_us, latest_us = now_us + passed_us, latest_us + passed_us
            else:
                self._remember(key_id, new)
                return 0
        raise ServiceUnavailable(service="table")

    def _write(self, key_id: str, now_us: int, latest_us: int, interval_us: int, *, idle: bool) -> dict[str, Any]:
        values = {":now": now_us, ":ttl": now_us // 1_000_000 + KEPT_S}
        values |= {":new": now_us + interval_us} if idle else {":interval": interval_us, ":latest": latest_us}
        return {
            "TableName": self._table,
            "Key": serialized(access_items.rate_key(key_id)),
            "UpdateExpression": f"SET #next = {':new' if idle else '#next + :interval'}, #ttl = :ttl",
            "ConditionExpression": IDLE if idle else WITHIN_THE_BURST,
            "ExpressionAttributeNames": {"#next": "next_us", "#ttl": "ttl"},
            "ExpressionAttributeValues": serialized(values),
            "ReturnValues": "UPDATED_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _try(self, write: dict[str, Any]) -> int:
        try:
            answer = self._client.update_item(**write)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            raise _Moved(_next_us(error.response.get("Item"))) from error  # type: ignore[arg-type]
        return _next_us(answer["Attributes"])

    def _remember(self, key_id: str, next_us: int) -> None:
        if len(self._next_us) >= REMEMBERED_KEYS:
            self._next_us.clear()
        self._next_us[key_id] = next_us


class _Moved(Exception):
    """The item is not in the state that the write assumed. `next_us` is its value, 0 if there is no item."""

    def __init__(self, next_us: int) -> None:
        super().__init__()
        self.next_us = next_us


def _next_us(item: Mapping[str, Any] | None) -> int:
    return int(deserialized(item)["next_us"]) if item else 0
