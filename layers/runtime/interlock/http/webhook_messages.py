"""The messages of webhooks, as documents of the HTTP contract."""

import json
from typing import Any

from interlock.domain.batch import Batch
from interlock.domain.job import Job
from interlock.domain.json_text import as_unicode_text
from interlock.domain.problems import shortened
from interlock.domain.times import rfc3339
from interlock.domain.webhook import WebhookEvent
from interlock.http.batch_presenters import batch_document
from interlock.http.presenters import job_document

MAX_RESULT_BYTES = 16 * 1024
"""Maximum size of a result that a message contains."""

MAX_MESSAGE_BYTES = 20 * 1024


def batch_message(batch: Batch) -> str:
    """Return the message about the end of a batch. A message that would be too large lacks the details of the error."""
    message: dict[str, Any] = {
        "type": f"batch.{WebhookEvent.FINISHED}",
        "timestamp": rfc3339(batch.completed_at or batch.updated_at),
        "data": {**batch_document(batch)},
    }
    return _without_details(message, as_unicode_text(message))


def job_message(event: WebhookEvent, job: Job) -> str:
    """Return the message about an event of a job, with the job as it is now.

    A message that would be too large lacks the result, and then the details of the error.
    """
    started = event is WebhookEvent.STARTED
    data: dict[str, Any] = {**job_document(job)}
    message = {
        "type": f"job.{'started' if started else job.status}",
        "timestamp": rfc3339((job.started_at if started else job.completed_at) or job.updated_at),
        "data": data,
    }
    result = job.result
    if not started and result is not None and result.text is not None and result.size_bytes <= MAX_RESULT_BYTES:
        data["result"] = json.loads(result.text)
    text = as_unicode_text(message)
    if _too_large(text) and data.pop("result", None) is not None:
        text = as_unicode_text(message)
    return _without_details(message, text)


def _without_details(message: dict[str, Any], text: str) -> str:
    """Return the text of a message, without the details of its error if it is too large with them."""
    error = message["data"]["error"]
    if error is None or not _too_large(text):
        return text
    error |= {"details": {}, "message": shortened(error["message"])}
    return as_unicode_text(message)


def _too_large(text: str) -> bool:
    return len(text.encode()) > MAX_MESSAGE_BYTES
