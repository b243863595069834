"""The error envelope. Separate from `interlock.http.responses`, because the console needs no resolver."""

from datetime import datetime
from typing import cast

from interlock.domain.errors import ErrorInfo
from interlock.domain.times import rfc3339, utc_now
from interlock.http import documents


def error_object(
    error: ErrorInfo,
    *,
    plugin: str | None = None,
    tool: str | None = None,
    job_id: str | None = None,
    at: datetime | None = None,
) -> documents.Error:
    """Return the inner object of the error envelope."""
    return {
        "type": error.type,
        "code": error.code,
        "message": error.message,
        "details": cast("documents.ErrorDetails", dict(error.details)),
        "plugin": plugin,
        "tool": tool,
        "job_id": job_id,
        "retryable": error.retryable,
        "timestamp": rfc3339(at or utc_now()),
    }
