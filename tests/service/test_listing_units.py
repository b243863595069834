"""Read units of pages and write units of entries: counts that must not grow, by the documented rules."""

import random
from collections.abc import Mapping
from copy import replace
from datetime import timedelta
from itertools import batched
from typing import Any

import pytest
from ulid import ULID

from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import serialized
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain import job as steps
from interlock.domain.events import progress_event
from interlock.domain.job import Job, Progress
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.times import rfc3339
from interlock.ports import JobFilter
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.service.conftest import Table
from tests.service.metering import MeteredClient
from tests.service.storage_jobs import succeeded

pytestmark = pytest.mark.no_cover

PLUGINS, TOOLS = ("echo", "image", "ocr"), ("say", "analyze")
SHARES = {JobStatus.SUCCEEDED: 70, JobStatus.FAILED: 14, JobStatus.TIMED_OUT: 8, JobStatus.CANCELLED: 8}
"""How often each status occurs, in percent."""


def finished_jobs(tenant: str, count: int) -> list[Job]:
    """Return the same jobs in each run, but for the tenant."""
    chosen, jobs = random.Random(11), []
    for number in range(count):
        at = NOON + timedelta(seconds=number)
        [status] = chosen.choices(list(SHARES), list(SHARES.values()))
        job_id = str(ULID.from_bytes(ULID.from_datetime(at).bytes[:6] + chosen.randbytes(10)))
        plugin, tool = chosen.choice(PLUGINS), chosen.choice(TOOLS)
        job = a_job(status, tenant=tenant, job_id=job_id, plugin=plugin, tool=tool, created_at=at, started_at=at)
        jobs.append(replace(job, completed_at=at, updated_at=at))
    return jobs


def put(table: Table, jobs: list[Job]) -> None:
    for some in batched(jobs, 25, strict=False):
        requests: list[Any] = [{"PutRequest": {"Item": serialized(items.job_to_item(job))}} for job in some]
        table.client.batch_write_item(RequestItems={table.name: requests})


ONE_FILTER: Mapping[str, Mapping[str, Any]] = {
    "plugin": {"plugin": "ocr"},
    "tool": {"tool": "say"},
    **{status: {"statuses": (status,)} for status in sorted(FINAL)},
}


def test_page_of_finished_jobs_takes_few_read_units(table: Table, tenant: str) -> None:
    put(table, finished_jobs(tenant, 1000))
    client: Any = MeteredClient(table)
    store = DynamoJobs(client, table.name)
    with client.metered() as meter:
        page, _ = store.page(JobFilter(tenant), limit=50, before_id=None)
    assert len(page) == 50
    assert meter.read <= 10
    for name, given in ONE_FILTER.items():
        with client.metered() as meter:
            page, _ = store.page(JobFilter(tenant, **given), limit=50, before_id=None)
        assert len(page) == 50, name
        assert meter.read <= 12, name


def test_page_that_finds_nothing_ends_early(table: Table, tenant: str) -> None:
    put(table, finished_jobs(tenant, 1000))
    client: Any = MeteredClient(table)
    with client.metered() as meter:
        page, before_id = DynamoJobs(client, table.name).page(JobFilter(tenant, tool="nope"), limit=50, before_id=None)
    assert (page, before_id is None) == ([], False)
    assert meter.read <= 12


@pytest.fixture
def pending(tenant: str, plugin: str) -> Job:
    return a_job(tenant=tenant, plugin=plugin, job_id=str(ULID()))


def claimed(job: Job) -> Job:
    return steps.claimed(job, worker_id="w", now=NOON, lease_expires_at=NOON + timedelta(seconds=15))


def index_units(table: Table, before: Job | None, after: Job) -> float:
    """Return the write units that a change of a job costs in the indexes, without that of its item."""
    client: Any = MeteredClient(table)
    with client.metered() as meter:
        if before is not None:
            client.put_item(TableName=table.name, Item=serialized(items.job_to_item(before)))
            meter.written = 0
        client.put_item(TableName=table.name, Item=serialized(items.job_to_item(after)))
    return float(meter.written - 1)


def test_each_step_of_a_job_writes_each_index_once(table: Table, pending: Job) -> None:
    running = claimed(pending)
    assert index_units(table, None, pending) == 3
    assert index_units(table, pending, running) == 3
    assert index_units(table, running, succeeded(running)) == 3


def test_job_written_when_it_has_succeeded_writes_two_indexes(table: Table, pending: Job) -> None:
    assert index_units(table, None, succeeded(claimed(pending))) == 2


def test_unsuccessful_end_moves_an_entry(table: Table, pending: Job) -> None:
    running = claimed(pending)
    assert index_units(table, running, steps.lost(running, now=NOON)) == 4


def test_ten_heartbeats_write_one_index_once(table: Table, pending: Job) -> None:
    client: Any = MeteredClient(table)
    store, job = DynamoJobs(client, table.name), claimed(pending)
    store.create(job)
    with client.metered() as meter:
        for second in range(1, 11):
            now = NOON + timedelta(seconds=second)
            progress = Progress(second / 10, rfc3339(now), now)
            news = [progress_event(progress.fraction, progress.message, now)]
            lease = now + timedelta(seconds=15)
            job = store.heartbeat(job, now=now, lease_expires_at=lease, progress=progress, news=news)
    # The events make the item larger than 1 KB, so that a write costs two units.
    assert meter.requests == ["UpdateItem"] * 10
    assert meter.written <= 10 * 2 + 1
