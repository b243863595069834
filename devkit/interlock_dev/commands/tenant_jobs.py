"""`interlock jobs --all-tenants` and `--tenant`: jobs of any tenant, read from the table with AWS credentials.

Through the API, a key sees only the jobs of its tenant. Operators who may read the table see the jobs of all tenants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.adapters.dynamo.listing import JobListing
from interlock.domain.deadline import MAX_DEADLINE_S
from interlock.domain.job import Job
from interlock.domain.job_status import STATUS_ALIASES, JobStatus
from interlock.domain.times import utc_now
from interlock.http.presenters import job_document
from interlock.ports import JobFilter
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.remote.jobs import Filters, row_of
from interlock_dev.commands.remote.output import console, print_json, table
from interlock_dev.commands.tables import open_table, table_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PAGE = 100
_AT_ONCE = 8
_LONGEST_LEASE = timedelta(seconds=2 * MAX_DEADLINE_S)
"""Longer than any lease, so that the search for lapsed leases finds all unfinished jobs."""


def show_tenant_jobs(stack: str | None, tenants: Sequence[str], filters: Filters, *, json: bool) -> Exit:
    """Print the jobs of the given tenants, or of all known tenants, newest first. Raise `UsageError`."""
    with table_errors(), open_table(stack, None) as (dynamodb, name):
        jobs = _newest(dynamodb, name, tenants or known_tenants(dynamodb, name), filters)
    documents: list[dict[str, Any]] = [{"tenant": job.tenant, **job_document(job)} for job in jobs]
    if json:
        print_json(documents)
    else:
        rows = [(one["tenant"], *row_of(one)) for one in documents]
        console().print(table(("tenant", "job", "tool", "status", "", "created", "took"), rows))
    return Exit.OK


def known_tenants(dynamodb: DynamoDBClient, name: str) -> Sequence[str]:
    """Return the tenants that have, or had, a key, and those with unfinished jobs."""
    with_keys = {key.tenant for key in DynamoKeys(dynamodb, name).listed()}
    unfinished = JobListing(dynamodb, name).lapsed(utc_now() + _LONGEST_LEASE)
    return sorted(with_keys | {tenant for tenant, _ in unfinished})


def _newest(dynamodb: DynamoDBClient, name: str, tenants: Sequence[str], filters: Filters) -> list[Job]:
    jobs = DynamoJobs(dynamodb, name)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda tenant: list(islice(_of_tenant(jobs, tenant, filters), filters.limit)), tenants)
    every = [job for several in found for job in several]
    return sorted(every, key=attrgetter("job_id"), reverse=True)[: filters.limit]


def _of_tenant(jobs: DynamoJobs, tenant: str, filters: Filters) -> Iterator[Job]:
    statuses = [STATUS_ALIASES.get(one) or JobStatus(one) for one in filters.statuses]
    wanted = JobFilter(tenant, filters.plugin, filters.tool, statuses, filters.created_after, filters.created_before)
    before: str | None = None
    while True:
        page, before = jobs.page(wanted, limit=min(_PAGE, filters.limit), before_id=before)
        yield from page
        if before is None:
            return
