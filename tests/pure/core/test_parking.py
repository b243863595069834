"""A parked job, whose tool waits for input from the client: parking, responses, and the end without a response."""

from copy import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from interlock.domain.client_input import ELICITATION, ROOTS
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import EMPTY_LOG, log_event, state_event
from interlock.domain.job import Cancel, Job, Progress, cancel_requested
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import ClientInput, Outcome
from interlock.domain.parking import given_up, input_requests, may_park, outstanding, parked, responded
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON

LATER = NOON + timedelta(seconds=3)
START_BY = LATER + timedelta(seconds=30)
COLOR = {"method": ELICITATION, "params": {"message": "Which color?"}}
SIZE = {"method": ELICITATION, "params": {"message": "Which size?"}}
ASKED = {"color": COLOR, "size": SIZE}
RED, LARGE = {"action": "accept", "content": "red"}, {"action": "accept", "content": "large"}
REQUESTED = replace(
    Outcome.failed(ErrorCode.INPUT_REQUIRED, "needs input", input_requests=ASKED), execution_time_ms=40.5
)
HALF, LINE = Progress(0.5, "half", LATER), log_event("info", "stdout", "hello", LATER)


def running(**fields: Any) -> Job:
    """Return a running job whose client supports elicitation."""
    return a_job(JobStatus.RUNNING, **({"client_input": ClientInput((ELICITATION,))} | fields))


def waiting(responses: Any = None, **fields: Any) -> Job:
    """Return a parked job with these responses to two requests."""
    given = ClientInput((ELICITATION,), ASKED, responses or {})
    return running(client_input=given, worker_id=None, execution_time_ms=40.5, **fields)


def log_line(message: str) -> Any:
    return log_event("info", "log", message, LATER)


# --- Parking ---


@pytest.mark.parametrize(
    ("given", "error", "parks"),
    [
        (ClientInput((ELICITATION,)), REQUESTED.error, True),
        (ClientInput((ELICITATION,), responses={"color": RED}), REQUESTED.error, True),
        (ClientInput((ELICITATION,), responses={"color": RED, "size": LARGE}), REQUESTED.error, False),
        (ClientInput((ROOTS,)), REQUESTED.error, False),
        (None, REQUESTED.error, False),
        (ClientInput((ELICITATION,)), ErrorInfo(ErrorCode.PLUGIN_EXCEPTION, "no luck"), False),
        (ClientInput((ELICITATION,)), None, False),
    ],
)
def test_job_parks_only_for_requests_that_its_client_supports_and_has_not_answered(
    given: ClientInput | None, error: ErrorInfo | None, parks: bool
) -> None:
    outcome = Outcome(JobStatus.FAILED, error=error)
    assert may_park(running(client_input=given), outcome) is parks


@pytest.mark.parametrize("error", [None, ErrorInfo(ErrorCode.PLUGIN_EXCEPTION, "no luck")])
def test_other_errors_hold_no_input_requests(error: ErrorInfo | None) -> None:
    assert input_requests(error) == {}


@pytest.mark.parametrize(("before_ms", "after_ms"), [(None, 40.5), (100.0, 140.5)])
def test_parked_job_has_its_requests_and_no_worker(before_ms: float | None, after_ms: float) -> None:
    job = running(execution_time_ms=before_ms)
    assert parked(job, REQUESTED, now=LATER, result=None, progress=HALF, news=[LINE]) == replace(
        job,
        client_input=ClientInput((ELICITATION,), ASKED),
        worker_id=None,
        updated_at=LATER,
        lease_expires_at=LATER + timedelta(hours=24),
        execution_time_ms=after_ms,
        progress=HALF,
        events=EMPTY_LOG.adding([LINE, log_line("waits for input from the client: color, size")]),
    )


def test_parked_job_keeps_the_earlier_progress_and_responses() -> None:
    job = running(client_input=ClientInput((ELICITATION,), responses={"color": RED}), progress=HALF)
    after = parked(job, REQUESTED, now=LATER, result=None, progress=None)
    assert after.progress == HALF
    assert after.client_input == ClientInput((ELICITATION,), ASKED, {"color": RED})
    assert after.events == EMPTY_LOG.adding([log_line("waits for input from the client: size")])


@pytest.mark.parametrize(
    ("changes", "requests"),
    [
        ({}, {"size": SIZE}),
        ({"worker_id": "worker-1"}, {}),
        ({"status": JobStatus.CANCELLING}, {}),
        ({"client_input": None}, {}),
    ],
)
def test_only_running_parked_jobs_have_outstanding_requests(changes: Any, requests: Any) -> None:
    assert outstanding(replace(waiting({"color": RED}), **changes)) == requests


def test_cancelling_job_that_requests_input_is_cancelled() -> None:
    job = cancel_requested(running(execution_time_ms=100.0), reason="not needed", now=NOON)
    assert parked(job, REQUESTED, now=LATER, result=None, progress=HALF, news=[LINE]) == replace(
        job,
        status=JobStatus.CANCELLED,
        cancel=Cancel(NOON, "not needed", "stopped"),
        error=ErrorInfo(ErrorCode.CANCELLED, "The job was cancelled."),
        client_input=None,
        worker_id=None,
        lease_expires_at=None,
        completed_at=LATER,
        updated_at=LATER,
        execution_time_ms=140.5,
        progress=HALF,
        events=job.events.adding([LINE, state_event(JobStatus.CANCELLED, LATER)]),
    )


# --- Responses ---


@pytest.mark.parametrize(
    ("before", "responses", "lease_expires_at", "message"),
    [
        ({}, {"color": RED}, NOON + timedelta(seconds=15), "input from the client arrived: color"),
        ({"color": RED}, {"size": LARGE}, START_BY, "input from the client arrived: size"),
        ({}, {"color": RED, "size": LARGE}, START_BY, "input from the client arrived: color, size"),
    ],
)
def test_job_may_start_again_with_the_last_response(
    before: Any, responses: Any, lease_expires_at: datetime, message: str
) -> None:
    job = waiting(before)
    assert responded(job, responses, now=LATER, start_by=START_BY) == replace(
        job,
        client_input=ClientInput((ELICITATION,), ASKED, before | responses),
        updated_at=LATER,
        lease_expires_at=lease_expires_at,
        events=EMPTY_LOG.adding([log_line(message)]),
    )


# --- Giving up ---

UNANSWERED = "The tool requested input from the client, which did not respond within 24 hours."


@pytest.mark.parametrize("deadline_at", [None, LATER + timedelta(milliseconds=1)])
def test_job_without_a_response_fails_with_its_outstanding_requests(deadline_at: datetime | None) -> None:
    job = waiting({"color": RED}, deadline_at=deadline_at)
    error = ErrorInfo(ErrorCode.INPUT_REQUIRED, UNANSWERED, {"input_requests": {"size": SIZE}})
    assert given_up(job, now=LATER) == _over(job, JobStatus.FAILED, error=error)


def test_parked_job_times_out_at_its_deadline() -> None:
    job = waiting(deadline_at=LATER)
    message = "The deadline of the job passed while it waited for input from the client."
    error = ErrorInfo(ErrorCode.TIMEOUT, message, {"limit": "deadline"})
    assert given_up(job, now=LATER) == _over(job, JobStatus.TIMED_OUT, error=error)


def test_cancelled_parked_job_counts_as_stopped() -> None:
    job = cancel_requested(waiting(deadline_at=NOON), reason="not needed", now=NOON)
    error = ErrorInfo(ErrorCode.CANCELLED, "The job was cancelled while it waited for input from the client.")
    cancel = Cancel(NOON, "not needed", "stopped")
    assert given_up(job, now=LATER) == _over(job, JobStatus.CANCELLED, error=error, cancel=cancel)


def test_cancel_of_a_parked_job_ends_its_lease_at_once() -> None:
    job = waiting()
    assert cancel_requested(job, reason=None, now=LATER) == replace(
        job,
        status=JobStatus.CANCELLING,
        cancel=Cancel(LATER),
        lease_expires_at=LATER - timedelta(milliseconds=1),
        updated_at=LATER,
        events=EMPTY_LOG.adding([state_event(JobStatus.CANCELLING, LATER)]),
    )


def _over(job: Job, status: JobStatus, **changes: Any) -> Job:
    """Return the job with a final status as of `LATER`, and with these changes."""
    events = job.events.adding([state_event(status, LATER)])
    times: dict[str, Any] = {"completed_at": LATER, "updated_at": LATER, "lease_expires_at": None}
    return replace(job, status=status, client_input=None, events=events, **times, **changes)
