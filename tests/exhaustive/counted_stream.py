"""The in-memory store with a stream of its changes, and invocations of `count_jobs` on it, with counters in a table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws

from interlock.adapters.dynamo.attributes import serialized
from interlock.adapters.dynamo.counter_items import counters_key, read_counters
from interlock.adapters.dynamo.counters import DynamoCounters
from interlock.adapters.dynamo.states import PARTITION
from interlock.domain.job import Job
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.stream import Batch, Change
from interlock.jobs.counting import count
from tests.exhaustive.cluster import WatchedJobs
from tests.exhaustive.injection import CallInterceptor, intercepted
from tests.exhaustive.orders import Actor
from tests.service.clients import create_table

TABLE = "counters"
SHARDS = ("shardId-00000001795341600000-f35f62ef", "shardId-00000001795341600000-0a1b2c3d")
ALL = 1000
"""More records than a stream has."""


@contextmanager
def counters_table() -> Iterator[Any]:
    """Yield a client of a table in this process."""
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
        create_table(client, TABLE)
        yield client


class StreamedJobs(WatchedJobs):
    """The in-memory store with empty counters in a table. The changes of a job are in one shard, those of the next job
    in the other."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self._client = client
        self._shards: tuple[list[Change[Job]], list[Change[Job]]] = ([], [])
        key = counters_key("echo", "say")
        for item in (key, key | {"pk": PARTITION}):
            client.delete_item(TableName=TABLE, Key=serialized(item))

    def changes(self, shard: int, start: int, end: int) -> Sequence[Change[Job]]:
        """Return records of a shard."""
        with self._open():
            return self._shards[shard][start:end]

    def metrics(self, plugin: str) -> dict[str, ExecutionMetrics]:
        return read_counters(self._client, TABLE, plugin)

    def _write(self, old: Job | None, new: Job) -> None:
        super()._write(old, new)
        ids = [job.job_id for job in self.all_jobs]
        shard = self._shards[ids.index(new.job_id) % len(SHARDS)]
        shard.append(Change(len(shard) + 1, old, new))


def _no_batch(tenant: str, batch_id: str) -> None:
    raise AssertionError(f"{batch_id} of {tenant} is no batch of these jobs")


class CountersClient:
    """A client whose updates are intercepted. Writes of published states are not intercepted, because there would be
    too many orders. They are conditional puts, which a Hypothesis model and a test with threads cover."""

    def __init__(self, interceptor: CallInterceptor, client: Any) -> None:
        self.update_item = intercepted(interceptor, "counters", client).update_item
        self.put_item = client.put_item
        self.get_paginator = client.get_paginator


class Stream:
    """Lets Lambda deliver the stream of a store. The reads and writes of the deliveries are intercepted."""

    def __init__(self, store: StreamedJobs, client: Any, interceptor: CallInterceptor) -> None:
        self._store = intercepted(interceptor, "store", store)
        self._counters = DynamoCounters(CountersClient(interceptor, client), TABLE)  # type: ignore[arg-type]

    def delivery(self, *sizes: int, shard: int = 0) -> Actor:
        """Return an actor that delivers a shard from its beginning, in batches of these sizes. Two such actors are two
        invocations with the same records, one of which Lambda believes to have failed."""

        def deliver() -> None:
            start = 0
            for size in sizes:
                changes = self._store.changes(shard, start, start + size)
                start += len(changes)
                if changes:
                    assert count(self._counters, Batch(SHARDS[shard], changes), _no_batch) is None

        return deliver

    def count_all(self) -> None:
        for shard in range(len(SHARDS)):
            self.delivery(ALL, shard=shard)()
