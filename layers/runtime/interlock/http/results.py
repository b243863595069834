"""Results in responses: inline if the response stays small enough, otherwise a presigned URL."""

import json
from datetime import timedelta
from typing import Any

from interlock.domain.job import Job, StoredJson
from interlock.domain.json_text import as_text
from interlock.domain.times import rfc3339, utc_now
from interlock.http.documents import Download
from interlock.jobs.documents import Documents

MAX_INLINE_BYTES = 5_000_000
"""Limit of a result's JSON text as stored."""

MAX_ESCAPED_BYTES = 6 * 1024 * 1024 - 64 * 1024
"""Lambda's response limit is 6 MiB. The body is a JSON string in it, in which quotes and backslashes take two bytes. 64
KiB are kept for headers and the rest of the document."""

URL_LIFETIME = timedelta(minutes=15)


def presented(job: Job, documents: Documents, result: Any = None) -> Any:
    """Return the result as a response shows it. `result` is passed if it is in memory already."""
    stored = job.result
    if stored is None:
        return None
    if stored.size_bytes <= MAX_INLINE_BYTES:
        if stored.size_bytes * 2 <= MAX_ESCAPED_BYTES:
            return documents.read(stored) if result is None else result
        text = documents.text(stored) if result is None else as_text(result)
        if fits(text):
            return json.loads(text) if result is None else result
    return download(stored, documents)


def fits(text: str) -> bool:
    """Return whether JSON text fits into a response as a JSON string. It is ASCII, with control characters escaped."""
    return len(text) + text.count('"') + text.count("\\") <= MAX_ESCAPED_BYTES


def download(stored: StoredJson, documents: Documents) -> Download:
    """Return a presigned URL of a result."""
    expires_at = utc_now() + URL_LIFETIME
    return {
        "download_url": documents.download_url(stored, expires_in_s=int(URL_LIFETIME.total_seconds())),
        "size": stored.size_bytes,
        "expires_at": rfc3339(expires_at),
    }
