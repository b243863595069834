"""Jobs as tasks (https://modelcontextprotocol.github.io/ext-tasks): the id of a task is that of its job."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from interlock.domain.errors import ErrorCode
from interlock.domain.job import CancelOutcome, Job
from interlock.domain.job_status import JobStatus
from interlock.domain.manifest import ToolManifest
from interlock.domain.parking import outstanding
from interlock.domain.times import rfc3339
from interlock.jobs.execute import SYNC_LIMIT_S

POLL_INTERVAL_MS = 1000
"""A running job stores its progress and reads a requested cancel this often."""

SERVICE_FAILURES = frozenset({ErrorCode.PLUGIN_UNAVAILABLE, ErrorCode.UNKNOWN_PLUGIN, ErrorCode.UNKNOWN_TOOL,
                              ErrorCode.WORKER_LOST, ErrorCode.UNAVAILABLE})  # fmt: skip
"""Codes of jobs that failed before or independently of their tool. They are returned as an error, not as a result."""

_OUTCOMES: Mapping[CancelOutcome | None, str] = {
    None: "Cancelling: the tool is being stopped.",
    "prevented": "Cancelled (prevented): the tool never started.",
    "stopped": "Cancelled (stopped): the tool yielded, and its process is gone.",
    "killed": "Cancelled (killed): the tool did not yield, and its process is gone.",
    "too_late": "The cancel came too late (too_late): the tool had ended.",
}


def needs_task(tool: ToolManifest) -> bool:
    """Return whether a call of the tool becomes a task, if the client supports them."""
    return tool.task != "auto" or tool.timeout_s > SYNC_LIMIT_S


def task_document(job: Job) -> dict[str, Any]:
    """Return the task of a job, without its result."""
    message, requests = _message(job), outstanding(job)
    return {
        "taskId": job.job_id,
        "status": _status(job),
        **({"statusMessage": message} if message else {}),
        "createdAt": rfc3339(job.created_at),
        "lastUpdatedAt": rfc3339(job.updated_at),
        # Counted from `createdAt`: together they are the time at which the job is removed.
        "ttlMs": (job.expires_at - job.created_at) // timedelta(milliseconds=1),
        "pollIntervalMs": POLL_INTERVAL_MS,
        **({"inputRequests": requests} if requests else {}),
    }


def _status(job: Job) -> str:
    if not job.finished:
        return "input_required" if outstanding(job) else "working"
    if job.status is JobStatus.CANCELLED:
        return "cancelled"
    return "failed" if job.error and job.error.code in SERVICE_FAILURES else "completed"


def _message(job: Job) -> str:
    if job.cancel is not None:
        return _OUTCOMES[job.cancel.outcome]
    if job.error is not None:
        return job.error.message
    if job.finished:
        return "The tool has succeeded."
    if job.parked:
        keys = ", ".join(outstanding(job))
        return (
            f"The tool waits for input from the client: {keys}." if keys else "The input from the client has arrived."
        )
    if job.progress is not None:
        return f"{job.progress.fraction:.0%} {job.progress.message}".strip()
    return "The tool is running." if job.status is JobStatus.RUNNING else "The job waits for a worker."
