"""`GET /v1/jobs/{id}/events`, to the letter of the HTTP contract."""

import pytest

from interlock.domain.events import EMPTY_LOG, dropped_event, log_event, progress_event, state_event
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from tests.fakes.envelope import refused
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.fakes.world import World
from tests.pure.core.endpoint_jobs import given_jobs


def a_job_with_events() -> Job:
    news = [
        state_event(JobStatus.PENDING, NOON),
        log_event("info", "stdout", "hello", NOON),
        progress_event(0.5, "half", NOON),
        dropped_event(7, NOON),
    ]
    return a_job(JobStatus.RUNNING, events=EMPTY_LOG.adding(news))


def test_events_of_a_job_are_returned_in_order(world: World) -> None:
    job = a_job_with_events()
    world.jobs.create(job)
    answer = world.request("GET", f"/v1/jobs/{job.job_id}/events")
    at = "2026-11-22T12:00:00.000Z"
    assert (answer.status, answer.body) == (
        200,
        {
            "events": [
                {"seq": 1, "at": at, "type": "state", "status": "pending"},
                {"seq": 2, "at": at, "type": "log", "level": "info", "stream": "stdout", "message": "hello"},
                {"seq": 3, "at": at, "type": "progress", "fraction": 0.5, "message": "half"},
                {"seq": 4, "at": at, "type": "dropped", "count": 7, "message": "7 earlier events were dropped"},
            ],
            "next": 4,
        },
    )


@pytest.mark.parametrize(
    ("after", "seqs", "then"), [("0", [1, 2, 3, 4], 4), ("2", [3, 4], 4), ("4", [], 4), ("99", [], 99)]
)
def test_events_after_a_sequence_number_are_returned(world: World, after: str, seqs: list[int], then: int) -> None:
    job = a_job_with_events()
    world.jobs.create(job)
    body = world.request("GET", f"/v1/jobs/{job.job_id}/events", query={"after": [after]}).body
    assert ([event["seq"] for event in body["events"]], body["next"]) == (seqs, then)


@pytest.mark.parametrize("after", ["-1", "1.5", "x", "1e3", "9" * 10, "", "٣"])
def test_invalid_value_of_after_is_refused(world: World, after: str) -> None:
    job_id = given_jobs(world)["running"]
    answer = world.request("GET", f"/v1/jobs/{job_id}/events", query={"after": [after]})
    assert "after" in refused(answer, 400, "invalid_request", "ValidationError")["message"]


def test_too_large_value_of_after_names_the_maximum(world: World) -> None:
    path = f"/v1/jobs/{given_jobs(world)['running']}/events"
    assert world.request("GET", path, query={"after": ["999999999"]}).status == 200
    answer = world.request("GET", path, query={"after": ["1000000000"]})
    assert "from 0 to 999999999" in refused(answer, 400, "invalid_request", "ValidationError")["message"]


def test_reading_events_settles_an_abandoned_job(world: World) -> None:
    job = a_job_with_events()
    world.jobs.create(job)
    world.clock.advance(3600)
    events = world.request("GET", f"/v1/jobs/{job.job_id}/events").body["events"]
    assert (events[-1]["type"], events[-1]["status"]) == ("state", "failed")
