"""Consume the table's stream: parse a batch of records, pass on the changes, report what has to be repeated.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from interlock.domain.stream import Batch, Change

logger = logging.getLogger(__name__)

type Event = Mapping[str, Any]
type Response = dict[str, Any]
type Readers[T] = Mapping[str, Callable[[Mapping[str, Any]], T]]
"""For each kind of item that a function wants, by its sort key, a function that parses its image."""


def stream_task[T](
    readers: Readers[T],
    handle: Callable[[Batch[T]], int | None],
    on_unreadable: Callable[[], None],
) -> Callable[[Event], Response]:
    """Return a function that answers the events of an event source mapping with `ReportBatchItemFailures`.

    `handle` returns the sequence number from which the batch has to be repeated, or None. A record that cannot be
    parsed is logged, reported to `on_unreadable`, and left out, because repeating it would not help.
    """

    def consume(event: Event) -> Response:
        records = event["Records"]
        changes = sorted(_changes(records, readers, on_unreadable), key=lambda change: change.sequence_number)
        repeat_from = handle(Batch(event.get("shardId"), changes)) if changes else None
        failures = [] if repeat_from is None else [{"itemIdentifier": _identifier(records, repeat_from)}]
        # A mapping with a tumbling window expects a state, which no consumer needs. Others ignore it.
        return {"state": {}, "batchItemFailures": failures}

    return consume


def _changes[T](
    records: Sequence[Event], readers: Readers[T], on_unreadable: Callable[[], None]
) -> Iterator[Change[T]]:
    for record in records:
        try:
            change = _change(record, readers)
        except Exception:  # interlock: allow ILK004 - logged and counted; it must not hold up its shard
            logger.exception("a record of the stream cannot be read", extra={"event_id": record.get("eventID")})
            on_unreadable()
        else:
            if change is not None:
                yield change


def _change[T](record: Event, readers: Readers[T]) -> Change[T] | None:
    """Return a change, None for other items and for items that the table removed when they expired."""
    body = record["dynamodb"]
    read = readers.get(body["Keys"]["sk"]["S"])
    if read is None or record["eventName"] == "REMOVE":
        return None
    old = read(body["OldImage"]) if record["eventName"] == "MODIFY" else None
    return Change(int(body["SequenceNumber"]), old, read(body["NewImage"]))


def _identifier(records: Sequence[Event], number: int) -> str:
    """Return a sequence number as its record has it: Lambda compares it as text."""
    texts: list[str] = [record["dynamodb"].get("SequenceNumber", "0") for record in records]
    return next(text for text in texts if int(text) == number)
