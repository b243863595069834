"""Listings: every combination of filters, paging, and jobs that change between pages."""

import itertools
from collections.abc import Iterable, Sequence
from copy import replace
from datetime import timedelta
from typing import Any

import pytest
from ulid import ULID

from interlock.domain import job as steps
from interlock.domain.job import Job, listed
from interlock.domain.job_status import JobStatus
from interlock.ports import JobFilter, JobStore
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.service.conftest import Storage
from tests.volume import volume

pytestmark = pytest.mark.no_cover

PLUGINS = ("echo", "ocr")
TOOLS = ("say", "analyze")


def a_job_at(seconds: float, tenant: str, status: JobStatus = JobStatus.PENDING, **fields: str) -> Job:
    job_id = str(ULID.from_datetime(NOON + timedelta(seconds=seconds)))
    given: dict[str, Any] = {"tenant": tenant, "job_id": job_id, **fields}
    return a_job(status, **given)


def everything(store: JobStore, wanted: JobFilter, limit: int) -> list[Job]:
    """Return the jobs of all pages, in their order."""
    found: list[Job] = []
    before_id = None
    while True:
        page, before_id = store.page(wanted, limit=limit, before_id=before_id)
        assert len(page) <= limit
        found += page
        if before_id is None:
            return found


def newest_first(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs as a list shows them."""
    return sorted(map(listed, jobs), key=lambda job: job.job_id, reverse=True)


def matching(jobs: Sequence[Job], wanted: JobFilter) -> list[Job]:
    return [
        job
        for job in newest_first(jobs)
        if wanted.plugin in {None, job.plugin}
        and wanted.tool in {None, job.tool}
        and (not wanted.statuses or job.status in wanted.statuses)
    ]


def powerset[T](values: Iterable[T]) -> list[tuple[T, ...]]:
    values = list(values)
    return [some for size in range(len(values) + 1) for some in itertools.combinations(values, size)]


FILTERS = [
    JobFilter("", plugin, tool, statuses)
    for plugin in (None, "echo", "nope")
    for tool in (None, "analyze", "nope")
    for statuses in powerset(JobStatus)
][:: volume(sample=17, full=3)]


def test_every_combination_of_filters_lists_exactly_the_matching_jobs(storage: Storage, tenant: str) -> None:
    jobs = [
        a_job_at(number, tenant, status, plugin=plugin, tool=tool)
        for number, (plugin, tool, status) in enumerate(itertools.product(PLUGINS, TOOLS, JobStatus))
    ]
    for job in [*jobs, a_job_at(5, tenant + "-2"), a_job_at(6, tenant[:-1])]:
        storage.store.create(job)
    for anyones in FILTERS:
        wanted = replace(anyones, tenant=tenant)
        assert everything(storage.store, wanted, limit=10) == matching(jobs, wanted), wanted


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 11])
def test_last_page_has_no_cursor(storage: Storage, tenant: str, limit: int) -> None:
    jobs = [a_job_at(number, tenant) for number in range(10)]
    for job in jobs:
        storage.store.create(job)
    sizes, before_id = [], None
    while True:
        page, before_id = storage.store.page(JobFilter(tenant), limit=limit, before_id=before_id)
        sizes.append(len(page))
        if before_id is None:
            break
    assert sum(sizes) == 10
    assert len(sizes) == -(-10 // limit)
    assert 0 not in sizes


def test_an_empty_list_is_one_empty_page(storage: Storage, tenant: str) -> None:
    for statuses in ((), (JobStatus.FAILED,)):
        assert storage.store.page(JobFilter(tenant, statuses=statuses), limit=5, before_id=None) == ([], None)


@pytest.mark.parametrize("statuses", [(), tuple(JobStatus)])
def test_each_job_is_listed_once_while_new_jobs_arrive(
    storage: Storage, tenant: str, statuses: tuple[JobStatus, ...]
) -> None:
    jobs = [a_job_at(number, tenant) for number in range(9)]
    for job in jobs:
        storage.store.create(job)
    found: list[Job] = []
    before_id, newer = None, itertools.count(100)
    while True:
        wanted = JobFilter(tenant, statuses=statuses)
        page, before_id = storage.store.page(wanted, limit=2, before_id=before_id)
        found += page
        if before_id is None:
            break
        storage.store.create(a_job_at(next(newer), tenant))
    assert found == newest_first(jobs)


def test_each_job_is_listed_once_while_statuses_change(storage: Storage, tenant: str) -> None:
    # A job's page depends on its id only, because the filter includes all statuses.
    jobs = [a_job_at(number, tenant) for number in range(8)]
    for job in jobs:
        storage.store.create(job)
    found: list[str] = []
    before_id, left = None, list(jobs)
    wanted = JobFilter(tenant, statuses=tuple(JobStatus))
    while True:
        page, before_id = storage.store.page(wanted, limit=2, before_id=before_id)
        found += [job.job_id for job in page]
        if before_id is None:
            break
        for job in (left.pop(0), left.pop()):
            after = steps.cancel_requested(job, reason=None, now=NOON)
            storage.store.settle(job, after)
    assert found == [job.job_id for job in newest_first(jobs)]


def test_job_is_listed_by_its_current_status(storage: Storage, tenant: str) -> None:
    job = a_job_at(0, tenant)
    storage.store.create(job)
    after = steps.claimed(job, worker_id="w", now=NOON, lease_expires_at=NOON)
    storage.store.change(job, after)
    for statuses, expected in (((JobStatus.PENDING,), []), ((JobStatus.RUNNING,), [listed(after)])):
        for plugin, tool in itertools.product((None, "echo"), (None, "say")):
            wanted = JobFilter(tenant, plugin, tool, statuses)
            assert storage.store.page(wanted, limit=5, before_id=None) == (expected, None)


def test_a_name_with_the_key_separator_reads_no_other_jobs(storage: Storage, tenant: str) -> None:
    storage.store.create(a_job_at(0, tenant))
    for wanted in (
        JobFilter(tenant, "echo#say"),
        JobFilter(tenant, "echo#pending"),
        JobFilter(tenant, "echo", "say#pending"),
        JobFilter(tenant + "#echo"),
    ):
        assert storage.store.page(wanted, limit=5, before_id=None) == ([], None)


def test_more_jobs_than_one_read_batch_are_all_listed(storage: Storage, tenant: str) -> None:
    jobs = [a_job_at(number, tenant) for number in range(130)]
    for job in jobs:
        storage.store.create(job)
    page, before_id = storage.store.page(JobFilter(tenant), limit=125, before_id=None)
    assert list(page) == newest_first(jobs)[:125]
    assert before_id == page[-1].job_id


@pytest.mark.parametrize("statuses", [(), (JobStatus.PENDING,), (JobStatus.PENDING, JobStatus.FAILED)])
@pytest.mark.parametrize("limit", [2, 100])
def test_listing_by_time_has_the_jobs_between_its_bounds(
    storage: Storage, tenant: str, statuses: Sequence[JobStatus], limit: int
) -> None:
    jobs = [a_job_at(second, tenant, status) for second in range(6) for status in (JobStatus.PENDING, JobStatus.FAILED)]
    for job in jobs:
        storage.store.create(job)
    wanted = JobFilter(tenant, None, None, statuses, NOON + timedelta(seconds=1), NOON + timedelta(seconds=4))
    assert everything(storage.store, wanted, limit) == matching(jobs[2:8], wanted)
