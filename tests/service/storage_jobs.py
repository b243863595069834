"""Helpers of the storage suite: jobs to write, and jobs as the store returns them."""

from datetime import timedelta

import pytest

from interlock.domain import job as steps
from interlock.domain.job import Job, StoredJson
from interlock.domain.job_status import JobStatus
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.outcome import Outcome
from interlock.ports import StaleJob
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.service.conftest import Storage

LATER = NOON + timedelta(seconds=5)
LEASE = NOON + timedelta(seconds=20)


def in_status(job: Job, status: JobStatus) -> Job:
    return a_job(status, tenant=job.tenant, plugin=job.plugin, job_id=job.job_id)


def written(storage: Storage, job: Job) -> Job:
    storage.store.create(job)
    return job


def stored(storage: Storage, job: Job) -> Job | None:
    return storage.another().get(job.tenant, job.job_id)


def succeeded(job: Job, elapsed_ms: float = 12.5) -> Job:
    outcome = Outcome(JobStatus.SUCCEEDED, execution_time_ms=elapsed_ms)
    return steps.ended(job, outcome, result=StoredJson(2, text="{}"), progress=None, now=LATER)


def counted(storage: Storage, job: Job) -> ExecutionMetrics:
    return storage.another().metrics(job.plugin).get(job.tool, ExecutionMetrics())


def stale(caught: pytest.ExceptionInfo[StaleJob], expected: Job | None) -> bool:
    """Return whether the error carries the job that is stored now."""
    return caught.value.current == expected
