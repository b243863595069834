"""Submit, read, list, stop and restart batches. Nothing here knows a plugin."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import replace
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from ulid import ULID

from interlock.domain import batch as batches
from interlock.domain.batch import Batch, BatchStatus
from interlock.domain.deadline import deadline_after
from interlock.domain.errors import (
    AlreadyFinished,
    IdempotencyMismatch,
    NotFinished,
    NotFound,
    ServiceUnavailable,
)
from interlock.domain.file_references import FileReference
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job_id import with_key
from interlock.domain.upload_id import Upload
from interlock.domain.webhook import Webhook
from interlock.jobs.batch_items import BatchItems
from interlock.jobs.uploads import Uploads
from interlock.ports import BatchStore, BatchWorkflow, Clock, StaleBatch

logger = logging.getLogger(__name__)

LOOK_AFTER = timedelta(seconds=60)
"""How often the schedule checks whether the execution of an unfinished batch is still running."""

TIME_TO_END = timedelta(hours=1)
"""A batch that is still unfinished this long before it expires is stopped, because the table also removes expired
batches that are unfinished."""


class NewBatch(Struct, frozen=True, kw_only=True):
    """A batch to create. Its items are `items`, or the upload `upload_id`. Limits are in seconds; `key_limit` and
    `keyed` are as in `NewJob`."""

    tenant: str
    plugin: str
    tool: str
    plugin_version: str
    timeout_s: float
    max_concurrency: int
    items: Sequence[Mapping[str, Any]] | None = None
    upload_id: str | None = None
    tolerated_failures: str | None = None
    deadline_s: float | None = None
    webhook: Webhook | None = None
    key_id: str | None = None
    key_limit: int | None = None
    keyed: KeyedRequest | None = None


class BatchService:
    """Moves batches through their life. Every write is conditional, so all methods may race with each other."""

    def __init__(
        self,
        store: BatchStore,
        workflow: BatchWorkflow,
        items: BatchItems,
        uploads: Uploads,
        *,
        clock: Clock,
        retention: timedelta,
    ) -> None:
        self._store = store
        self._workflow = workflow
        self._items = items
        self._uploads = uploads
        self._clock = clock
        self._retention = retention

    def earlier(self, keyed: KeyedRequest | None) -> Batch | None:
        """Return the batch of an earlier request with the same idempotency key. Raise `IdempotencyMismatch` if that
        had another body."""
        found = self._store.find_by_key(keyed.tenant, keyed.key_hash) if keyed else None
        if keyed is None or found is None or found.expired(self._clock()):
            return None
        return self._joined(found, keyed)

    def submit(self, wanted: NewBatch) -> tuple[Batch, bool]:
        """Create a batch and start its execution. Return the batch, and whether an earlier request with the same
        idempotency key created it.

        Raise `InvalidInput` if its upload cannot be used, and `IdempotencyMismatch` if the key belongs to another
        request. The batch is written first. If this process ends before the execution is started, the schedule starts
        it.
        """
        if wanted.upload_id is not None:
            self._uploads.check(wanted.tenant, [FileReference(("upload_id",), wanted.upload_id, "items")])
        batch = self._new(wanted)
        if wanted.items is not None:
            self._items.write(batch.items_key, wanted.items)
        try:
            self._store.create(batch)
        except StaleBatch as error:
            if wanted.keyed is None or error.current is None:
                raise ServiceUnavailable(service="table") from error
            return self._joined(error.current, wanted.keyed), True
        self._workflow.start(batch)
        return batch, False

    def _new(self, wanted: NewBatch) -> Batch:
        now, keyed = self._clock(), wanted.keyed
        plain = str(ULID.from_datetime(now))
        batch = Batch(
            tenant=wanted.tenant,
            batch_id=with_key(plain, keyed.key_hash) if keyed else plain,
            plugin=wanted.plugin,
            tool=wanted.tool,
            plugin_version=wanted.plugin_version,
            timeout_s=float(wanted.timeout_s),
            max_concurrency=wanted.max_concurrency,
            items_key="",
            status=BatchStatus.PREPARING,
            created_at=now,
            updated_at=now,
            expires_at=now + self._retention,
            look_at=now + LOOK_AFTER,
            total=None if wanted.items is None else len(wanted.items),
            tolerated_failures=wanted.tolerated_failures,
            deadline_at=deadline_after(now, wanted.deadline_s),
            webhook=wanted.webhook,
            key_id=wanted.key_id,
            key_limit=wanted.key_limit,
            key_hash=keyed.key_hash if keyed else None,
            request_hash=keyed.request_hash if keyed else None,
        )
        if wanted.upload_id is not None:
            return replace(batch, items_key=Upload.of_id(wanted.upload_id).key(wanted.tenant))
        # The name contains a new ULID: two requests with one idempotency key in the same millisecond have the
        # same batch id, but not the same items.
        return replace(batch, items_key=f"{batch.folder}/items-{plain}.jsonl")

    @staticmethod
    def _joined(first: Batch, keyed: KeyedRequest) -> Batch:
        if first.request_hash != keyed.request_hash:
            raise IdempotencyMismatch
        return first

    def get(self, tenant: str, batch_id: str) -> Batch:
        """Read a batch. Raise `NotFound`."""
        batch = self._store.get(tenant, batch_id)
        if batch is None or batch.batch_id != batch_id:
            raise NotFound(f"There is no batch {batch_id!r}.")
        return batch

    def page(self, tenant: str, *, limit: int, before_id: str | None) -> tuple[Sequence[Batch], str | None]:
        """Return a page of batches, newest first, and the id to continue after (None: no more)."""
        return self._store.page(tenant, limit=limit, before_id=before_id)

    # --- Stopping ---

    def cancel(self, tenant: str, batch_id: str, reason: str | None) -> Batch:
        """Stop a batch, and start the workflow execution that ends it. If an earlier request failed before it started
        that execution, a repeated request starts it.

        Raise `AlreadyFinished` if the batch has finished with a status other than cancelled.
        """
        batch = self._stop(
            self.get(tenant, batch_id), lambda batch, now: batches.cancel_requested(batch, reason=reason, now=now)
        )
        if batch.finished and batch.status is not BatchStatus.CANCELLED:
            raise AlreadyFinished("The batch has already finished.", status=batch.status.value)
        return batch

    def stop_over_tolerance(self, tenant: str, batch_id: str) -> None:
        """Stop a batch with more failed items than it tolerates. Do nothing if the batch has finished or expired."""
        with suppress(NotFound):
            self._stop(self.get(tenant, batch_id), lambda batch, now: batches.over_tolerance(batch, now=now))

    def _stop(self, batch: Batch, stopped: Callable[[Batch, datetime], Batch]) -> Batch:
        # The status is written before the execution is stopped: from then on, no item starts, even if a worker has
        # already received it.
        while not batch.stopping:
            before = batch
            try:
                batch = self._store.change(before, stopped(before, self._clock()))
            except StaleBatch:
                # This loop ends: statuses only move forward, and other writes are made a few times at most.
                batch = self.get(before.tenant, before.batch_id)
                continue
            self._workflow.stop(before, "the batch is stopped")
        if not batch.finished:
            self._workflow.start(batch)
        return batch

    # --- Restarting ---

    def restart_lapsed(self) -> int:
        """Restart the executions of unfinished batches if they have ended. Return the number of batches checked.

        An execution that cannot be started is left for the next time, and does not delay the others.
        """
        looked_at = 0
        for batch in self._store.with_lapsed_lease(self._clock()):
            looked_at += 1
            try:
                self._look_at(batch)
            except ServiceUnavailable:
                logger.exception("the batch was not looked at", extra={"batch_id": batch.batch_id})
        return looked_at

    def _look_at(self, batch: Batch) -> None:
        if batch.expires_at - self._clock() < TIME_TO_END and not batch.stopping:
            batch = self._stop(batch, lambda batch, now: batches.outlived(batch, now=now))
        runs = self._workflow.start(batch)
        after = batches.looked_at(batch, self._clock() + LOOK_AFTER, restarted=not runs)
        try:
            after = self._store.change(batch, after)
        except StaleBatch:
            return  # the batch was stopped or has finished: the other process has started the execution it needs
        if not runs:
            self._workflow.start(after)


def finished(batch: Batch) -> Batch:
    """Return the batch. Raise `NotFinished`."""
    if not batch.finished:
        raise NotFinished(f"The batch is {batch.status}.", status=batch.status.value)
    return batch
