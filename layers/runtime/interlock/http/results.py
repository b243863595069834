"""Results in answers: inline while the answer stays small enough, else by a presigned URL."""

import json
from datetime import timedelta
from typing import Any

from interlock.domain.job import Job, StoredJson
from interlock.domain.times import rfc3339, utc_now
from interlock.http.documents import Download
from interlock.jobs.documents import Documents, as_text

MAX_INLINE_BYTES = 5_000_000
"""Of a result's JSON text, as it is stored."""

MAX_ESCAPED_BYTES = 6 * 1024 * 1024 - 64 * 1024
"""Lambda hands on 6 MiB, and an answer's body is a JSON string in it: each quote and backslash takes two bytes. The
rest is for headers and for what stands around the result."""

URL_LIFETIME = timedelta(minutes=15)


def presented(job: Job, documents: Documents, result: Any = None) -> Any:
    """The result as an answer shows it; `result` where it is at hand already."""
    stored = job.result
    if stored is None:
        return None
    if stored.size_bytes <= MAX_INLINE_BYTES:
        if stored.size_bytes * 2 <= MAX_ESCAPED_BYTES:
            return documents.read(stored) if result is None else result
        text = documents.text(stored) if result is None else as_text(result)
        if _escaped_bytes(text) <= MAX_ESCAPED_BYTES:
            return json.loads(text) if result is None else result
    return _download(stored, documents)


def _escaped_bytes(text: str) -> int:
    """The size of JSON text as a string in JSON: it is ASCII, and has no control characters that are not escaped."""
    return len(text) + text.count('"') + text.count("\\")


def _download(stored: StoredJson, documents: Documents) -> Download:
    expires_at = utc_now() + URL_LIFETIME
    return {
        "download_url": documents.download_url(stored, expires_in_s=int(URL_LIFETIME.total_seconds())),
        "size": stored.size_bytes,
        "expires_at": rfc3339(expires_at),
    }
