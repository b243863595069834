"""The counters of a tool: the change that each step of a job adds to them."""

from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.counters import delta
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics, bucket_of
from tests.fakes.jobs import UNFINISHED, a_job
from tests.fakes.outside import NOON

LATER = NOON + timedelta(seconds=3)
ID = "01JDABCDEFGHJKMNPQRSTVWXYZ"
OTHER_ID = "01JDABCDEFGHJKMNPQRSTVWXY0"
PENDING, RUNNING, CANCELLING = (a_job(status, job_id=ID) for status in UNFINISHED)
PARKED = a_job(JobStatus.RUNNING, job_id=ID, worker_id=None)
FINDING = ForkFinding("1.0.0", "runs threads")
STARTED, LEFT = ExecutionMetrics(in_flight=1, as_of=LATER), ExecutionMetrics(in_flight=-1, as_of=LATER)


def at(job: Job, **changes: Any) -> Job:
    """Return the job with these changes, made at `LATER`."""
    return replace(job, updated_at=LATER, **changes)


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (None, PENDING, None),
        (PENDING, RUNNING, STARTED),
        (RUNNING, RUNNING, None),
        (RUNNING, CANCELLING, None),
        (RUNNING, PARKED, LEFT),
        (PARKED, RUNNING, STARTED),
        (a_job(JobStatus.RUNNING, job_id=OTHER_ID), PENDING, None),
    ],
)
def test_unfinished_job_is_in_flight_only_with_a_worker(
    old: Job | None, new: Job, change: ExecutionMetrics | None
) -> None:
    assert delta(old, at(new)) == change


@pytest.mark.parametrize(
    ("status", "error", "change"),
    [
        ("succeeded", None, ExecutionMetrics(succeeded=1, lifecycle=LifecycleState.INITIALIZED, lifecycle_at=LATER)),
        (
            "failed",
            ErrorInfo(ErrorCode.PLUGIN_UNAVAILABLE, "", {"reason": "no model"}),
            ExecutionMetrics(failed=1, lifecycle=LifecycleState.UNAVAILABLE, lifecycle_at=LATER, reason="no model"),
        ),
        (
            "timed_out",
            ErrorInfo(ErrorCode.TIMEOUT, ""),
            ExecutionMetrics(timed_out=1, lifecycle=LifecycleState.FAILED, lifecycle_at=LATER),
        ),
        ("cancelled", ErrorInfo(ErrorCode.CANCELLED, ""), ExecutionMetrics(cancelled=1)),
    ],
)
@pytest.mark.parametrize("finding", [None, FINDING])
def test_end_of_a_run_adds_its_status_time_and_verdict(
    status: JobStatus, error: ErrorInfo | None, change: ExecutionMetrics, finding: ForkFinding | None
) -> None:
    end = at(
        RUNNING, status=JobStatus(status), worker_id=None, error=error, execution_time_ms=41.5, fork_finding=finding
    )
    assert delta(RUNNING, end) == replace(
        change,
        in_flight=-1,
        executed=1,
        total_ms=41.5,
        buckets={bucket_of(41.5): 1},
        last_ms=41.5,
        last_used=LATER,
        fork_finding=finding,
        fork_finding_at=LATER if finding else None,
        as_of=LATER,
    )


@pytest.mark.parametrize("old", [PENDING, None, a_job(JobStatus.FAILED, job_id=OTHER_ID)])
def test_job_that_ends_before_its_run_is_no_execution(old: Job | None) -> None:
    end = at(PENDING, status=JobStatus.CANCELLED)
    assert delta(old, end) == ExecutionMetrics(cancelled=1, as_of=LATER)


def test_finished_job_is_counted_once() -> None:
    end = at(PENDING, status=JobStatus.CANCELLED)
    assert delta(end, end) is None
