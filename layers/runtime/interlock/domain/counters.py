"""The changes that the start and the end of a job make to the counters of its tool."""

from datetime import datetime

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.job import Job
from interlock.domain.job_status import CLAIMED
from interlock.domain.metrics import MetricsDelta


def starting_delta(job: Job, now: datetime) -> MetricsDelta:
    """Return what the start of a job adds to the counters."""
    return MetricsDelta(plugin=job.plugin, tool=job.tool, in_flight=1, at=now)


def ending_delta(before: Job | None, after: Job) -> MetricsDelta:
    """Return what the end of a job adds to the counters. `before` is None if the job was not written before."""
    return MetricsDelta(
        plugin=after.plugin,
        tool=after.tool,
        in_flight=-1 if before is not None and before.status in CLAIMED else 0,
        at=after.updated_at,
        status=after.status,
        error=after.error.code if after.error else None,
        elapsed_ms=after.execution_time_ms,
        reason=_unavailable_reason(after.error),
    )


def _unavailable_reason(error: ErrorInfo | None) -> str | None:
    return str(error.details["reason"]) if error and error.code is ErrorCode.PLUGIN_UNAVAILABLE else None
