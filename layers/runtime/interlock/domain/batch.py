"""A batch of jobs, its statuses and counts, and the steps of its life as pure functions."""

import math
from collections.abc import Iterable, Mapping
from copy import replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from msgspec import Struct

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.job import Cancel
from interlock.domain.job_status import CLAIMED, FINAL, IllegalTransition, JobStatus
from interlock.domain.webhook import Subject, Webhook, WebhookEvent

MAX_ITEMS = 10_000
MAX_BATCH_BYTES = 100 * 1024 * 1024
"""Maximum size of a batch's items, and of its results."""

MAX_BATCH_CONCURRENCY, DEFAULT_BATCH_CONCURRENCY = 1000, 10


class BatchLimits(Struct, frozen=True):
    """The limits of a stack: items of a batch, and how many of them may run at the same time. `default_concurrency`
    applies to requests without `max_concurrency`."""

    items: int = MAX_ITEMS
    concurrency: int = MAX_BATCH_CONCURRENCY
    default_concurrency: int = DEFAULT_BATCH_CONCURRENCY

    def concurrency_of(self, wanted: float | None, key_limit: int | None) -> int:
        """Return how many items of a batch may run at the same time, given its request and the limit of its API key."""
        asked = self.default_concurrency if wanted is None else int(wanted)
        return min(asked, self.concurrency, key_limit or asked)


class BatchStatus(StrEnum):
    """The status of a batch. PREPARING: its jobs are being created. CANCELLING: no further item starts, and those that
    run are being stopped."""

    PREPARING = "preparing"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_TRANSITIONS: Mapping[BatchStatus, frozenset[BatchStatus]] = {
    BatchStatus.PREPARING: frozenset({BatchStatus.RUNNING, BatchStatus.CANCELLING, BatchStatus.FAILED}),
    BatchStatus.RUNNING: frozenset({BatchStatus.CANCELLING, BatchStatus.SUCCEEDED, BatchStatus.FAILED}),
    BatchStatus.CANCELLING: frozenset({BatchStatus.CANCELLED, BatchStatus.SUCCEEDED, BatchStatus.FAILED}),
    BatchStatus.SUCCEEDED: frozenset(),
    BatchStatus.FAILED: frozenset(),
    BatchStatus.CANCELLED: frozenset(),
}

BATCH_FINAL = frozenset(status for status, following in _TRANSITIONS.items() if not following)
"""Statuses that never change."""


class BatchCounts(Struct, frozen=True):
    """The jobs of a batch by status. `running` includes those that are being cancelled; all others are pending."""

    running: int = 0
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    cancelled: int = 0
    tolerated: int | None = None
    """How many jobs may fail or time out, None for all."""

    @classmethod
    def of(cls, statuses: Iterable[JobStatus]) -> Self:
        found = list(statuses)
        by_final = {status.value: found.count(status) for status in FINAL}
        return cls(running=sum(status in CLAIMED for status in found), **by_final)

    @property
    def over_tolerance(self) -> bool:
        return self.tolerated is not None and self.failed + self.timed_out > self.tolerated

    def pending(self, total: int) -> int:
        return total - self.running - self.succeeded - self.failed - self.timed_out - self.cancelled


class Batch(Struct, frozen=True, kw_only=True):
    """One batch. Its items are in the object `items_key`; `total` is None until they have been counted.

    `round` numbers its workflow executions: a cancel and a restart begin another one. `version` numbers its writes. At
    `look_at`, the schedule checks whether the execution is still running. `started_at` is when all of its jobs had been
    created. `key_id`, `key_limit`, `key_hash` and `request_hash` are as in `interlock.domain.job.Job`.

    `counts` are final if the batch is finished, and what has been counted so far otherwise.
    """

    tenant: str
    batch_id: str
    plugin: str
    tool: str
    plugin_version: str
    timeout_s: float
    max_concurrency: int
    items_key: str
    status: BatchStatus
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    look_at: datetime | None = None
    total: int | None = None
    tolerated_failures: str | None = None
    deadline_at: datetime | None = None
    webhook: Webhook | None = None
    round: int = 1
    version: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    cancel: Cancel | None = None
    error: ErrorInfo | None = None
    results_bytes: int | None = None
    key_id: str | None = None
    key_limit: int | None = None
    key_hash: str | None = None
    request_hash: str | None = None
    counts: BatchCounts = BatchCounts()

    @property
    def finished(self) -> bool:
        return self.status in BATCH_FINAL

    @property
    def stopping(self) -> bool:
        """Whether no item may start any more."""
        return self.finished or self.status is BatchStatus.CANCELLING

    @property
    def subject(self) -> Subject:
        """The batch as the subject of messages."""
        return Subject(self.tenant, self.batch_id, is_batch=True)

    @property
    def results_key(self) -> str:
        """The key of the object with the results."""
        return f"{self.folder}/results.jsonl"

    @property
    def folder(self) -> str:
        """The common prefix of the keys of the batch's objects."""
        return f"batches/{self.tenant}/{self.batch_id}"

    @property
    def tolerated(self) -> int | None:
        """How many of its items may fail or time out, None for all. A share is rounded down."""
        given = self.tolerated_failures
        if given is None:
            return None
        return math.floor((self.total or 0) * float(given[:-1]) / 100) if given.endswith("%") else int(given)

    def expired(self, now: datetime) -> bool:
        """Return whether the batch may be removed. Its idempotency key is then free."""
        return self.finished and self.expires_at < now


class WatchedBatch(Struct, frozen=True):
    """The fields of a batch that its events depend on, and its webhook."""

    tenant: str
    batch_id: str
    status: BatchStatus
    webhook: Webhook | None = None

    @property
    def subject(self) -> Subject:
        return Subject(self.tenant, self.batch_id, is_batch=True)

    def events_since(self, old: Self | None) -> tuple[WebhookEvent, ...]:
        """Return the events of a change. `old` is ignored if it was another batch, which this one has replaced."""
        was_over = old is not None and old.batch_id == self.batch_id and old.status in BATCH_FINAL
        return (WebhookEvent.FINISHED,) * (self.status in BATCH_FINAL and not was_over)


def _advance(current: BatchStatus, to: BatchStatus) -> BatchStatus:
    if to not in _TRANSITIONS[current]:
        raise IllegalTransition(f"{current} -> {to}")
    return to


def counted(batch: Batch, total: int, *, now: datetime) -> Batch:
    """Return the batch with the number of its items."""
    return replace(batch, total=total, updated_at=now)


def prepared(batch: Batch, *, now: datetime) -> Batch:
    """Return the batch whose jobs have all been created: its items may run, unless it is being cancelled."""
    status = batch.status if batch.stopping else _advance(batch.status, BatchStatus.RUNNING)
    return replace(batch, status=status, started_at=now, updated_at=now)


def cancel_requested(batch: Batch, *, reason: str | None, now: datetime) -> Batch:
    """Return the batch that is to be stopped because its caller has cancelled it."""
    return _stopping(replace(batch, cancel=batch.cancel or Cancel(now, reason)), now)


def over_tolerance(batch: Batch, *, now: datetime) -> Batch:
    """Return the batch that is to be stopped because more of its items failed than are tolerated."""
    return _stopping(replace(batch, error=too_many_failures(batch.tolerated)), now)


def _stopping(batch: Batch, now: datetime) -> Batch:
    status = _advance(batch.status, BatchStatus.CANCELLING)
    return replace(batch, status=status, round=batch.round + 1, updated_at=now)


def too_many_failures(tolerated: int | None) -> ErrorInfo:
    """Return the error of a batch of which more items failed than are tolerated."""
    return ErrorInfo(
        ErrorCode.TOO_MANY_FAILURES, f"More items failed than the {tolerated or 0} that tolerated_failures permits."
    )


def looked_at(batch: Batch, look_at: datetime, *, restarted: bool) -> Batch:
    """Return the batch after the schedule has checked its execution, with a new round if the execution is restarted."""
    return replace(batch, look_at=look_at, round=batch.round + restarted)


def outlived(batch: Batch, *, now: datetime) -> Batch:
    """Return the batch that is to be stopped because it, its jobs and their results are about to be removed."""
    message = "The batch did not end within the time for which batches are kept."
    return _stopping(replace(batch, error=ErrorInfo(ErrorCode.TIMEOUT, message, {"limit": "retention"})), now)


def unprepared(batch: Batch, error: ErrorInfo, *, now: datetime) -> Batch:
    """Return the batch that is to be stopped because its items cannot be read any more: some may have jobs."""
    status = batch.status if batch.stopping else _advance(batch.status, BatchStatus.CANCELLING)
    return replace(batch, status=status, error=error, updated_at=now)


def unreadable(batch: Batch, error: ErrorInfo, *, now: datetime) -> Batch:
    """Return the batch as failed, because its items cannot be read. It has no jobs."""
    cancel = batch.cancel and replace(batch.cancel, outcome="too_late")
    return replace(_over(batch, BatchStatus.FAILED, now), total=0, cancel=cancel, error=error, counts=BatchCounts())


def finished(batch: Batch, counts: BatchCounts, results_bytes: int, *, now: datetime) -> Batch:
    """Return the batch whose jobs have all finished, with its results.

    A cancel was `too_late` if it stopped no item. The batch then ends as if it had not been cancelled.
    """
    counts = replace(counts, tolerated=batch.tolerated)
    error = batch.error or (too_many_failures(batch.tolerated) if counts.over_tolerance else None)
    status = BatchStatus.FAILED if error else BatchStatus.SUCCEEDED
    if batch.cancel is not None:
        took_effect = counts.cancelled > 0 and batch.error is None
        batch = replace(batch, cancel=replace(batch.cancel, outcome="stopped" if took_effect else "too_late"))
        if took_effect:
            status, error = BatchStatus.CANCELLED, ErrorInfo(ErrorCode.CANCELLED, "The batch was cancelled.")
    return replace(_over(batch, status, now), error=error, counts=counts, results_bytes=results_bytes)


def _over(batch: Batch, status: BatchStatus, now: datetime) -> Batch:
    return replace(
        batch, status=_advance(batch.status, status), completed_at=now, updated_at=now, look_at=None, results_bytes=0
    )
