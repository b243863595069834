"""The steps of a batch as pure functions, its counts and its limits."""

from collections.abc import Callable
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.batch import (
    Batch,
    BatchCounts,
    BatchLimits,
    BatchStatus,
    cancel_requested,
    counted,
    finished,
    looked_at,
    outlived,
    over_tolerance,
    prepared,
    unprepared,
    unreadable,
)
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.job import Cancel
from interlock.domain.job_status import IllegalTransition, JobStatus
from tests.fakes.batches import a_batch
from tests.fakes.outside import NOON

LATER, NEXT_LOOK = NOON + timedelta(seconds=3), NOON + timedelta(minutes=15)
NO_ITEMS = ErrorInfo(ErrorCode.INVALID_INPUT, "The items cannot be read.")
TOO_MANY = ErrorInfo(ErrorCode.TOO_MANY_FAILURES, "More items failed than the 2 that tolerated_failures permits.")
RETAINED = ErrorInfo(
    ErrorCode.TIMEOUT, "The batch did not end within the time for which batches are kept.", {"limit": "retention"}
)
CANCELLED = ErrorInfo(ErrorCode.CANCELLED, "The batch was cancelled.")
WANTED = Cancel(NOON, "not needed")
STOPPED, TOO_LATE = replace(WANTED, outcome="stopped"), replace(WANTED, outcome="too_late")
PREPARING, RUNNING, CANCELLING = (
    a_batch(status, batch_id="01JDABCDEFGHJKMNPQRSTVWXYZ", total=10, tolerated_failures="20%", look_at=NEXT_LOOK)
    for status in (BatchStatus.PREPARING, BatchStatus.RUNNING, BatchStatus.CANCELLING)
)


@pytest.mark.parametrize(
    ("batch", "step", "changes"),
    [
        (PREPARING, lambda batch: counted(batch, 7, now=LATER), {"total": 7}),
        (PREPARING, lambda batch: prepared(batch, now=LATER), {"status": "running", "started_at": LATER}),
        (CANCELLING, lambda batch: prepared(batch, now=LATER), {"started_at": LATER}),
        (
            PREPARING,
            lambda batch: unprepared(batch, NO_ITEMS, now=LATER),
            {"status": "cancelling", "error": NO_ITEMS},
        ),
        (CANCELLING, lambda batch: unprepared(batch, NO_ITEMS, now=LATER), {"error": NO_ITEMS}),
        (
            RUNNING,
            lambda batch: cancel_requested(batch, reason="not needed", now=LATER),
            {"status": "cancelling", "round": 2, "cancel": Cancel(LATER, "not needed")},
        ),
        (
            RUNNING,
            lambda batch: over_tolerance(batch, now=LATER),
            {"status": "cancelling", "round": 2, "error": TOO_MANY},
        ),
        (RUNNING, lambda batch: outlived(batch, now=LATER), {"status": "cancelling", "round": 2, "error": RETAINED}),
    ],
)
def test_each_step_of_a_batch_changes_only_its_own_fields(
    batch: Batch, step: Callable[[Batch], Batch], changes: dict[str, Any]
) -> None:
    assert step(batch) == replace(batch, updated_at=LATER, **_with_status(changes))


@pytest.mark.parametrize(("restarted", "round_number"), [(False, 1), (True, 2)])
def test_look_at_a_batch_sets_the_next_look_and_counts_restarts(restarted: bool, round_number: int) -> None:
    after = NEXT_LOOK + timedelta(minutes=15)
    assert looked_at(RUNNING, after, restarted=restarted) == replace(RUNNING, look_at=after, round=round_number)


@pytest.mark.parametrize("cancel", [None, WANTED])
def test_batch_whose_items_cannot_be_read_fails_without_jobs(cancel: Cancel | None) -> None:
    batch = replace(PREPARING, cancel=cancel, counts=BatchCounts(failed=1))
    assert unreadable(batch, NO_ITEMS, now=LATER) == _over(
        batch, "failed", total=0, error=NO_ITEMS, cancel=cancel and TOO_LATE, counts=BatchCounts(), results_bytes=0
    )


@pytest.mark.parametrize(
    ("batch", "counts", "changes"),
    [
        (RUNNING, BatchCounts(succeeded=8, failed=2), {"status": "succeeded"}),
        (RUNNING, BatchCounts(succeeded=7, failed=2, timed_out=1), {"status": "failed", "error": TOO_MANY}),
        (CANCELLING, BatchCounts(succeeded=10), {"status": "succeeded", "cancel": TOO_LATE}),
        (
            CANCELLING,
            BatchCounts(succeeded=9, cancelled=1),
            {"status": "cancelled", "cancel": STOPPED, "error": CANCELLED},
        ),
    ],
)
def test_finished_batch_has_its_counts_and_results(batch: Batch, counts: BatchCounts, changes: Any) -> None:
    batch = replace(batch, cancel=WANTED) if "cancel" in changes else batch
    assert finished(batch, counts, 512, now=LATER) == _over(
        batch, counts=replace(counts, tolerated=2), results_bytes=512, **changes
    )


def test_batch_stopped_for_an_error_fails_with_it_in_spite_of_a_cancel() -> None:
    batch = replace(CANCELLING, error=RETAINED, cancel=WANTED)
    counts = BatchCounts(succeeded=1, cancelled=9)
    assert finished(batch, counts, 512, now=LATER) == _over(
        batch, "failed", counts=replace(counts, tolerated=2), results_bytes=512, cancel=TOO_LATE
    )


def test_finished_batch_cannot_be_cancelled() -> None:
    with pytest.raises(IllegalTransition, match=r"^succeeded -> cancelling$"):
        cancel_requested(a_batch(BatchStatus.SUCCEEDED), reason=None, now=LATER)


@pytest.mark.parametrize(("tolerated", "number"), [("0", 0), ("1", 1), ("29%", 2)])
def test_error_of_too_many_failures_names_the_tolerated_number(tolerated: str, number: int) -> None:
    error = over_tolerance(replace(RUNNING, tolerated_failures=tolerated), now=LATER).error
    message = f"More items failed than the {number} that tolerated_failures permits."
    assert error == ErrorInfo(ErrorCode.TOO_MANY_FAILURES, message)


@pytest.mark.parametrize(
    ("status", "seconds", "expired"),
    [("succeeded", 0, False), ("succeeded", 0.001, True), ("running", 0.001, False)],
)
def test_finished_batch_may_be_removed_after_its_expiry(status: str, seconds: float, expired: bool) -> None:
    batch = a_batch(BatchStatus(status), expires_at=NOON)
    assert batch.expired(NOON + timedelta(seconds=seconds)) is expired


def test_counts_of_statuses_include_cancelling_jobs_as_running() -> None:
    statuses = [status for n, status in enumerate(JobStatus, 1) for _ in range(n)]
    counts = BatchCounts.of(statuses)
    assert counts == BatchCounts(running=2 + 3, succeeded=4, failed=5, timed_out=6, cancelled=7)
    assert counts.pending(len(statuses)) == 1


@pytest.mark.parametrize(
    ("wanted", "key_limit", "concurrency"),
    [(None, None, 10), (5, None, 5), (5, 20, 5), (50, 20, 20), (50, None, 30), (None, 3, 3)],
)
def test_concurrency_is_the_smallest_of_request_stack_and_key(
    wanted: float | None, key_limit: int | None, concurrency: int
) -> None:
    assert BatchLimits(concurrency=30).concurrency_of(wanted, key_limit) == concurrency


def _over(batch: Batch, status: str, **changes: Any) -> Batch:
    """Return the batch with a final status as of `LATER`, and with these changes."""
    times: dict[str, Any] = {"completed_at": LATER, "updated_at": LATER, "look_at": None}
    return replace(batch, status=BatchStatus(status), **times, **changes)


def _with_status(changes: dict[str, Any]) -> dict[str, Any]:
    return changes | ({"status": BatchStatus(changes["status"])} if "status" in changes else {})
