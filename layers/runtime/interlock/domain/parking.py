"""The steps of a parked job as pure functions: its tool has requested input from the client and ended its run.

A parked job has no worker, no process and no running execution of the workflow. Its client sees it as `running`,
because its tool has begun, until the responses start the next attempt. Each step adds an event, so that two of them
never overwrite each other: a write that adds an event is conditional on the events that it was based on.
"""

from collections.abc import Iterable, Mapping
from copy import replace
from datetime import datetime, timedelta
from typing import Any

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import Event, log_event
from interlock.domain.job import Job, Progress, ended, over, start_lease_extended
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import NO_CLIENT_INPUT, Outcome, past_deadline

RESPONSE_WINDOW = timedelta(hours=24)
"""How long a parked job waits for responses, unless its deadline is earlier."""


def may_park(job: Job, outcome: Outcome) -> bool:
    """Return whether a job waits for its client after this run, instead of ending with the outcome."""
    requests = input_requests(outcome.error)
    given = job.client_input or NO_CLIENT_INPUT
    return bool(requests.keys() - given.responses.keys()) and given.supports(requests)


def input_requests(error: ErrorInfo | None) -> Mapping[str, Any]:
    """Return the input requests of a run that ended with this error, none for any other error."""
    found: Mapping[str, Any] = {}
    if error is not None and error.code is ErrorCode.INPUT_REQUIRED:
        found = error.details["input_requests"]
    return found


def outstanding(job: Job) -> dict[str, Any]:
    """Return the input requests that a parked job waits for, by key, none for other jobs."""
    waits = job.parked and job.status is JobStatus.RUNNING
    return job.client_input.outstanding if waits and job.client_input else {}


def parked(
    job: Job,
    outcome: Outcome,
    *,
    now: datetime,
    result: None,
    progress: Progress | None,
    news: Iterable[Event] = (),
) -> Job:
    """Return the job after a run that requested input. If its cancel was requested, it is cancelled: the run is over.

    The parameters are those of `interlock.domain.job.ended`.
    """
    if job.status is JobStatus.CANCELLING:
        stopped = replace(Outcome.cancelled("stopped"), execution_time_ms=outcome.execution_time_ms)
        return ended(job, stopped, now=now, result=result, progress=progress, news=news)
    given = replace(job.client_input or NO_CLIENT_INPUT, requests=dict(input_requests(outcome.error)))
    waits = log_event("info", "log", f"waits for input from the client: {', '.join(given.outstanding)}", now)
    after = replace(
        job,
        client_input=given,
        worker_id=None,
        updated_at=now,
        execution_time_ms=(job.execution_time_ms or 0) + outcome.execution_time_ms,
        progress=progress or job.progress,
        events=job.events.adding([*news, waits]),
    )
    return start_lease_extended(after, now + RESPONSE_WINDOW)


def responded(job: Job, responses: Mapping[str, Any], *, now: datetime, start_by: datetime) -> Job:
    """Return the parked job with responses to outstanding requests. With the last one, its start lease begins."""
    given = job.client_input or NO_CLIENT_INPUT
    given = replace(given, responses={**given.responses, **responses})
    arrived = log_event("info", "log", f"input from the client arrived: {', '.join(responses)}", now)
    after = replace(job, client_input=given, updated_at=now, events=job.events.adding([arrived]))
    return after if given.outstanding else start_lease_extended(after, start_by)


def given_up(job: Job, *, now: datetime) -> Job:
    """Return the parked job ended without the responses: by a cancel, by its deadline, or after `RESPONSE_WINDOW`."""
    if job.status is JobStatus.CANCELLING:
        # The run of a parked job has ended, so nothing has to be stopped.
        cancel = job.cancel and replace(job.cancel, outcome="stopped")
        error = ErrorInfo(ErrorCode.CANCELLED, "The job was cancelled while it waited for input from the client.")
        return over(job, JobStatus.CANCELLED, now, cancel=cancel, error=error)
    if job.overdue(now):
        error = past_deadline("The deadline of the job passed while it waited for input from the client.")
        return over(job, JobStatus.TIMED_OUT, now, error=error)
    requests = job.client_input.outstanding if job.client_input else {}
    hours = RESPONSE_WINDOW // timedelta(hours=1)
    message = f"The tool requested input from the client, which did not respond within {hours} hours."
    error = ErrorInfo(ErrorCode.INPUT_REQUIRED, message, {"input_requests": requests})
    return over(job, JobStatus.FAILED, now, error=error)
