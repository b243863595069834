"""Submit, read, list, cancel and settle jobs. Nothing here knows a plugin."""

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from ulid import ULID

from interlock.domain import job as jobs
from interlock.domain.deadline import Deadline, deadline_after
from interlock.domain.errors import (
    AlreadyFinished,
    InterlockError,
    NotFinished,
    NotFound,
    ServiceUnavailable,
)
from interlock.domain.events import EMPTY_LOG, state_event
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Client, Job, Source, StoredJson
from interlock.domain.job_id import with_key
from interlock.domain.job_status import CLAIMED, JobStatus
from interlock.domain.outcome import ClientInput
from interlock.domain.webhook import Webhook
from interlock.jobs.documents import Documents
from interlock.ports import Clock, JobFilter, JobStore, StaleJob, Workflow

logger = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S, GROWTH = 0.1, 1.0, 1.5
"""The pause between two reads of an awaited job grows to the time between two heartbeats: 24 reads in 20 s."""

START_LEASE = timedelta(seconds=60)
"""The start lease: how long a pending job may wait for its claim before it is settled."""


class NewJob(Struct, frozen=True):
    """A job to create. `timeout_s` is the limit of its run, and `deadline_s` the time after which the job is over, in
    seconds. `key_limit` is the API key's limit of unfinished jobs, `rerun_of` the job that is run again. `keyed`
    identifies a request with an idempotency key. `source`, `client` and `client_input` are as in `Job`. `input` is
    stored with the job; a submitted job has none here, because `submit` writes it separately."""

    tenant: str
    plugin: str
    tool: str
    plugin_version: str
    timeout_s: float
    key_id: str | None = None
    key_limit: int | None = None
    keyed: KeyedRequest | None = None
    deadline_s: float | None = None
    rerun_of: str | None = None
    source: Source | None = None
    client: Client | None = None
    client_input: ClientInput | None = None
    webhook: Webhook | None = None
    input: StoredJson | None = None


class JobService:
    """Moves jobs through the transition table. Every write is conditional, so all methods may race with each other."""

    def __init__(
        self, store: JobStore, workflow: Workflow, documents: Documents, *, clock: Clock, retention: timedelta
    ) -> None:
        self._store = store
        self._workflow = workflow
        self._documents = documents
        self._clock = clock
        self._retention = retention

    def new(self, wanted: NewJob) -> Job:
        """Return a pending job that is not written yet."""
        now, keyed = self._clock(), wanted.keyed
        job_id = str(ULID.from_datetime(now))
        return Job(
            tenant=wanted.tenant,
            job_id=with_key(job_id, keyed.key_hash) if keyed else job_id,
            plugin=wanted.plugin,
            tool=wanted.tool,
            plugin_version=wanted.plugin_version,
            timeout_s=float(wanted.timeout_s),  # as it is read back
            status=JobStatus.PENDING,
            created_at=now,
            updated_at=now,
            expires_at=now + self._retention,
            deadline_at=deadline_after(now, wanted.deadline_s),
            rerun_of=wanted.rerun_of,
            source=wanted.source,
            client=wanted.client,
            client_input=wanted.client_input,
            webhook=wanted.webhook,
            input=wanted.input,
            events=EMPTY_LOG.adding([state_event(JobStatus.PENDING, now)]),
            key_id=wanted.key_id,
            key_limit=wanted.key_limit,
            key_hash=keyed.key_hash if keyed else None,
            request_hash=keyed.request_hash if keyed else None,
            write_id=secrets.token_hex(8) if keyed else None,
        )

    def first_job(self, wanted: KeyedRequest) -> Job | None:
        """Return the job of an earlier request with the same key, None if there is none or it has expired."""
        found = self._store.find_by_key(wanted.tenant, wanted.key_hash)
        return None if found is None or found.expired(self._clock()) else found

    def submit(self, job: Job, input: Any) -> Job:
        """Write a pending job and start its workflow execution.

        Raise `KeyAlreadyUsed` if the idempotency key belongs to another job, and `TooManyJobs` if the API key has
        reached its limit. The job is written first. If this process ends or the workflow fails before the execution is
        started, the start lease expires and the job is started when it is settled, so an accepted job is never lost.
        """
        stored = self._documents.write(job, _input_name(job), input)
        job = jobs.submitted(job, input=stored, lease_expires_at=job.created_at + START_LEASE)
        try:
            self._store.create(job)
        except StaleJob as error:
            # The SDK's first try of the write succeeded, and the job was cancelled before the second.
            return error.current or job
        self._workflow.start(job)
        return job

    def get(self, tenant: str, job_id: str) -> Job:
        """Read a job. It is settled first if its lease has expired. Raise `NotFound`."""
        job = self._store.get(tenant, job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id!r}.")
        return self.settle_expired(job)

    def wait(self, job: Job, is_awaited: Callable[[Job], bool], until: Deadline) -> Job:
        """Return the job as soon as `is_awaited` returns true for it, or as it is at the deadline.

        Another process changes the job and does not notify this one, so the job is polled.
        """
        pause_s = FIRST_PAUSE_S
        while not is_awaited(job) and not until.passed:
            time.sleep(min(pause_s, max(until.left_s, 0.001)))
            pause_s = min(pause_s * GROWTH, LONGEST_PAUSE_S)
            job = self.get(job.tenant, job.job_id)
        return job

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        """Return a page of jobs, newest first, and the id to continue after."""
        return self._store.page(wanted, limit=limit, before_id=before_id)

    def cancel(self, tenant: str, job_id: str, reason: str | None) -> Job:
        """Cancel a job. Raise `NotFound`, and `AlreadyFinished` if it ended with a status other than cancelled."""
        job = self.get(tenant, job_id)
        while job.status not in {JobStatus.CANCELLING, JobStatus.CANCELLED}:
            if job.finished:
                error = AlreadyFinished(f"The job has already {_in_words(job.status)}.", status=job.status.value)
                raise _of(job, error)
            after = jobs.cancel_requested(job, reason=reason, now=self._clock())
            try:
                self._write(job, after)
            except StaleJob as stale:
                # The job was claimed, finished or cancelled meanwhile. Statuses only move forward, so the loop ends.
                if stale.current is None:
                    raise NotFound(f"There is no job {job_id!r}.") from stale
                job = stale.current
                continue
            job = after
        # The flag is written before the workflow is stopped: the worker finds it with its next heartbeat. A repeated
        # cancel stops the workflow again, in case the process of an earlier one ended between the write and the stop.
        if job.batch_id is None:
            self._workflow.stop(job, "cancelled by the caller")
        return self._end(job, _given_up(job, self._clock())) if job.parked else job

    def settle(self, tenant: str, job_id: str, *, worker_gone: bool) -> Job | None:
        """Settle a job whose worker may be gone, and return it, None if there is no such job.

        `worker_gone` means that no workflow execution will run the job any more. The workflow's Catch and the last
        step of a batch set it.
        """
        job = self._store.get(tenant, job_id)
        if job is None or job.finished:
            return job
        return self._end_unstarted(job) if worker_gone and job.status is JobStatus.PENDING else self.settle_expired(job)

    def settle_lapsed(self) -> int:
        """Settle all jobs whose lease has expired, and return their number.

        A job whose workflow execution cannot be started is left for the next time, and does not delay the others.
        """
        looked_at = 0
        for job in self._store.with_lapsed_lease(self._clock()):
            looked_at += 1
            try:
                self.settle_expired(job)
            except ServiceUnavailable:
                logger.exception("the job was not settled", extra={"job_id": job.job_id})
        return looked_at

    def settle_expired(self, job: Job) -> Job:
        """Settle a job if its lease has expired, and return the current job."""
        now = self._clock()
        if job.finished or not job.lease_ran_out(now):
            return job
        if job.parked and not job.startable:
            return self._end(job, _given_up(job, now))
        if job.status in CLAIMED and not job.parked:
            return self._end(job, jobs.lost(job, now=now))
        return self._end_unstarted(job) if job.overdue(now) else self._restart(job)

    def _restart(self, job: Job) -> Job:
        """Start the workflow execution of a job without a worker again, or end the job if that execution has ended."""
        if not self._workflow.start(job):
            return self._end_unstarted(job)
        after = jobs.start_lease_extended(job, self._clock() + START_LEASE)
        try:
            self._store.change(job, after)
        except StaleJob as error:
            return error.current or job
        return after

    def _end_unstarted(self, job: Job) -> Job:
        """End a job that has no worker and will not be started: its deadline has passed, or its execution has ended."""
        now = self._clock()
        return self._end(job, jobs.overdue(job, now=now) if job.overdue(now) else jobs.lost(job, now=now))

    def _end(self, job: Job, after: Job) -> Job:
        """Write the end of a job that has no worker, and return the current job."""
        try:
            self._write(job, after)
        except StaleJob as error:
            # The job was settled, claimed or cancelled meanwhile. After a cancel its worker is still gone.
            return self.settle_expired(error.current) if error.current else job
        return after

    def _write(self, before: Job, after: Job) -> None:
        if after.finished:
            self._store.settle(before, after)
        else:
            self._store.change(before, after)


def _given_up(job: Job, now: datetime) -> Job:
    from interlock.domain.parking import given_up  # noqa: PLC0415 - few jobs wait for a client

    return given_up(job, now=now)


def _input_name(job: Job) -> str:
    """Return the name of the input's document. It contains the write id, because two requests with one idempotency key
    in the same millisecond have the same job id, but not the same input."""
    return f"input-{job.write_id}" if job.write_id else "input"


def finished(job: Job) -> Job:
    """Return the job. Raise `NotFinished`."""
    if not job.finished:
        raise _of(job, NotFinished(f"The job is {job.status}.", status=job.status.value))
    return job


def _of(job: Job, error: InterlockError) -> InterlockError:
    return error.of(plugin=job.plugin, tool=job.tool, job_id=job.job_id)


def _in_words(status: JobStatus) -> str:
    return "timed out" if status is JobStatus.TIMED_OUT else status.value
