"""A state machine of clients, workers, cancellers, settlers and a clock, over the store in memory and over moto.

The steps run in any order, and the invariants hold after each of them: a final status never changes, the counters equal
the finished jobs, exactly the claimed jobs are in flight, an idempotency key identifies one job, and a key with a
concurrency limit can use the whole limit and never exceeds it. Once all leases have expired, every job has a final
status.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import boto3
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from moto import mock_aws

from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.adapters.dynamo.values import JOB
from interlock.ports import JobStore
from interlock_dev.aws.dynamodb.stream import Record, stream_event
from tests.exhaustive.asking_machine import AskingMachine
from tests.fakes.store import MemoryJobs
from tests.service.clients import create_table
from tests.service.stream import StreamReader, count_jobs
from tests.volume import volume


class InMemory(AskingMachine):
    def make_store(self) -> JobStore:
        return MemoryJobs()


class OnMoto(AskingMachine):
    """A machine on a moto table. Its counters come from the table's stream, which is delivered between other steps."""

    def make_store(self) -> JobStore:
        client, name = boto3.client("dynamodb"), f"jobs-{uuid.uuid4().hex}"
        create_table(client, name)
        self.stream = StreamReader(boto3.client("dynamodbstreams"), name)
        self.count_jobs = count_jobs(client, name)
        self.records: list[tuple[str, Record]] = []
        self.delivered = 0
        return DynamoJobs(client, name)

    def written(self) -> list[tuple[str, Record]]:
        """Return the records of jobs, each with its shard: the event source mapping filters out the others."""
        records = [(shard, record) for shard, records in self.stream.read() for record in records]
        self.records += [one for one in records if one[1]["dynamodb"]["Keys"]["sk"]["S"] == JOB]
        return self.records

    @rule(size=st.integers(1, 8), again=st.integers(0, 4))
    def deliver(self, size: int, again: int) -> None:
        """Deliver the next records, preceded by some that were delivered before, as Lambda may."""
        start = max(0, self.delivered - again)
        records = self.written()[start : start + size]
        if records:
            [shard] = {shard for shard, _ in records}
            answer = self.count_jobs(stream_event(self.stream.arn, shard, [record for _, record in records]))
            assert answer["batchItemFailures"] == []
        self.delivered = max(self.delivered, start + len(records))

    @rule()
    def count_all(self) -> None:
        self.deliver(len(self.written()) + 1, 1)

    def all_counted(self) -> bool:
        return self.delivered == len(self.written())


@contextmanager
def moto() -> Iterator[None]:
    credentials = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    with mock.patch.dict(os.environ, credentials), mock_aws():
        yield


def test_invariants_hold_after_every_step_in_memory() -> None:
    many = settings(max_examples=volume(sample=30, full=300), stateful_step_count=40)
    run_state_machine_as_test(InMemory, settings=many)


def test_invariants_hold_after_every_step_on_moto() -> None:
    few = settings(max_examples=volume(sample=3, full=20), stateful_step_count=15)
    with moto():
        run_state_machine_as_test(OnMoto, settings=few)
