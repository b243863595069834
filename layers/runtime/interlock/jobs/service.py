"""The life of jobs outside a worker: submit, read, list, cancel, settle. It knows no plugin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger
from ulid import ULID

from interlock.domain import job as jobs
from interlock.domain.counters import ending_delta
from interlock.domain.errors import (
    AlreadyFinished,
    InterlockError,
    NotFinished,
    NotFound,
    ServiceUnavailable,
)
from interlock.domain.events import EMPTY_LOG, state_event
from interlock.domain.idempotency import IdempotencyRecord, KeyedRequest
from interlock.domain.job import Job
from interlock.domain.job_status import CLAIMED, JobStatus
from interlock.jobs.documents import Documents
from interlock.ports import Clock, JobFilter, JobStore, StaleJob, Workflow

logger = Logger(service="interlock", child=True)

START_LEASE = timedelta(seconds=60)
"""How long a pending job may wait for its execution to claim it before somebody looks after it."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a job is made of. `timeout_s` is the limit of one execution in seconds; `key_id` is the key that makes it,
    and `key_limit` how many unfinished jobs that may have."""

    tenant: str
    plugin: str
    tool: str
    plugin_version: str
    timeout_s: float
    key_id: str | None = None
    key_limit: int | None = None


class JobService:
    """Moves jobs by the transition table. Every write is conditional, so each of these may race with any other."""

    def __init__(
        self, store: JobStore, workflow: Workflow, documents: Documents, *, clock: Clock, retention: timedelta
    ) -> None:
        self._store = store
        self._workflow = workflow
        self._documents = documents
        self._clock = clock
        self._retention = retention

    def new(self, wanted: NewJob) -> Job:
        """A pending job, not written yet."""
        now = self._clock()
        return Job(
            tenant=wanted.tenant,
            job_id=str(ULID.from_datetime(now)),
            plugin=wanted.plugin,
            tool=wanted.tool,
            plugin_version=wanted.plugin_version,
            timeout_s=float(wanted.timeout_s),  # as it is read back
            status=JobStatus.PENDING,
            created_at=now,
            updated_at=now,
            expires_at=now + self._retention,
            events=EMPTY_LOG.adding([state_event(JobStatus.PENDING, now)]),
            key_id=wanted.key_id,
            key_limit=wanted.key_limit,
        )

    def first_request(self, wanted: KeyedRequest) -> IdempotencyRecord | None:
        """The claim of an earlier request under the same idempotency key; None when this is the first, or the claim
        has expired."""
        found = self._store.find_idempotency_record(wanted.tenant, wanted.key_hash)
        return None if found is None or found.expires_at < self._clock() else found

    def submit(self, job: Job, input: Any, record: IdempotencyRecord | None = None) -> Job:
        """Writes a pending job and starts its execution. Raises `KeyAlreadyUsed` when the idempotency key stands for
        another one, and `TooManyJobs` when the API key has as many as it may.

        The job is written first. If the process ends, or the engine fails, between the two, the job's start lease
        runs out and whoever meets it then starts it: what was written is never lost.
        """
        stored = self._documents.write(job, "input", input)
        job = jobs.submitted(job, input=stored, lease_expires_at=job.created_at + START_LEASE)
        self._store.create(job, record=record)
        self._workflow.start(job.tenant, job.job_id)
        return job

    def get(self, tenant: str, job_id: str) -> Job:
        """Reads a job, and settles it first when its worker is gone. Raises `NotFound`."""
        job = self._store.get(tenant, job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id!r}.")
        return self._settled(job)

    def result(self, tenant: str, job_id: str) -> Job:
        """A finished job. Raises `NotFound` and `NotFinished`."""
        job = self.get(tenant, job_id)
        if not job.finished:
            raise _of(job, NotFinished(f"The job is {job.status}.", status=job.status.value))
        return job

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        """A page of jobs, newest first, and the id to go on from."""
        return self._store.page(wanted, limit=limit, before_id=before_id)

    def cancel(self, tenant: str, job_id: str, reason: str | None) -> Job:
        """Asks a job to stop. Raises `NotFound`, and `AlreadyFinished` when it ended in another way than cancelled."""
        job = self.get(tenant, job_id)
        while job.status not in {JobStatus.CANCELLING, JobStatus.CANCELLED}:
            if job.finished:
                error = AlreadyFinished(f"The job has already {_in_words(job.status)}.", status=job.status.value)
                raise _of(job, error)
            after = jobs.cancel_requested(job, reason=reason, now=self._clock())
            try:
                self._write(job, after)
            except StaleJob as stale:
                # It was claimed, finished or cancelled meanwhile: look at it again. Statuses only go forward, so
                # this ends.
                if stale.current is None:
                    raise NotFound(f"There is no job {job_id!r}.") from stale
                job = stale.current
                continue
            job = after
        # The flag first, then the execution: no retry or wait goes on, and the worker sees the flag by its heartbeat.
        # Done for a repeated cancel as well, should an earlier one have ended between the two.
        self._workflow.stop(job_id, "cancelled by the caller")
        return job

    def settle(self, tenant: str, job_id: str, *, worker_gone: bool) -> Job | None:
        """Looks after a job whose worker may be gone. `worker_gone` is the word of the workflow's Catch that no
        execution goes on. None: there is no such job."""
        job = self._store.get(tenant, job_id)
        if job is None or job.finished:
            return job
        return self._lost(job) if worker_gone and job.status is JobStatus.PENDING else self._settled(job)

    def settle_lapsed(self) -> int:
        """Settles every job whose lease ran out; returns how many it looked at. One that cannot be settled, since its
        execution cannot be started, is left to the next time and keeps no other from it."""
        looked_at = 0
        for job in self._store.with_lapsed_lease(self._clock()):
            looked_at += 1
            try:
                self._settled(job)
            except ServiceUnavailable:
                logger.exception("the job was not settled", extra={"job_id": job.job_id})
        return looked_at

    def _settled(self, job: Job) -> Job:
        if job.finished or not job.lease_ran_out(self._clock()):
            return job
        return self._lost(job) if job.status in CLAIMED else self._restarted(job)

    def _restarted(self, job: Job) -> Job:
        """A pending job that nobody claimed: its execution is started (again), or it is lost when that is over."""
        if not self._workflow.start(job.tenant, job.job_id):
            return self._lost(job)
        after = jobs.lease_extended(job, self._clock() + START_LEASE)
        try:
            self._store.change(job, after)
        except StaleJob as error:
            return error.current or job
        return after

    def _lost(self, job: Job) -> Job:
        after = jobs.lost(job, now=self._clock())
        try:
            self._write(job, after)
        except StaleJob as error:
            # It was settled or claimed meanwhile, or asked to stop: the last leaves its worker as gone as before.
            return self._settled(error.current) if error.current else job
        return after

    def _write(self, before: Job, after: Job) -> None:
        if after.finished:
            self._store.settle(before, after, ending_delta(before, after))
        else:
            self._store.change(before, after)


def _of(job: Job, error: InterlockError) -> InterlockError:
    return error.of(plugin=job.plugin, tool=job.tool, job_id=job.job_id)


def _in_words(status: JobStatus) -> str:
    return "timed out" if status is JobStatus.TIMED_OUT else status.value
