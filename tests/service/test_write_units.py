"""The requests that each step of a job waits for, and their write units by DynamoDB's documented rules."""

from datetime import timedelta
from typing import Any

import pytest

from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain import job as steps
from interlock.domain.job import Job, StoredJson
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.ports import KeyAlreadyUsed
from tests.fakes.jobs import a_job, keyed
from tests.fakes.outside import NOON
from tests.service.conftest import Table
from tests.service.metering import MeteredClient

LEASE = NOON + timedelta(seconds=15)


@pytest.fixture
def client(table: Table) -> Any:
    return MeteredClient(table)


@pytest.fixture
def store(table: Table, client: Any) -> DynamoJobs:
    return DynamoJobs(client, table.name)


@pytest.fixture
def pending(tenant: str, plugin: str) -> Job:
    return a_job(tenant=tenant, plugin=plugin)


def claimed(job: Job) -> Job:
    return steps.claimed(job, worker_id="01J00000000000000000000000", now=NOON, lease_expires_at=LEASE)


def ended(job: Job) -> Job:
    outcome = Outcome(JobStatus.SUCCEEDED, execution_time_ms=12.5)
    return steps.ended(job, outcome, result=StoredJson(16, text='{"text":"hello"}'), progress=None, now=NOON)


def test_short_synchronous_run_costs_one_put_and_at_most_four_units(
    client: Any, store: DynamoJobs, pending: Job
) -> None:
    with client.metered() as meter:
        store.create(ended(claimed(pending)))
    assert meter.requests == ["PutItem"]
    assert meter.written <= 4


def test_long_synchronous_run_costs_two_writes_and_at_most_eight_units(
    client: Any, store: DynamoJobs, pending: Job
) -> None:
    running = claimed(pending)
    with client.metered() as meter:
        store.create(running)
        store.settle(running, ended(running))
    assert meter.requests == ["PutItem", "UpdateItem"]
    assert meter.written <= 8


def test_asynchronous_job_costs_three_writes_and_at_most_twelve_units(
    client: Any, store: DynamoJobs, pending: Job
) -> None:
    with client.metered() as meter:
        store.create(pending)
        store.change(pending, claimed(pending))
        store.settle(claimed(pending), ended(claimed(pending)))
    assert meter.requests == ["PutItem", "UpdateItem", "UpdateItem"]
    assert meter.written <= 12


def test_heartbeat_costs_one_write_and_at_most_two_units(client: Any, store: DynamoJobs, pending: Job) -> None:
    running = claimed(pending)
    store.create(running)
    with client.metered() as meter:
        store.heartbeat(running, now=NOON, lease_expires_at=LEASE + timedelta(seconds=1), progress=None)
    assert meter.requests == ["UpdateItem"]
    assert meter.written <= 2


def test_replay_costs_one_request(client: Any, store: DynamoJobs, pending: Job) -> None:
    first = keyed(pending)
    store.create(first)
    with client.metered() as meter, pytest.raises(KeyAlreadyUsed):
        store.create(keyed(pending))
    assert meter.requests == ["PutItem"]
