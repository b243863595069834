"""Results in answers: inline while the answer stays small enough, else by a presigned URL."""

from datetime import timedelta
from typing import Any

from interlock.documents import Documents
from interlock.domain.job import Job
from interlock.domain.times import rfc3339, utc_now

MAX_INLINE_BYTES = 5 * 1024 * 1024
"""Lambda answers at most 6 MB, envelope and escapes included."""

URL_LIFETIME = timedelta(minutes=15)


def presented(job: Job, documents: Documents, result: Any = None) -> Any:
    """The result as an answer shows it; `result` where it is at hand already."""
    stored = job.result
    if stored is None:
        return None
    if stored.size_bytes <= MAX_INLINE_BYTES:
        return documents.read(stored) if result is None else result
    return {
        "download_url": documents.download_url(stored, expires_in_s=int(URL_LIFETIME.total_seconds())),
        "size": stored.size_bytes,
        "expires_at": rfc3339(utc_now() + URL_LIFETIME),
    }
