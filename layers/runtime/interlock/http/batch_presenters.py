"""Present batches as the response documents of the contract."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from interlock.domain.batch import Batch
from interlock.domain.times import rfc3339
from interlock.domain.webhook import Delivery
from interlock.http import documents
from interlock.http.envelope import error_object
from interlock.http.presenters import cancel_document, webhook_document


def batch_document(batch: Batch, deliveries: Sequence[Delivery] | None = None) -> documents.Batch:
    """Return a batch as `GET /v1/batches/{id}` shows it, with the deliveries of its webhook if they are known."""
    counts = batch.counts
    return {
        "batch_id": batch.batch_id,
        "plugin": batch.plugin,
        "tool": batch.tool,
        "plugin_version": batch.plugin_version,
        "status": batch.status,
        "total": batch.total,
        "counts": {
            "pending": counts.pending(batch.total) if batch.total is not None else 0,
            "running": counts.running,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "timed_out": counts.timed_out,
            "cancelled": counts.cancelled,
        },
        "max_concurrency": batch.max_concurrency,
        "tolerated_failures": batch.tolerated_failures,
        "timeout_s": batch.timeout_s,
        "deadline_at": _time(batch.deadline_at),
        "created_at": rfc3339(batch.created_at),
        "started_at": _time(batch.started_at),
        "completed_at": _time(batch.completed_at),
        "updated_at": rfc3339(batch.updated_at),
        "expires_at": rfc3339(batch.expires_at),
        "webhook": webhook_document(batch.webhook, deliveries) if batch.webhook else None,
        "cancel": cancel_document(batch.cancel) if batch.cancel else None,
        "error": _error(batch),
    }


def _error(batch: Batch) -> documents.Error | None:
    if batch.error is None:
        return None
    at = batch.completed_at or batch.updated_at
    return error_object(batch.error, plugin=batch.plugin, tool=batch.tool, at=at)


def batch_list(batches: Iterable[Batch], next_cursor: str | None) -> documents.BatchList:
    """Return a page of batches."""
    page = [batch_document(batch) for batch in batches]
    return {"batches": page, "count": len(page), "next_cursor": next_cursor}


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
