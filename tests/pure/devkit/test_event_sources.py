"""The local event source mapping: ordered batches, retries, bisection, reported failures and batches given up."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from interlock_dev.aws.dynamodb.stream import stream_event
from interlock_dev.aws.lambda_api import event_sources
from interlock_dev.aws.lambda_api.event_sources import EventSource, Mapped, Record, given_up
from interlock_dev.lambda_.environments import Invocation

PATTERN = '{"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"sk": {"S": ["JOB"]}}}}'
PROPERTIES = {
    "FunctionName": "CountJobsFunction",
    "EventSourceArn": "arn:aws:dynamodb:us-east-1:123456789012:table/jobs/stream/local",
    "FilterCriteria": {"Filters": [{"Pattern": PATTERN}]},
    "BatchSize": 4,
    "MaximumRetryAttempts": 2,
    "BisectBatchOnFunctionError": True,
}
PATIENCE_S = 20

type Answer = Callable[[list[int]], list[int] | None]
"""The response of a function to the sequence numbers of a batch: the failures that it reports, None for an error."""


def record(number: int, *, name: str = "INSERT", sk: str = "JOB", size: int = 10) -> Record:
    body = {"Keys": {"sk": {"S": sk}}, "SequenceNumber": str(number), "SizeBytes": size}
    return {"eventName": name, "dynamodb": body}


class Functions:
    """An `Invoker` that records the sequence numbers of each batch."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.batches: list[list[int]] = []

    def resolve(self, name: str) -> str:
        return name

    def invoke(self, name: str, payload: bytes, *, wait_s: float | None = None) -> Invocation:
        assert (name, wait_s) == ("CountJobsFunction", None)
        event = json.loads(payload)
        assert event["shardId"] == "shard"
        numbers = [int(one["dynamodb"]["SequenceNumber"]) for one in event["Records"]]
        self.batches.append(numbers)
        failures = self._answer(numbers)
        if failures is None:
            return Invocation(json.dumps({"errorType": "E", "errorMessage": "m"}).encode(), "Unhandled")
        reported = [{"itemIdentifier": str(one)} for one in failures]
        return Invocation(json.dumps({"batchItemFailures": reported}).encode())


def run(
    records: Sequence[Record], answer: Answer, monkeypatch: pytest.MonkeyPatch, **properties: Any
) -> tuple[list[list[int]], list[list[int]]]:
    """Process the records. Return the batches of all invocations, and those that were given up."""
    monkeypatch.setattr(event_sources, "PAUSE_S", 0.0)
    monkeypatch.setattr(event_sources, "POLL_S", 0.001)
    left, finished = list(records), threading.Event()
    lost: list[list[int]] = []

    def take(limit: int, _limit_bytes: int) -> tuple[str, list[Record]]:
        taken, left[:] = left[:limit], left[limit:]
        if not taken and not left:
            finished.set()
        return "shard", taken

    functions = Functions(answer)
    source = EventSource(
        Mapped.of(PROPERTIES | properties),
        functions,
        take=take,
        event=stream_event,
        give_up=lambda _shard, batch: lost.append([int(one["dynamodb"]["SequenceNumber"]) for one in batch]),
    )
    source.start()
    # The stream is read again only after all earlier records have been processed or given up.
    assert finished.wait(PATIENCE_S)
    source.stop()
    return functions.batches, lost


def test_records_are_delivered_in_order_in_full_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    batches, lost = run([record(n) for n in range(8)], lambda _: [], monkeypatch)
    assert (batches, lost) == ([[0, 1, 2, 3], [4, 5, 6, 7]], [])


def test_only_records_that_match_the_filter_are_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [record(1, name="REMOVE"), record(2, sk="KEY")]
    batches, _ = run([record(0), *others, *(record(n) for n in range(3, 6))], lambda _: [], monkeypatch)
    assert [number for batch in batches for number in batch] == [0, 3, 4, 5]


def test_batch_continues_after_the_records_before_a_reported_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([[2], []])
    batches, lost = run([record(n) for n in range(4)], lambda _: next(failures), monkeypatch)
    assert (batches, lost) == ([[0, 1, 2, 3], [2, 3]], [])


def test_failing_batch_is_halved_and_only_the_bad_record_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    batches, lost = run(
        [record(n) for n in range(4)], lambda numbers: None if 2 in numbers else [], monkeypatch, MaximumRetryAttempts=5
    )
    assert lost == [[2]]
    assert batches[:3] == [[0, 1, 2, 3], [0, 1], [2, 3]]
    assert batches[-1] == [3]


def test_batch_is_given_up_after_its_last_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    batches, lost = run([record(n) for n in range(4)], lambda _: None, monkeypatch, BisectBatchOnFunctionError=False)
    assert (batches, lost) == ([[0, 1, 2, 3]] * 3, [[0, 1, 2, 3]])


def test_message_about_a_given_up_batch_names_its_records() -> None:
    message = given_up(Mapped.of(PROPERTIES), "shard", [record(7), record(9)])
    info = message["DDBStreamBatchInfo"]
    assert (info["shardId"], info["batchSize"]) == ("shard", 2)
    assert (info["startSequenceNumber"], info["endSequenceNumber"]) == ("7", "9")


def test_stop_waits_for_the_batch_in_progress() -> None:
    begun, released = threading.Event(), threading.Event()

    def hangs(_: Sequence[int]) -> list[int]:
        begun.set()
        assert released.wait(PATIENCE_S)
        return []

    source = EventSource(
        Mapped.of(PROPERTIES | {"BatchSize": 1}),
        Functions(hangs),
        take=lambda _limit, _bytes: ("shard", [record(1)]),
        event=stream_event,
        give_up=lambda _shard, _batch: None,
    )
    source.start()
    assert begun.wait(PATIENCE_S)
    stop = threading.Thread(target=source.stop)
    stop.start()
    stop.join(0.2)
    assert stop.is_alive()
    released.set()
    stop.join(PATIENCE_S)
    assert not stop.is_alive()
