"""Take one job through one attempt: claim, heartbeat, run, finish. For synchronous calls and the workflow's task."""

import logging
from collections.abc import Callable, Sequence
from copy import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec import Struct
from ulid import ULID

from interlock import log_fields
from interlock.domain import job as jobs
from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode, InterlockError, InvalidInput, ServiceUnavailable, TooManyJobs
from interlock.domain.events import Event
from interlock.domain.job import Job, Progress
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import NO_CLIENT_INPUT, Outcome
from interlock.jobs.documents import Documents
from interlock.jobs.event_buffer import EventBuffer
from interlock.jobs.lease import LEASE, LEASE_MARGIN, Lease
from interlock.jobs.uploads import Uploads
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.ports import Clock, JobStore, StaleJob
from interlock.tools.tool_runner import Observer, ToolRunner

logger = logging.getLogger(__name__)


class Finished(Struct, frozen=True):
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
        batch_stopping: Callable[[str, str], bool],
    ) -> None:
        """`batch_stopping` takes a tenant and a batch id, and returns whether no item of that batch may start."""
        self._store = store
        self._runner = runner
        self._registry = registry
        self._documents = documents
        self._uploads = uploads
        self._clock = clock
        self._batch_stopping = batch_stopping
        self._worker_id = str(ULID())

    @property
    def unfit(self) -> bool:
        """Whether a tool has damaged this process, which is to be ended."""
        return self._runner.unfit

    def run_now(self, job: Job, call: ToolCall, *, deadline: Deadline) -> Finished:
        """Run a job that is not written yet. The deadline holds for the claim and the tool.

        A run that is shorter than the claim delay is written once, when it ends. Otherwise its claim is written while
        the tool runs. The claim comes first if it may be refused: with an idempotency key (`KeyAlreadyUsed`), or for an
        API key with a job limit (`TooManyJobs`).

        Raise `ServiceUnavailable` if the claim or the end could not be written. The tool is stopped then, and whatever
        was written is settled when its lease expires.
        """
        claimed = self._claimed(job)
        first = job.key_hash is not None or job.key_limit is not None
        if first:
            try:
                self._store.create(claimed)
            except StaleJob as error:
                return Finished(error.current or job, None)
            self._check_lease(claimed)
        return self._run(claimed, call, deadline, written=first)

    def run_pending(self, tenant: str, job_id: str, *, deadline: Deadline) -> Job | None:
        """Claim a submitted job, or a parked one whose client has responded, and run it. Return the current job, or
        None if it is not stored.

        A job that was claimed, cancelled or finished meanwhile is left alone. A job whose deadline has passed is ended,
        and so is an item of a batch that is being stopped. Any other item stays pending while its API key has reached
        its job limit.
        """
        job = self._store.get(tenant, job_id)
        if job is None or not job.startable:
            return job
        claimed = self._claimed(job)
        unclaimed = self._ended_unclaimed(job, now=claimed.updated_at)
        if unclaimed is not None:
            return self._end_unclaimed(job, unclaimed)
        try:
            self._store.change(job, claimed)
        except StaleJob as error:
            return error.current
        except TooManyJobs:
            return job
        self._check_lease(claimed)
        if claimed.attempt == 1:
            self._publish_wait(claimed)
        try:
            call = self._call_of(claimed)
        except InterlockError as error:
            # The plugin was replaced after the job was submitted, or the input has expired.
            return self._finish(claimed, Outcome(JobStatus.FAILED, error=error.info)).job
        return self._run(claimed, call, deadline, written=True, parks=True).job

    def _claimed(self, job: Job) -> Job:
        now = self._clock()
        return jobs.claimed(job, worker_id=self._worker_id, now=now, lease_expires_at=now + LEASE)

    def _publish_wait(self, claimed: Job) -> None:
        try:
            self._registry.record_wait((claimed.updated_at - claimed.created_at) / timedelta(milliseconds=1))
        except (OSError, ValueError):  # standard output is closed or cannot be written
            logger.exception("the wait was not published", extra={"job_id": claimed.job_id})

    def _ended_unclaimed(self, job: Job, *, now: datetime) -> Job | None:
        """Return the job ended if it must not start: after its deadline, or as an item of a batch that is stopped."""
        if job.overdue(now):
            return jobs.overdue(job, now=now)
        if job.batch_id is not None and self._batch_stopping(job.tenant, job.batch_id):
            return jobs.cancel_requested(job, reason=None, now=now)
        return None

    def _end_unclaimed(self, job: Job, after: Job) -> Job | None:
        try:
            self._store.settle(job, after)
        except StaleJob as error:
            return error.current
        return after

    def _bounded(self, deadline: Deadline, job: Job) -> Deadline:
        """Return the deadline of a job's run: that of the invocation, or the job's own."""
        if job.deadline_at is not None:
            deadline = deadline.of_job((job.deadline_at - self._clock()).total_seconds())
        return deadline.limited(job.timeout_s)

    def _check_lease(self, claimed: Job) -> None:
        """Raise `ServiceUnavailable` if writing the claim took so long that another process may soon settle the job."""
        if claimed.lease_ran_out(self._clock() + LEASE_MARGIN):
            raise ServiceUnavailable(service="table")

    def _call_of(self, job: Job) -> ToolCall:
        if job.input is None:
            raise InvalidInput("The job has no input.")
        manifest, tool = self._registry.find(job.plugin, job.tool)
        return self._registry.checked(manifest, tool, self._documents.read(job.input))

    def _run(self, job: Job, call: ToolCall, deadline: Deadline, *, written: bool, parks: bool = False) -> Finished:
        """Run a claimed job until it has ended, or, if it `parks`, until its tool requests input from the client."""
        log_fields.add(tenant=job.tenant, key_id=job.key_id, job_id=job.job_id, plugin=job.plugin, tool=job.tool)
        said, deadline = EventBuffer(job.job_id, self._clock), self._bounded(deadline, job)
        with Lease(self._store, job, said, clock=self._clock, written=written) as lease:

            def stop() -> bool:
                lease.alarm.ring_if_due()  # fetching files may take longer than the claim delay
                return lease.cancel.is_set or deadline.passed

            outcome = self._runner.run(
                replace(call, client_input=job.client_input or NO_CLIENT_INPUT),
                tenant=job.tenant,
                job_id=job.job_id,
                deadline=deadline,
                cancel=lease.cancel,
                observer=Observer(on_progress=said.add_progress, on_log=said.add_line, alarm=lease.alarm),
                fetch=partial(self._uploads.fetch, job.tenant, call.uploads, stop=stop),
            )
        said.close()
        if lease.lost is not None:
            # The job was settled without this worker, so its outcome is too late.
            return Finished(lease.lost, None)
        step = _parking_step(job, outcome) if parks else jobs.ended
        return self._finish(lease.job, outcome, said.take(), said.progress, written=lease.written, step=step)

    def _finish(
        self,
        job: Job,
        outcome: Outcome,
        news: Sequence[Event] = (),
        progress: Progress | None = None,
        *,
        written: bool = True,
        step: Callable[..., Job] = jobs.ended,
    ) -> Finished:
        """Write the end of the job with the last events of its tool: as its only write if its claim is not written.

        A cancel after the last heartbeat is found here: the job is `cancelling`, and ends with the tool's outcome.
        `step` returns the job to write, which is parked instead of ended if its tool has requested input.
        """
        stored = None
        if outcome.status is JobStatus.SUCCEEDED:
            stored = self._documents.write(job, f"result-{job.attempt}", outcome.result)
        before = job
        while True:
            after = step(before, outcome, now=self._clock(), result=stored, progress=progress, news=news)
            try:
                if not after.finished:
                    self._store.change(before, after)
                elif written:
                    self._store.settle(before, after)
                else:
                    self._store.create(after)  # interlock: allow ILK008 - a new job, whose only write is its end
            except StaleJob as error:
                current = error.current
                if current is None or not current.held_as(job):
                    logger.warning("the attempt was settled by another process", extra={"job_id": job.job_id})
                    return Finished(current or before, None)
                news = current.events.lacks(news, before.events.last_seq)
                before, written = current, True
                continue
            return Finished(after, outcome.result)


def _parking_step(job: Job, outcome: Outcome) -> Callable[..., Job]:
    """Return the step after a run of a job that may be parked."""
    if outcome.error is None or outcome.error.code is not ErrorCode.INPUT_REQUIRED:
        return jobs.ended
    from interlock.domain import parking  # noqa: PLC0415 - few tools request input

    return parking.parked if parking.may_park(job, outcome) else jobs.ended
