"""Attribute values of the table: DynamoDB's own form of an item, and the forms of numbers and times in it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from interlock.domain.times import from_rfc3339, rfc3339

type Item = dict[str, Any]

_to_value = TypeSerializer().serialize
_from_value = TypeDeserializer().deserialize


def serialized(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the item as DynamoDB's requests take it: `{"name": {"S": "value"}}`."""
    return {name: _to_value(value) for name, value in item.items()}


def deserialized(item: Mapping[str, Any]) -> Item:
    """Return an item of a DynamoDB response as plain values. Numbers are `Decimal`."""
    return {name: _from_value(value) for name, value in item.items()}


def present(item: Mapping[str, Any]) -> Item:
    """Return the item without the attributes that are None, so that sparse indexes stay sparse."""
    return {name: value for name, value in item.items() if value is not None}


def to_number(value: float | None) -> Decimal | None:
    # By its shortest text: Decimal(0.1) itself is not 0.1.
    return None if value is None else Decimal(repr(value))


def from_number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def from_integer(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def to_time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def from_time(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None


def epoch_ms(moment: datetime) -> int:
    """Return milliseconds since 1970, the form in which an index can order leases."""
    return round(moment.timestamp() * 1000)


def from_epoch_ms(value: Decimal | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(int(value) / 1000, UTC)
