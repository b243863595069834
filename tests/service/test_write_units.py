"""The requests that each step of a job waits for, and their write units by DynamoDB's documented rules."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bench.write_units import Index, indexes_of, write_units
from interlock.domain import job as steps
from interlock.domain.job import Job, StoredJson
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.ports import KeyAlreadyUsed
from tests.fakes.jobs import a_job, keyed
from tests.fakes.outside import NOON
from tests.service.conftest import Table

LEASE = NOON + timedelta(seconds=15)


@dataclass
class Meter:
    """Counts the requests of a table's client and the write units of what they change."""

    table: Table
    requests: list[str] = field(default_factory=list)
    units: int = 0

    @contextmanager
    def step(self, job: Job) -> Iterator[None]:
        """Measure a step of this job."""
        events, before = self.table.client.meta.events, self._item(job)
        seen: list[str] = []
        events.register("before-call.dynamodb", lambda model, **_: seen.append(model.name), unique_id="meter")
        yield
        events.unregister("before-call.dynamodb", unique_id="meter")
        self.requests += seen
        self.units += write_units(before, self._item(job), self._indexes())

    def _item(self, job: Job) -> Any:
        found = self.table.client.query(
            TableName=self.table.name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"JOB#{job.tenant}#{job.job_id[-16:]}"}},
        )["Items"]
        return found[0] if found else None

    def _indexes(self) -> list[Index]:
        described: Any = self.table.client.describe_table(TableName=self.table.name)["Table"]
        return indexes_of(described["GlobalSecondaryIndexes"])


@pytest.fixture
def meter(table: Table) -> Meter:
    return Meter(table)


@pytest.fixture
def pending(tenant: str, plugin: str) -> Job:
    return a_job(tenant=tenant, plugin=plugin)


def claimed(job: Job) -> Job:
    return steps.claimed(job, worker_id="01J00000000000000000000000", now=NOON, lease_expires_at=LEASE)


def ended(job: Job) -> Job:
    outcome = Outcome(JobStatus.SUCCEEDED, execution_time_ms=12.5)
    return steps.ended(job, outcome, result=StoredJson(16, text='{"text":"hello"}'), progress=None, now=NOON)


def test_short_synchronous_run_costs_one_put_and_at_most_four_units(meter: Meter, pending: Job) -> None:
    with meter.step(pending):
        meter.table.store.create(ended(claimed(pending)))
    assert meter.requests == ["PutItem"]
    assert meter.units <= 4


def test_long_synchronous_run_costs_two_writes_and_at_most_eight_units(meter: Meter, pending: Job) -> None:
    running = claimed(pending)
    with meter.step(pending):
        meter.table.store.create(running)
    with meter.step(pending):
        meter.table.store.settle(running, ended(running))
    assert meter.requests == ["PutItem", "UpdateItem"]
    assert meter.units <= 8


def test_asynchronous_job_costs_three_writes_and_at_most_twelve_units(meter: Meter, pending: Job) -> None:
    store = meter.table.store
    with meter.step(pending):
        store.create(pending)
    with meter.step(pending):
        store.change(pending, claimed(pending))
    with meter.step(pending):
        store.settle(claimed(pending), ended(claimed(pending)))
    assert meter.requests == ["PutItem", "UpdateItem", "UpdateItem"]
    assert meter.units <= 12


def test_heartbeat_costs_one_write_and_at_most_two_units(meter: Meter, pending: Job) -> None:
    running = claimed(pending)
    meter.table.store.create(running)
    with meter.step(pending):
        meter.table.store.heartbeat(running, now=NOON, lease_expires_at=LEASE + timedelta(seconds=1), progress=None)
    assert meter.requests == ["UpdateItem"]
    assert meter.units <= 2


def test_replay_costs_one_request(meter: Meter, pending: Job) -> None:
    first = keyed(pending)
    meter.table.store.create(first)
    with meter.step(first), pytest.raises(KeyAlreadyUsed):
        meter.table.store.create(keyed(pending))
    assert meter.requests == ["PutItem"]
