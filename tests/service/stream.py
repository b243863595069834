"""Count jobs in a table without Lambda: the function's own code on the records of the table's stream."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from interlock.adapters.dynamo.counters import DynamoCounters
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.composition.core import Core
from interlock.composition.count_jobs import count_jobs_task
from interlock.domain.lifecycle import RunState
from interlock.domain.metrics import ExecutionMetrics
from interlock_dev.aws.dynamodb.stream import Record, stream_event
from tests.fakes.world import SETTINGS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Event = Mapping[str, Any]
type CountJobs = Callable[[Event], dict[str, Any]]


def count_jobs(client: "DynamoDBClient", table: str) -> CountJobs:
    """Return the function `count_jobs` on a table."""
    return count_jobs_task(Core(SETTINGS, counters=DynamoCounters(client, table)))


class StreamReader:
    """Reads the records of a table's stream, each once."""

    def __init__(self, streams: Any, table: str) -> None:
        self._streams = streams
        [stream] = streams.list_streams(TableName=table)["Streams"]
        self.arn = stream["StreamArn"]
        self._last: dict[str, str] = {}

    def read(self) -> Iterator[tuple[str, list[Record]]]:
        """Yield the new records by shard, those of parents first."""
        for shard in self._streams.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]:
            yield from self._read(shard["ShardId"])

    def _read(self, shard: str) -> Iterator[tuple[str, list[Record]]]:
        # Continue by sequence number: an iterator of moto skips records that follow the rollback of a transaction.
        last = self._last.get(shard)
        start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last} if last else {}
        iterator = self._streams.get_shard_iterator(
            StreamArn=self.arn, ShardId=shard, **(start or {"ShardIteratorType": "TRIM_HORIZON"})
        )["ShardIterator"]
        while iterator:
            answer = self._streams.get_records(ShardIterator=iterator)
            if not answer["Records"]:
                return
            self._last[shard] = answer["Records"][-1]["dynamodb"]["SequenceNumber"]
            yield shard, answer["Records"]
            iterator = answer.get("NextShardIterator")


class StreamConsumer:
    """Counts the changes that were written to a table since the last call."""

    def __init__(self, client: "DynamoDBClient", streams: Any, table: str) -> None:
        self._reader = StreamReader(streams, table)
        self._count_jobs = count_jobs(client, table)
        self._lock = threading.Lock()

    def catch_up(self) -> None:
        with self._lock:
            for event in self.take():
                self.deliver(event)

    def take(self) -> Iterator[Event]:
        """Yield events with the records that were written since the last call."""
        for shard, records in self._reader.read():
            yield stream_event(self._reader.arn, shard, records)

    def deliver(self, event: Event) -> None:
        assert self._count_jobs(event)["batchItemFailures"] == []


class CountedJobs(DynamoJobs):
    """A store whose counters are up to date whenever they are read."""

    def __init__(self, client: "DynamoDBClient", table: str, consumer: StreamConsumer) -> None:
        super().__init__(client, table)
        self._consumer = consumer

    def metrics(self, plugin: str) -> dict[str, ExecutionMetrics]:
        self._consumer.catch_up()
        return super().metrics(plugin)

    def states(self) -> Mapping[str, RunState]:
        self._consumer.catch_up()
        return super().states()
