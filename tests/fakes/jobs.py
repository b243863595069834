"""Jobs in each status."""

import secrets
from copy import replace
from datetime import timedelta
from typing import Any

from ulid import ULID

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Cancel, Job, StoredJson
from interlock.domain.job_id import with_key
from interlock.domain.job_status import FINAL, JobStatus
from tests.fakes.outside import NOON

UNFINISHED = [status for status in JobStatus if status not in FINAL]


def a_job(status: JobStatus = JobStatus.PENDING, **fields: Any) -> Job:
    """Return a job in this status; `fields` override the defaults."""
    given: dict[str, Any] = {
        "tenant": "acme",
        "job_id": str(ULID.from_datetime(NOON)),
        "plugin": "echo",
        "tool": "say",
        "plugin_version": "1.0.0",
        "timeout_s": 20.0,
        "status": status,
        "created_at": NOON,
        "updated_at": NOON,
        "expires_at": NOON + timedelta(days=7),
        "input": StoredJson(15, text='{"text":"hello"}'),
    }
    if status not in FINAL:
        given["lease_expires_at"] = NOON + timedelta(seconds=15)
    else:
        given["completed_at"] = NOON
    if status is not JobStatus.PENDING:
        given |= {"attempt": 1, "started_at": NOON, "worker_id": None if status in FINAL else "worker-1"}
    if status is JobStatus.CANCELLING:
        given["cancel"] = Cancel(NOON, "not needed")
    if status is JobStatus.CANCELLED:
        given["cancel"] = Cancel(NOON, "not needed", "stopped")
        given["error"] = ErrorInfo(ErrorCode.CANCELLED, "The job was cancelled.")
    if status is JobStatus.FAILED:
        given["error"] = ErrorInfo(ErrorCode.PLUGIN_EXCEPTION, "no luck", {"exception": "ValueError"})
    if status is JobStatus.TIMED_OUT:
        given["error"] = ErrorInfo(ErrorCode.TIMEOUT, "The tool ran over its limit of 20 s.", {"timeout_s": 20.0})
    if status is JobStatus.SUCCEEDED:
        given["result"] = StoredJson(16, text='{"text":"hello"}')
    if status in FINAL:
        given["execution_time_ms"] = 12.5
    return Job(**(given | fields))


def keyed(job: Job, key: str = "key", body: Any = None) -> Job:
    """Return the job as a request with this idempotency key and body would create it."""
    request = KeyedRequest.of(job.tenant, key, body)
    return replace(
        job,
        job_id=with_key(str(ULID.from_datetime(job.created_at)), request.key_hash),
        key_hash=request.key_hash,
        request_hash=request.request_hash,
        write_id=secrets.token_hex(8),
    )


def counted_job(
    status: JobStatus, *, error: ErrorCode | None = None, elapsed_ms: float | None = 10.0, **fields: Any
) -> Job:
    """Return a new job in this status, for tests of the counters. If it is finished, it has this error and time."""
    details = {"reason": fields.pop("reason", "")} if error is ErrorCode.PLUGIN_UNAVAILABLE else {}
    end: dict[str, Any] = {
        "error": error and ErrorInfo(error, "message", details),
        "execution_time_ms": elapsed_ms,
    }
    return a_job(status, job_id=str(ULID()), **((end if status in FINAL else {}) | fields))
