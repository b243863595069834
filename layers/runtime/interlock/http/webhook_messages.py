"""The messages of webhooks, as documents of the HTTP contract."""

import json
from typing import Any

from interlock.domain.job import Job
from interlock.domain.json_text import as_unicode_text
from interlock.domain.problems import shortened
from interlock.domain.times import rfc3339
from interlock.domain.webhook import WebhookEvent
from interlock.http.presenters import job_document

MAX_RESULT_BYTES = 16 * 1024
"""Size of a result that a message contains."""

MAX_MESSAGE_BYTES = 20 * 1024


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
    if _too_large(text) and data["error"] is not None:
        data["error"] |= {"details": {}, "message": shortened(data["error"]["message"])}
        text = as_unicode_text(message)
    return text


def _too_large(text: str) -> bool:
    return len(text.encode()) > MAX_MESSAGE_BYTES
