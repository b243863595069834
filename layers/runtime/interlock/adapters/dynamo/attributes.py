"""Attribute values of the table: DynamoDB's own form of an item, and the forms of numbers and times in it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any

from interlock.domain.times import from_rfc3339, rfc3339

type Item = dict[str, Any]

_NUMBERS = Context(Emin=-128, Emax=126, prec=38, traps=[Clamped, Inexact, Overflow, Rounded, Underflow])
"""The numbers that DynamoDB stores: up to 38 digits. Others raise an error instead of being rounded."""


def serialized(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the item as DynamoDB's requests take it: `{"name": {"S": "value"}}`.

    Raises TypeError for a value of another type than text, bytes, whole numbers, `Decimal`, truth values, None, lists
    and mappings, and `decimal` signals for numbers that DynamoDB cannot store exactly.
    """
    return {name: _to_value(value) for name, value in item.items()}


def deserialized(item: Mapping[str, Any]) -> Item:
    """Return an item of a DynamoDB response as plain values. Numbers are `Decimal`."""
    return {name: _from_value(value) for name, value in item.items()}


# boto3 has both directions, but functions must not import boto3 for it at their start: it takes 40 ms.
def _to_value(value: Any) -> dict[str, Any]:
    content: Any = value
    match value:
        case str():
            kind = "S"
        case None:
            kind, content = "NULL", True
        case bool():
            kind = "BOOL"
        case int() | Decimal():
            kind, content = "N", _number(value)
        case bytes():
            kind = "B"
        case Mapping():
            kind, content = "M", serialized(value)
        case list() | tuple():
            kind, content = "L", [_to_value(one) for one in value]
        case _:
            raise TypeError(f"DynamoDB has no attribute type for {type(value).__name__}")
    return {kind: content}


def _number(value: int | Decimal) -> str:
    number = _NUMBERS.create_decimal(value)
    if not number.is_finite():
        raise TypeError("DynamoDB stores no infinity and no NaN")
    return str(number)


def _from_value(value: Mapping[str, Any]) -> Any:
    [(kind, content)] = value.items()
    return _READERS[kind](content)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "S": str,
    "N": _NUMBERS.create_decimal,
    "BOOL": bool,
    "NULL": lambda _: None,
    "B": bytes,
    "M": deserialized,
    "L": lambda items: [_from_value(one) for one in items],
}


def present(item: Mapping[str, Any]) -> Item:
    """Return the item without the attributes that are None, so that sparse indexes stay sparse."""
    return {name: value for name, value in item.items() if value is not None}


def to_number(value: float | None) -> Decimal | None:
    # From the shortest text of the float, because Decimal(0.1) is not 0.1.
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
