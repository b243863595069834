"""The documents of batches."""

from typing import Any, Literal, NotRequired, TypedDict

from interlock_client.documents import Cancel, ErrorDocument, Status, Webhook

type BatchStatus = Literal["preparing", "running", "cancelling", "succeeded", "failed", "cancelled"]

BATCH_FINAL = frozenset({"succeeded", "failed", "cancelled"})
"""The final statuses of batches."""


class BatchCounts(TypedDict):
    """The number of items of a batch by status."""

    pending: int
    running: int
    succeeded: int
    failed: int
    timed_out: int
    cancelled: int


class BatchDocument(TypedDict):
    """A batch. Times are RFC 3339 in UTC."""

    batch_id: str
    plugin: str
    tool: str
    plugin_version: str
    status: BatchStatus
    total: int | None
    counts: BatchCounts
    max_concurrency: int
    tolerated_failures: str | None
    timeout_s: float
    deadline_at: str | None
    created_at: str
    started_at: str | None
    completed_at: str | None
    updated_at: str
    expires_at: str
    webhook: Webhook | None
    cancel: Cancel | None
    error: ErrorDocument | None


class BatchResult(TypedDict):
    """The line of an item in the results of a batch."""

    index: int
    key: str | None
    job_id: str
    status: Status
    result: NotRequired[Any]
    error: NotRequired[ErrorDocument]
