"""Take one job through one attempt: claim, heartbeat, run, finish. For synchronous calls and the workflow's task."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

from aws_lambda_powertools import Logger
from ulid import ULID

from interlock.domain import job as jobs
from interlock.domain.counters import ending_delta, starting_delta
from interlock.domain.deadline import Deadline
from interlock.domain.errors import InterlockError, InvalidInput, ServiceUnavailable
from interlock.domain.events import Event
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Job, Progress
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.jobs.documents import Documents
from interlock.jobs.event_buffer import EventBuffer
from interlock.jobs.uploads import Uploads
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.ports import Clock, JobStore, StaleJob
from interlock.sandbox import CancelToken
from interlock.tools.tool_runner import Observer, ToolRunner

logger = Logger(service="interlock", child=True)

LEASE = timedelta(seconds=15)
LEASE_MARGIN = timedelta(seconds=5)
"""The part of the lease that is kept to stop the tool in time."""

HEARTBEAT_S = 1.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that this worker finished, with the result as a value."""

    job: Job
    result: Any


class JobRunner:
    """Runs jobs under a lease until they have finished. Never raises for anything that a plugin does."""

    def __init__(
        self,
        store: JobStore,
        runner: ToolRunner,
        registry: PluginRegistry,
        documents: Documents,
        uploads: Uploads,
        *,
        clock: Clock,
    ) -> None:
        self._store = store
        self._runner = runner
        self._registry = registry
        self._documents = documents
        self._uploads = uploads
        self._clock = clock
        self._worker_id = str(ULID())

    @property
    def unfit(self) -> bool:
        """Whether a tool has damaged this process, which is to be ended."""
        return self._runner.unfit

    def run_now(
        self,
        job: Job,
        call: ToolCall,
        *,
        deadline: Deadline,
        record: IdempotencyRecord | None = None,
    ) -> Finished:
        """Run a job that is not written yet. The deadline holds for the claim and the tool.

        The claim, which is also the job's first write, overlaps the start of the tool. It comes first if it may be
        refused: with an idempotency key (`KeyAlreadyUsed`), or for an API key with a job limit (`TooManyJobs`).

        Raises `ServiceUnavailable` if the claim or the end could not be written. The tool is stopped then, and whatever
        was written is settled when its lease expires.
        """
        now = self._clock()
        claimed = jobs.claimed(job, worker_id=self._worker_id, now=now, lease_expires_at=now + LEASE)
        first = record is not None or job.key_limit is not None
        if first:
            self._store.create(claimed, starting_delta(claimed, now), record)
        return self._run(claimed, call, deadline, unwritten=not first)

    def run_pending(self, tenant: str, job_id: str, *, deadline: Deadline) -> Job | None:
        """Claim a submitted job and run it. Return the current job, or None if there is none.

        A job that was claimed, cancelled or finished meanwhile is left alone.
        """
        job = self._store.get(tenant, job_id)
        if job is None or job.status is not JobStatus.PENDING:
            return job
        now = self._clock()
        claimed = jobs.claimed(job, worker_id=self._worker_id, now=now, lease_expires_at=now + LEASE)
        try:
            self._store.change(job, claimed, starting_delta(claimed, now))
        except StaleJob as error:
            return error.current
        try:
            call = self._call_of(claimed)
        except InterlockError as error:
            # The plugin was replaced after the job was submitted, or the input has expired.
            return self._finish(claimed, Outcome(JobStatus.FAILED, error=error.info)).job
        return self._run(claimed, call, deadline, unwritten=False).job

    def _call_of(self, job: Job) -> ToolCall:
        if job.input is None:
            raise InvalidInput("The job has no input.")
        manifest, tool = self._registry.find(job.plugin, job.tool)
        return self._registry.checked(manifest, tool, self._documents.read(job.input))

    def _run(self, job: Job, call: ToolCall, deadline: Deadline, *, unwritten: bool) -> Finished:
        said = EventBuffer(job.job_id, self._clock)
        with Lease(self._store, job, said, clock=self._clock, unwritten=unwritten) as lease:
            outcome = self._runner.run(
                call,
                job_id=job.job_id,
                deadline=deadline.limited(job.timeout_s),
                cancel=lease.cancel,
                observer=Observer(on_progress=said.progressed, on_log=said.logged),
                fetch=partial(
                    self._uploads.fetch,
                    job.tenant,
                    call.uploads,
                    stop=lambda: lease.cancel.is_set or deadline.passed,
                ),
            )
        said.close()
        if lease.lost is not None:
            # The job was settled without this worker, so its outcome is too late.
            return Finished(lease.lost, None)
        return self._finish(lease.job, outcome, said.take(), said.progress)

    def _finish(
        self, job: Job, outcome: Outcome, news: Sequence[Event] = (), progress: Progress | None = None
    ) -> Finished:
        """Write the end of the job with the last events of its tool.

        A cancel after the last heartbeat is found here: the job is `cancelling`, and ends with the tool's outcome.
        """
        stored = None
        if outcome.status is JobStatus.SUCCEEDED:
            stored = self._documents.write(job, f"result-{job.attempt}", outcome.result)
        before = job
        while True:
            after = jobs.ended(before, outcome, now=self._clock(), result=stored, progress=progress, news=news)
            try:
                self._store.settle(before, after, ending_delta(before, after))
            except StaleJob as error:
                current = error.current
                if current is None or not current.held_as(job):
                    logger.warning("the attempt was settled by another process", extra={"job_id": job.job_id})
                    return Finished(current or before, None)
                news = current.events.lacks(news, before.events.last_seq)
                before = current
                continue
            return Finished(after, outcome.result)


class Lease:
    """Keeps the lease of a claimed job while its tool runs, with a heartbeat every second.

    The first heartbeat is after one second, so a short run costs none. It extends the lease, stores the tool's events,
    and returns a requested cancel. If the lease is lost or cannot be kept, the tool is stopped.

    `lost` is the job if another process settled it. Leaving the context raises the error that kept the lease from being
    extended: `ServiceUnavailable` if the table was down for too long.
    """

    def __init__(self, store: JobStore, job: Job, said: EventBuffer, *, clock: Clock, unwritten: bool) -> None:
        self._store = store
        self._said = said
        self._clock = clock
        self._unwritten = unwritten
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._keep, name=f"lease-{job.job_id}", daemon=True)
        self.job = job
        self.lost: Job | None = None
        self.cancel = CancelToken()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.cancel.close()
        if self._failure is not None:
            raise self._failure

    def _keep(self) -> None:
        try:
            if self._unwritten:
                self._store.create(self.job, starting_delta(self.job, self.job.updated_at))
            while not self._over.wait(HEARTBEAT_S):
                self._beat()
        except StaleJob as error:
            self.lost = error.current or self.job
            self.cancel.set("the lease was lost")
        except Exception as error:  # raised on leaving the context: a tool must not continue without its lease
            self._failure = error
            self.cancel.set("the lease cannot be kept")

    def _beat(self) -> None:
        now = self._clock()
        news = self._said.take()
        try:
            with self._guard(now):
                self.job = self._heartbeat(now, news)
        except ServiceUnavailable:
            self._said.put_back(news)
            # The lease outlasts several heartbeats. It is given up only shortly before it expires.
            if self.job.lease_ran_out(self._clock() + LEASE_MARGIN):
                raise
            return
        if self.job.status is JobStatus.CANCELLING:
            self.cancel.set("cancelled by the caller")

    def _heartbeat(self, now: datetime, news: Sequence[Event]) -> Job:
        """Send a heartbeat. It is repeated if the job's events have changed since the last one: by a cancel, or by a
        heartbeat that arrived without a response. New events are numbered after those."""
        held = self.job
        while True:
            try:
                return self._store.heartbeat(
                    held, now=now, lease_expires_at=now + LEASE, progress=self._said.progress, news=news
                )
            except StaleJob as error:
                if error.current is None or not error.current.held_as(held):
                    raise
                news = error.current.events.lacks(news, held.events.last_seq)
                held = error.current

    @contextmanager
    def _guard(self, now: datetime) -> Iterator[None]:
        """Stop the tool if the table takes longer to respond than the lease lasts."""
        held_until = (self.job.lease_expires_at or now) - LEASE_MARGIN
        guard = threading.Timer(max(HEARTBEAT_S, (held_until - now).total_seconds()), self._give_up)
        guard.daemon = True
        guard.start()
        try:
            yield
        finally:
            guard.cancel()
            guard.join()

    def _give_up(self) -> None:
        self._failure = ServiceUnavailable(service="table")
        self.cancel.set("the lease cannot be kept")
