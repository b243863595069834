"""Prepare a batch: read its items and create their jobs.

The job ids are derived from the batch, and each job is created by one conditional write. Each job is therefore created
once, even if an invocation is repeated, is killed and continued by another, or runs at the same time as another.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from interlock.domain import batch as batches
from interlock.domain.batch import Batch, BatchStatus
from interlock.domain.errors import InterlockError, InvalidInput, ServiceUnavailable
from interlock.domain.events import EMPTY_LOG, state_event
from interlock.domain.job import Job, cancel_requested, refused, submitted
from interlock.domain.job_id import job_id_of_item
from interlock.domain.job_status import JobStatus
from interlock.domain.json_text import as_text
from interlock.jobs.batch_items import BatchItems, Item
from interlock.jobs.documents import Documents
from interlock.jobs.uploads import Uploads
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.ports import BatchStore, Clock, JobExists, JobStore, ObjectStore, StaleBatch, StaleJob

logger = logging.getLogger(__name__)

WRITERS = 10
"""Jobs that are created at the same time: as many as the SDK has connections in its pool."""


class Plan(Struct, frozen=True):
    """The workflow's next step: whether items may run, the object that lists them, and how many at a time."""

    run: bool
    jobs_key: str
    max_concurrency: int


class PrepareBatch(Struct, frozen=True, kw_only=True):
    """The first step of a batch's execution."""

    store: BatchStore
    jobs: JobStore
    items: BatchItems
    registry: PluginRegistry
    documents: Documents
    uploads: Uploads
    objects: ObjectStore
    clock: Clock
    most_items: int
    on_failure: Callable[[], None]
    """Called when the batch has failed."""

    def __call__(self, tenant: str, batch_id: str) -> Plan | None:
        """Create the jobs of a batch unless they exist. Return the plan, or None if there is no such batch."""
        while True:
            batch = self.store.get(tenant, batch_id)
            if batch is None:
                return None
            try:
                if batch.started_at is None and not batch.finished:
                    batch = self._prepare(batch)
            except StaleBatch:
                continue  # a cancel was written meanwhile: the remaining jobs are created as cancelled ones
            return Plan(batch.status is BatchStatus.RUNNING, f"{batch.folder}/jobs.json", batch.max_concurrency)

    def _prepare(self, batch: Batch) -> Batch:
        try:
            items = self.items.read(batch, self.most_items)
            call = ToolCall(*self.registry.find(batch.plugin, batch.tool), {})
        except ServiceUnavailable:
            raise
        except InterlockError as error:
            if batch.total is not None:
                # An earlier invocation may have created jobs. The items without a job fail with this error.
                return self.store.change(batch, batches.unprepared(batch, error.info, now=self.clock()))
            self.objects.put(batch.results_key, "")
            failed = self.store.change(batch, batches.unreadable(batch, error.info, now=self.clock()))
            self.on_failure()
            return failed
        if batch.total is None:
            batch = self.store.change(batch, batches.counted(batch, len(items), now=self.clock()))
        self.store.open_counts(batch, batch.tolerated)
        ids = [job_id_of_item(batch.batch_id, index) for index in range(len(items))]
        with ThreadPoolExecutor(WRITERS) as pool:
            # All results are consumed, so that the first error is raised.
            list(pool.map(lambda one: self._create(batch, call, *one), zip(ids, items, strict=True)))
        self.objects.put(
            f"{batch.folder}/jobs.json", as_text([{"tenant": batch.tenant, "job_id": job_id} for job_id in ids])
        )
        return self.store.change(batch, batches.prepared(batch, now=self.clock()))

    def _create(self, batch: Batch, call: ToolCall, job_id: str, item: Item) -> None:
        job = _new_job(batch, call, job_id, item)
        job = submitted(job, input=self.documents.write(job, "input", item.input), lease_expires_at=None)
        now = self.clock()
        try:
            uploads = self.registry.checked(call.plugin, call.tool, item.input).uploads
            self.uploads.check(batch.tenant, uploads)
        except InvalidInput as error:
            job = refused(job, error.info, now=now)
        else:
            if batch.stopping:
                job = cancel_requested(job, reason=batch.cancel.reason if batch.cancel else None, now=now)
        try:
            self.jobs.create(job)  # interlock: allow ILK008 - a new job: one that is refused never starts
        except (JobExists, StaleJob):
            return  # created by an earlier invocation, or by another one that runs beside this one


def _new_job(batch: Batch, call: ToolCall, job_id: str, item: Item) -> Job:
    return Job(
        tenant=batch.tenant,
        job_id=job_id,
        plugin=batch.plugin,
        tool=batch.tool,
        plugin_version=call.plugin.version,
        timeout_s=batch.timeout_s,
        status=JobStatus.PENDING,
        created_at=batch.created_at,
        updated_at=batch.created_at,
        expires_at=batch.expires_at,
        deadline_at=batch.deadline_at,
        batch_id=batch.batch_id,
        item_key=item.key,
        events=EMPTY_LOG.adding([state_event(JobStatus.PENDING, batch.created_at)]),
        key_id=batch.key_id,
        key_limit=batch.key_limit,
    )


def item_ids(batch: Batch) -> Sequence[str]:
    """Return the ids of the jobs of a batch, in the order of its items."""
    return [job_id_of_item(batch.batch_id, index) for index in range(batch.total or 0)]
