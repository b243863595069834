"""Lambda's event source mappings for streams: invoke a function with the records of a shard, in order, until each one
is processed or given up.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock_dev.lambda_.functions import Invoker
from interlock_dev.lambda_.pool import RequestTooLarge, Throttled

logger = logging.getLogger(__name__)

POLL_S = 0.1
"""Seconds between two reads of an empty stream. AWS reads four times a second."""

PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
"""Pause in seconds before the first retry of a batch, and the longest pause."""

STOP_LIMIT_S = 5.0
"""Maximum time in seconds to wait for a batch in progress."""

MAX_BATCH_BYTES = 4_000_000
"""Maximum size of the records of a batch. As an event, they fit into the 6 MB of an invocation."""

type Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mapped:
    """The properties of an event source mapping."""

    function: str
    stream_arn: str
    patterns: Sequence[Mapping[str, Any]]
    batch_size: int
    window_s: float
    retries: int
    bisect: bool

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> "Mapped":
        """Read the properties of `AWS::Lambda::EventSourceMapping`."""
        filters = properties.get("FilterCriteria", {}).get("Filters", [])
        return cls(
            function=properties["FunctionName"],
            stream_arn=properties["EventSourceArn"],
            patterns=[json.loads(one["Pattern"]) for one in filters],
            batch_size=int(properties.get("BatchSize", 100)),
            window_s=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
            retries=int(properties.get("MaximumRetryAttempts", -1)),
            bisect=bool(properties.get("BisectBatchOnFunctionError", False)),
        )


class EventSource:
    """A running event source mapping, with one thread.

    `take` returns the shard's id and its next records. `event` returns the event for a list of records. `give_up` gets
    the records that were not processed after the last retry.
    """

    def __init__(
        self,
        mapped: Mapped,
        functions: Invoker,
        *,
        take: Callable[[int, int], tuple[str, list[Record]]],
        event: Callable[[str, str, Sequence[Record]], dict[str, Any]],
        give_up: Callable[[str, Sequence[Record]], None],
    ) -> None:
        self._mapped = mapped
        self._functions = functions
        self._take = take
        self._event = event
        self._give_up = give_up
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{mapped.function}-source", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Start no further batch, and wait for the batch in progress. Its function must still be running."""
        self._stopped.set()
        self._thread.join(STOP_LIMIT_S)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                shard, records = self._gather()
                self._deliver(shard, records)
            except Exception:  # interlock: allow ILK004 - the thread continues with the next batch
                logger.exception("the event source of %s failed", self._mapped.function)
                self._stopped.wait(LONGEST_PAUSE_S)

    def _gather(self) -> tuple[str, list[Record]]:
        """Return a batch: the records that arrive until it is full or the batching window of its first one ends."""
        shard, batch, until = "", list[Record](), 0.0
        while not self._stopped.is_set():
            left = self._mapped.batch_size - len(batch)
            shard, records = self._take(left, MAX_BATCH_BYTES - _size(batch))
            batch += [record for record in records if self._wanted(record)]
            until = until or (time.monotonic() + self._mapped.window_s if batch else 0.0)
            full = len(batch) >= self._mapped.batch_size or _size(batch) >= MAX_BATCH_BYTES // 2
            if batch and (full or time.monotonic() >= until):
                return shard, batch
            if not records:
                self._stopped.wait(POLL_S)
        return shard, []

    def _wanted(self, record: Record) -> bool:
        return not self._mapped.patterns or any(_matches(pattern, record) for pattern in self._mapped.patterns)

    def _deliver(self, shard: str, batch: list[Record]) -> None:
        """Invoke the function until the batch is processed: retry failed parts, in order and in halves."""
        parts, tries = [batch] if batch else [], 0
        while parts and not self._stopped.is_set():
            part = parts[0]
            processed = self._invoke(shard, part)
            if processed == len(part):
                parts.pop(0)
                tries = 0
            elif processed:
                parts[0], tries = part[processed:], 0
            elif 0 <= self._mapped.retries <= tries:
                self._give_up(shard, part)
                parts.pop(0)
                tries = 0
            else:
                if processed is None and self._mapped.bisect and len(part) > 1:
                    parts[0:1] = [part[: len(part) // 2], part[len(part) // 2 :]]
                self._stopped.wait(min(LONGEST_PAUSE_S, PAUSE_S * 2**tries))
                tries += 1

    def _invoke(self, shard: str, records: Sequence[Record]) -> int | None:
        """Return how many records were processed before the first one that failed, or None after an error."""
        payload = json.dumps(self._event(self._mapped.stream_arn, shard, records)).encode()
        try:
            invocation = self._functions.invoke(self._mapped.function, payload)
        except (Throttled, RequestTooLarge) as error:
            logger.warning("%s was not invoked: %s", self._mapped.function, error)
            return None
        if invocation.error:
            logger.error("%s failed with a batch: %s", self._mapped.function, invocation.error_message)
            return None
        failed = [one["itemIdentifier"] for one in json.loads(invocation.payload)["batchItemFailures"]]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        return min((numbers.index(one) for one in failed), default=len(records))


def _size(batch: Sequence[Record]) -> int:
    return sum(record["dynamodb"]["SizeBytes"] for record in batch)


def _matches(pattern: Any, value: Any) -> bool:
    """Apply a filter pattern. Only the rules that the template uses are supported: lists of exact values, and `exists`.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
    """
    if isinstance(pattern, list):
        return value in pattern or ({"exists": True} in pattern and value is not None)
    return isinstance(value, dict) and all(_matches(one, value.get(name)) for name, one in pattern.items())


def given_up(mapped: Mapped, shard: str, records: Sequence[Record]) -> dict[str, Any]:
    """Return the message that Lambda sends to the on-failure destination."""
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    return {
        "requestContext": {"functionArn": mapped.function, "condition": "RetryAttemptsExhausted"},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "batchSize": len(records),
            "streamArn": mapped.stream_arn,
        },
    }
