"""The deadline of a run, the deadlines derived from it, and the outcome of a run past the deadline of its job."""

import math
import time
from collections.abc import Callable

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome

ADVICE = "Run it asynchronously."
DEADLINE = Deadline(100.0, 20.0, ADVICE, "deadline")


@pytest.mark.parametrize(
    ("derive", "expected"),
    [
        (lambda deadline: deadline.earlier(1.5), Deadline(98.5, 20.0, ADVICE, "deadline")),
        (lambda deadline: deadline.no_later_than(90.0), Deadline(90.0, 20.0, ADVICE, "deadline")),
        (lambda deadline: deadline.no_later_than(110.0), DEADLINE),
        (lambda deadline: deadline.limited(5.0), Deadline(100.0, 5.0, ADVICE, "deadline")),
        (lambda deadline: deadline.advising("Split it."), Deadline(100.0, 20.0, "Split it.", "deadline")),
    ],
)
def test_derived_deadline_changes_only_what_it_is_derived_for(
    derive: Callable[[Deadline], Deadline], expected: Deadline
) -> None:
    assert derive(DEADLINE) == expected


def test_earlier_deadline_of_the_job_bounds_its_run() -> None:
    before = time.monotonic()
    bounded = Deadline(math.inf, 20.0, ADVICE).of_job(10.0)
    assert (bounded.limit_s, bounded.advice, bounded.limit) == (20.0, ADVICE, "deadline")
    assert before + 10.0 <= bounded.at <= time.monotonic() + 10.0


def test_later_deadline_of_the_job_does_not_extend_its_run() -> None:
    deadline = Deadline(time.monotonic() + 5.0, 20.0, ADVICE)
    assert deadline.of_job(10.0) == deadline


def test_run_past_the_deadline_of_its_job_times_out_with_that_limit() -> None:
    message = "The deadline of the job passed while its tool was running."
    error = ErrorInfo(ErrorCode.TIMEOUT, message, {"limit": "deadline"})
    assert Outcome.past_deadline("killed") == Outcome(JobStatus.TIMED_OUT, error=error, stopped="killed")
