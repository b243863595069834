"""Batches and their results."""

from typing import Annotated, Literal, TypedDict

from interlock.domain.batch import BatchStatus
from interlock.http.documents.errors import Error
from interlock.http.documents.jobs import Cancel
from interlock.http.documents.values import BatchId, Count, PluginName, Quantity, Schema, Time, ToolName
from interlock.http.documents.webhooks import Webhook


class BatchCounts(TypedDict):
    """Number of items by status. They add up to `total`, and follow the jobs within a second or two."""

    pending: Count
    """Items that have not started."""
    running: Count
    """Items that run, or are being cancelled."""
    succeeded: Count
    """Items with a result."""
    failed: Count
    """Items whose job failed, and those whose input does not fit."""
    timed_out: Count
    """Items that reached their limit or the deadline."""
    cancelled: Count
    """Items that were cancelled before or while they ran."""


class Batch(TypedDict):
    """A batch: many jobs of one tool."""

    batch_id: BatchId
    plugin: PluginName
    tool: ToolName
    plugin_version: str
    """Version of the plugin when the batch was created."""
    status: BatchStatus
    total: Count | None
    """Number of items, null until those of an upload have been counted."""
    counts: BatchCounts
    max_concurrency: Count
    """How many items may run at the same time. Not above the job limit of the API key."""
    tolerated_failures: str | None
    """How many items may fail or time out: a number, or a share such as `5%`. Null tolerates all."""
    timeout_s: Quantity
    """Limit of each run in seconds."""
    deadline_at: Time | None
    """Time at which all items are over, wherever they are then, if the request set `deadline_s`."""
    created_at: Time
    started_at: Time | None
    """Time at which all jobs had been created."""
    completed_at: Time | None
    updated_at: Time
    expires_at: Time
    """Time after which the batch, its jobs and its results are deleted."""
    webhook: Webhook | None
    cancel: Cancel | None
    error: Error | None
    """Why the batch failed: `too_many_failures`; `timeout` if it did not end before it would have been deleted; or why
    its items could not be read, such as `invalid_request`."""


class BatchMessage(TypedDict):
    """The body of the message about a batch that has ended."""

    type: Literal["batch.finished"]
    """The event of the batch."""
    timestamp: Time
    data: Batch
    """The batch as it was when the message was sent."""


class BatchList(TypedDict):
    """A page of batches, newest first."""

    batches: list[Batch]
    count: Count
    """Number of batches on this page."""
    next_cursor: str | None
    """Value of `cursor` for the next page. Null on the last page."""


class BatchResults(TypedDict):
    """A link to the results of a batch as JSON Lines, one item a line, in the order of the items.

    A line has `index`, `key`, `job_id`, `status`, and `result` or `error`. Results beyond 100 MiB are left out: their
    `result` is `{"job_id", "size"}`, and `GET /v1/jobs/{job_id}/result` has them.
    """

    download_url: Annotated[str, Schema(format="uri")]
    """URL to GET the results from. No key is needed."""
    size: Count
    """Size of the results in bytes."""
    expires_at: Time
