"""Listings against a model: every filter, while jobs are created, claimed, cancelled and ended between any two requests
of a page."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ulid import ULID

from interlock.adapters.dynamo import listing
from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import serialized
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain.job import Job, listed
from interlock.domain.job_status import TRANSITIONS, JobStatus
from interlock.ports import JobFilter
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.service.conftest import Table
from tests.volume import volume

PLUGINS, TOOLS = ("echo", "ocr"), ("say", "analyze")


class DisturbedClient:
    """A client of the table that calls `disturb` before each read."""

    def __init__(self, client: Any, disturb: Callable[[], None]) -> None:
        self._client = client
        self._disturb = disturb

    def query(self, **request: Any) -> Any:
        self._disturb()
        return self._client.query(**request)

    def batch_get_item(self, **request: Any) -> Any:
        self._disturb()
        return self._client.batch_get_item(**request)


@dataclass
class Model:
    """The jobs of a tenant with all their versions, and the changes that are still to come."""

    table: Table
    changes: list[tuple[int, int]]
    """For each: the number of the job (a new one if there is none), and the number of its next status."""
    tenant: str = field(default_factory=lambda: f"t-{str(ULID()).lower()}")
    histories: dict[str, list[Job]] = field(default_factory=dict)
    seconds: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    def create(self, status: JobStatus, plugin: str, tool: str) -> None:
        job_id = str(ULID.from_datetime(NOON + timedelta(seconds=self.seconds())))
        self._write(a_job(status, tenant=self.tenant, job_id=job_id, plugin=plugin, tool=tool))

    def _write(self, job: Job) -> None:
        self.histories.setdefault(job.job_id, []).append(job)
        self.table.client.put_item(TableName=self.table.name, Item=serialized(items.job_to_item(job)))

    def change(self) -> None:
        """Let the next change happen, if there is one left."""
        if not self.changes:
            return
        which, to = self.changes.pop()
        current = [history[-1] for history in self.histories.values()]
        if which >= len(current):
            self.create(JobStatus.PENDING, PLUGINS[which % 2], TOOLS[to % 2])
        elif following := sorted(TRANSITIONS[current[which].status]):
            job = current[which]
            status = following[to % len(following)]
            fields = {name: getattr(job, name) for name in ("tenant", "job_id", "plugin", "tool")}
            self._write(a_job(status, **fields))


def matches(job: Job, wanted: JobFilter) -> bool:
    return (
        wanted.plugin in {None, job.plugin}
        and wanted.tool in {None, job.tool}
        and (not wanted.statuses or job.status in wanted.statuses)
    )


def all_pages(model: Model, wanted: JobFilter, limit: int) -> list[Job]:
    client: Any = DisturbedClient(model.table.client, model.change)
    store, before_id = DynamoJobs(client, model.table.name), None
    found: list[Job] = []
    for _ in range(1000):
        page, before_id = store.page(wanted, limit=limit, before_id=before_id)
        assert len(page) <= limit
        found += page
        if before_id is None:
            return found
    raise AssertionError("the list does not end")


jobs = st.tuples(st.sampled_from(JobStatus), st.sampled_from(PLUGINS), st.sampled_from(TOOLS))
filters = st.tuples(
    st.none() | st.sampled_from(PLUGINS),
    st.none() | st.sampled_from(TOOLS),
    st.lists(st.sampled_from(JobStatus), unique=True, max_size=4),
)


@dataclass(frozen=True)
class Case:
    """The first jobs, the changes, the filters of the listing, its page size, and its read budget."""

    jobs: Sequence[tuple[JobStatus, str, str]]
    changes: Sequence[tuple[int, int]]
    filters: tuple[str | None, str | None, Sequence[JobStatus]]
    limit: int
    budget: int


cases = st.builds(
    Case,
    jobs=st.lists(jobs, max_size=25),
    changes=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=25),
    filters=filters,
    limit=st.integers(1, 8),
    budget=st.sampled_from([4, 16, 200]),
)


@settings(max_examples=volume(sample=20, full=300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases)
def test_each_job_that_matches_throughout_is_listed_once(table: Table, case: Case) -> None:
    model = Model(table, list(case.changes))
    for job in case.jobs:
        model.create(*job)
    known = set(model.histories)
    wanted = JobFilter(model.tenant, *case.filters)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "MAX_LOOKED_AT", case.budget)
        found = all_pages(model, wanted, case.limit)
    ids = [one.job_id for one in found]
    assert ids == sorted(set(ids), reverse=True)
    # Each listed job is a version that existed and matched the filters.
    assert all(matches(one, wanted) and one in map(listed, model.histories[one.job_id]) for one in found)
    throughout = {job_id for job_id in known if all(matches(one, wanted) for one in model.histories[job_id])}
    assert throughout <= set(ids)


@pytest.mark.parametrize("moment", range(9))
def test_job_that_ends_while_a_page_is_read_is_on_it(table: Table, moment: int) -> None:
    # The job moves to the partitions of failed jobs before any of the eight reads of a page, or after the last.
    model = Model(table, [(0, sorted(TRANSITIONS[JobStatus.RUNNING]).index(JobStatus.FAILED))])
    model.create(JobStatus.RUNNING, "echo", "say")
    reads = itertools.count()
    client: Any = DisturbedClient(table.client, lambda: model.change() if next(reads) == moment else None)
    wanted = JobFilter(model.tenant, statuses=(JobStatus.RUNNING, JobStatus.FAILED))
    page, before_id = DynamoJobs(client, table.name).page(wanted, limit=5, before_id=None)
    assert ([job.job_id for job in page], before_id) == (list(model.histories), None)
    assert next(reads) > moment or moment == 8
