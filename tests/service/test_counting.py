"""Count jobs from the stream: whatever Lambda delivers, and however often, each change is counted once."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import replace
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from ulid import ULID

from interlock.adapters.dynamo.attributes import serialized
from interlock.adapters.dynamo.counter_items import checkpoint_name, counters_key, read_counters
from interlock.adapters.dynamo.counters import DynamoCounters
from interlock.adapters.dynamo.values import job_to_item
from interlock.domain.counters import delta
from interlock.domain.errors import ErrorCode, ServiceUnavailable
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import CountedChange
from interlock_dev.aws.dynamodb.stream import Record, stream_event
from tests.fakes.jobs import a_job, counted_job
from tests.fakes.outside import NOON
from tests.service.clients import LosesAnswer
from tests.service.conftest import Table
from tests.service.states import assert_states_equal_counters
from tests.service.stream import count_jobs
from tests.volume import volume

pytestmark = pytest.mark.no_cover

SHARDS = ("shardId-00000001795341600000-f35f62ef", "shardId-00000001795341600000-0a1b2c3d")
LATER_SHARD = "shardId-00000001795456000000-0a1b2c3d"
"""A shard that was created 31 hours and 46 minutes after the others."""


def image(job: Job) -> dict[str, Any]:
    return serialized(job_to_item(job))


def record(number: int, old: Job | None, new: Job) -> Record:
    """Return the record of a job's change."""
    body = {"Keys": {"pk": {"S": "JOB#"}, "sk": {"S": "JOB"}}, "NewImage": image(new), "SequenceNumber": str(number)}
    if old is not None:
        body["OldImage"] = image(old)
    return {"eventID": str(number), "eventName": "MODIFY" if old else "INSERT", "dynamodb": body}


@dataclass(frozen=True)
class Delivery:
    """A delivery of the records `start` to `end` of a shard. The function is killed at its `killed_at`-th table call
    (0: never), before the call takes effect or `after` that."""

    shard: int
    start: int
    end: int
    killed_at: int
    after: bool


class Killed(BaseException):
    """The function's process ends here."""


class DyingClient:
    """A DynamoDB client whose process is killed at its n-th call."""

    def __init__(self, client: Any, killed_at: int, *, after: bool) -> None:
        self._client = client
        self._left = killed_at
        self._after = after

    def update_item(self, **arguments: Any) -> Any:
        return self._call(self._client.update_item, **arguments)

    def put_item(self, **arguments: Any) -> Any:
        return self._call(self._client.put_item, **arguments)

    def get_paginator(self, operation: str) -> Any:
        return self._client.get_paginator(operation)

    def _call(self, operation: Callable[..., Any], **arguments: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        answer = operation(**arguments)
        if self._left == 0:
            raise Killed
        return answer


ENDS = {
    JobStatus.SUCCEEDED: None,
    JobStatus.FAILED: ErrorCode.PLUGIN_EXCEPTION,
    JobStatus.TIMED_OUT: ErrorCode.TIMEOUT,
    JobStatus.CANCELLED: ErrorCode.CANCELLED,
}
lives = st.tuples(st.sampled_from(sorted(ENDS)), st.sampled_from(["say", "shout"]), st.booleans(), st.integers(0, 1))
deliveries = st.builds(
    Delivery,
    shard=st.integers(0, 1),
    start=st.integers(0, 20),
    end=st.integers(0, 20),
    killed_at=st.integers(0, 8),
    after=st.booleans(),
)


def histories(lived: Sequence[tuple[JobStatus, str, bool, int]], plugin: str) -> list[list[Record]]:
    """Return the records of two shards: short jobs end with their first write, long ones are claimed before."""
    shards: list[list[Record]] = [[], []]
    number = itertools.count(10**20)
    for n, (status, tool, long, shard) in enumerate(lived):
        at = NOON + timedelta(seconds=n)
        end = counted_job(status, plugin=plugin, tool=tool, updated_at=at, **ended(n, status))
        if long:
            nothing: Any = dict.fromkeys(("error", "execution_time_ms", "completed_at", "fork_finding"))
            running = replace(end, status=JobStatus.RUNNING, **nothing)
            shards[shard].append(record(next(number), None, running))
            shards[shard].append(record(next(number), running, end))
        else:
            shards[shard].append(record(next(number), None, end))
    return shards


def ended(n: int, status: JobStatus) -> dict[str, Any]:
    """Return the fields of the n-th job's end. Every third run finds that its loaded plugin cannot be forked."""
    found = ForkFinding("1.0.0", f"{n} threads") if n % 3 == 0 else None
    return {"error": ENDS[status], "elapsed_ms": n + 0.5, "fork_finding": found}


@pytest.fixture(scope="module")
def in_process() -> Iterator[Any]:
    """A client of a table in this process."""
    with mock_aws(), pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="counters",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def remove_items(client: Any) -> None:
    """Remove the items of earlier examples: each would make all later ones slower."""
    for item in client.scan(TableName="counters")["Items"]:
        client.delete_item(TableName="counters", Key={"pk": item["pk"], "sk": item["sk"]})


@pytest.mark.timeout(volume(sample=300, full=900))
@settings(max_examples=volume(sample=15, full=1000), deadline=None)
@given(lived=st.lists(lives, max_size=10), delivered=st.lists(deliveries, max_size=8))
# Killed before the state was published, and repeated with a change that does not affect the state.
@example(lived=[(JobStatus.CANCELLED, "say", False, 1)] * 2, delivered=[Delivery(1, 0, 1, killed_at=1, after=True)])
def test_every_change_is_counted_once_whatever_is_delivered_and_killed(
    in_process: Any, lived: list[tuple[JobStatus, str, bool, int]], delivered: list[Delivery]
) -> None:
    remove_items(in_process)
    plugin = f"p{ULID()}".lower()
    shards = histories(lived, plugin)
    processed = [0, 0]
    for one in delivered:
        # Lambda starts at or before the first record that it considers unprocessed, and may split what it repeats.
        records = shards[one.shard][min(one.start, processed[one.shard]) : one.end]
        client = DyingClient(in_process, one.killed_at, after=one.after)
        try:
            count_jobs(client, "counters")(stream_event("stream", SHARDS[one.shard], records))  # type: ignore[arg-type]
        except Killed:
            continue
        processed[one.shard] = max(processed[one.shard], one.end if records else 0)
    for shard, records in zip(SHARDS, shards, strict=True):
        count_jobs(in_process, "counters")(stream_event("stream", shard, records))
    expected: dict[str, ExecutionMetrics] = {}
    for n, (status, tool, _, _) in enumerate(lived):
        at = NOON + timedelta(seconds=n)
        end = counted_job(status, tool=tool, updated_at=at, **ended(n, status))
        added = delta(None, end)
        assert added is not None
        expected[tool] = ExecutionMetrics.sum([expected.get(tool, ExecutionMetrics()), added])
    assert read_counters(in_process, "counters", plugin) == expected
    assert_states_equal_counters(in_process, "counters", plugin)


def counted(table: Table, plugin: str) -> ExecutionMetrics:
    return read_counters(table.client, table.name, plugin)["say"]


def changes(*numbers: int) -> list[CountedChange]:
    return [CountedChange(n, ExecutionMetrics(succeeded=1, as_of=NOON + timedelta(seconds=n))) for n in numbers]


def test_change_with_a_lost_response_is_counted_once(table: Table, plugin: str) -> None:
    with LosesAnswer(table.client, "UpdateItem") as lost:
        DynamoCounters(table.client, table.name).add((plugin, "say"), SHARDS[0], changes(1, 2))
    assert lost.seen == 2
    assert counted(table, plugin).succeeded == 2


def test_concurrent_deliveries_of_overlapping_batches_are_counted_once(table: Table, plugin: str) -> None:
    batches = [range(1, 30), range(1, 10), range(1, 20), range(1, 30)]

    def add(number: int) -> None:
        for shard in SHARDS:
            store = DynamoCounters(table.client, table.name)
            store.add((plugin, "say"), shard, changes(*batches[number % len(batches)]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert counted(table, plugin).succeeded == 29 * len(SHARDS)


def test_earlier_values_do_not_replace_later_ones(table: Table, plugin: str) -> None:
    store = DynamoCounters(table.client, table.name)
    for shard, at, elapsed_ms in ((SHARDS[0], 9, 90.0), (SHARDS[1], 1, 10.0)):
        end = counted_job(JobStatus.SUCCEEDED, updated_at=NOON + timedelta(seconds=at), elapsed_ms=elapsed_ms)
        added = delta(None, end)
        assert added is not None
        store.add((plugin, "say"), shard, [CountedChange(1, added)])
    found = counted(table, plugin)
    assert (found.succeeded, found.last_ms) == (2, 90.0)
    assert found.as_of == found.last_used == found.lifecycle_at == NOON + timedelta(seconds=9)


def test_checkpoints_of_expired_shards_are_removed(table: Table, plugin: str) -> None:
    store = DynamoCounters(table.client, table.name)
    for shard in (*SHARDS, LATER_SHARD):
        store.add((plugin, "say"), shard, changes(1))
    key = serialized(counters_key(plugin, "say"))
    item = table.client.get_item(TableName=table.name, Key=key, ConsistentRead=True)["Item"]
    assert [name for name in item if name.startswith("seen_")] == [checkpoint_name(LATER_SHARD)]
    assert counted(table, plugin).succeeded == 3


def test_unavailable_table_makes_the_batch_repeat_from_the_first_change_that_is_not_counted(
    monkeypatch: pytest.MonkeyPatch, table: Table, plugin: str
) -> None:
    whole, calls = DynamoCounters.add, itertools.count(1)

    def add(self: DynamoCounters, *arguments: Any) -> None:
        if next(calls) == 2:
            raise ServiceUnavailable(service="table")
        whole(self, *arguments)

    monkeypatch.setattr(DynamoCounters, "add", add)
    jobs = [counted_job(JobStatus.SUCCEEDED, plugin=plugin, tool=tool) for tool in ("say", "shout", "say", "shout")]
    event = stream_event("stream", SHARDS[0], [record(n, None, job) for n, job in enumerate(jobs, 100)])
    function = count_jobs(table.client, table.name)
    assert function(event)["batchItemFailures"] == [{"itemIdentifier": "101"}]
    assert function(event)["batchItemFailures"] == []
    found = read_counters(table.client, table.name, plugin)
    assert {tool: one.succeeded for tool, one in found.items()} == {"say": 2, "shout": 2}


def test_unreadable_record_is_published_and_skipped(
    table: Table, plugin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job = counted_job(JobStatus.SUCCEEDED, plugin=plugin)
    broken = record(1, None, job)
    del broken["dynamodb"]["NewImage"]["plugin"]
    event = stream_event("stream", SHARDS[0], [broken, record(2, None, job)])
    assert count_jobs(table.client, table.name)(event)["batchItemFailures"] == []
    assert counted(table, plugin).succeeded == 1
    assert capsys.readouterr().out.count('"unreadable_record_count":[1.0]') == 1


def test_expired_jobs_and_other_items_are_not_counted(table: Table, plugin: str) -> None:
    running = a_job(JobStatus.RUNNING, plugin=plugin)
    other = record(1, None, running)
    other["dynamodb"]["Keys"]["sk"] = {"S": "KEY"}
    removed = {**record(2, running, running), "eventName": "REMOVE"}
    del removed["dynamodb"]["NewImage"]
    event = stream_event("stream", SHARDS[0], [other, removed])
    assert count_jobs(table.client, table.name)(event)["batchItemFailures"] == []
    assert read_counters(table.client, table.name, plugin) == {}


def test_event_without_a_shard_is_rejected(table: Table) -> None:
    event = stream_event("stream", SHARDS[0], [record(1, None, a_job(JobStatus.RUNNING))])
    del event["shardId"]
    with pytest.raises(ValueError, match="TumblingWindowInSeconds"):
        count_jobs(table.client, table.name)(event)


def test_last_event_of_a_window_changes_nothing(table: Table) -> None:
    event = {**stream_event("stream", SHARDS[0], []), "isFinalInvokeForWindow": True}
    assert count_jobs(table.client, table.name)(event) == {"state": {}, "batchItemFailures": []}
