"""`deadline_s` of `POST /v1/execute`: pending jobs never start after it, and running ones are stopped."""

from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.job_status import JobStatus
from interlock.sandbox import Ending, TimedOut
from tests.fakes.envelope import refused
from tests.fakes.outside import NOON
from tests.fakes.sandbox import Run
from tests.fakes.world import World


def deadline_ends(run: Run) -> Ending:
    """Return the ending of a run that was stopped at the deadline of its job."""
    return TimedOut(pid=1, how="killed", while_loading=False, past_deadline=True)


def test_job_shows_its_deadline(world: World) -> None:
    answer = world.execute(prefer="respond-async", deadline_s=90.5)
    assert answer.status == 202
    assert answer.body["deadline_at"] == "2026-11-22T12:01:30.500Z"
    assert world.request("GET", "/v1/jobs").body["jobs"][0]["deadline_at"] == "2026-11-22T12:01:30.500Z"
    assert world.execute(prefer="respond-async").body["deadline_at"] is None


@pytest.mark.parametrize("deadline_s", [1, 86_400, 1.5, None])
def test_bounds_of_the_deadline_are_accepted(world: World, deadline_s: float | None) -> None:
    assert world.execute(prefer="respond-async", deadline_s=deadline_s).status == 202


@pytest.mark.parametrize("deadline_s", [0, 0.999, 86_400.5, -1, "60", True, [60]])
def test_invalid_deadline_is_400_and_names_the_field(world: World, deadline_s: Any) -> None:
    answer = world.execute(prefer="respond-async", deadline_s=deadline_s)
    error = refused(answer, 400, "invalid_request", "ValidationError")
    assert error["details"]["errors"][0]["path"] == "/deadline_s"
    assert world.jobs.all_jobs == []


def test_deadline_of_a_synchronous_run_is_400_and_says_what_to_do(world: World) -> None:
    error = refused(world.execute(deadline_s=60), 400, "invalid_request", "ValidationError")
    assert error["details"]["errors"][0]["path"] == "/deadline_s"
    assert "respond-async" in error["message"]
    assert world.sandbox.runs == []


def test_the_same_deadline_in_another_notation_is_the_same_request(world: World) -> None:
    def send(deadline_s: float) -> Any:
        body = {"plugin": "echo", "input": {"text": "x"}, "deadline_s": deadline_s}
        headers = {"Prefer": "respond-async", "Idempotency-Key": "k"}
        return world.request("POST", "/v1/execute", body, headers=headers)

    assert send(60).body == send(60.0).body
    assert send(61).status == 422


def test_pending_job_past_its_deadline_never_starts(world: World) -> None:
    job_id = world.submit(deadline_s=5)
    world.clock.advance(5)
    job = world.run_submitted(job_id)
    assert job is not None
    assert job.status is JobStatus.TIMED_OUT
    assert world.sandbox.runs == []
    answer = world.request("GET", f"/v1/jobs/{job_id}").body
    assert (answer["status"], answer["attempt"], answer["started_at"]) == ("timed_out", 0, None)
    assert (answer["error"]["code"], answer["error"]["type"]) == ("timeout", "ExecutionError")
    assert answer["error"]["details"] == {"limit": "deadline"}
    events = world.request("GET", f"/v1/jobs/{job_id}/events").body["events"]
    assert [event["status"] for event in events] == ["pending", "timed_out"]


def test_pending_job_just_before_its_deadline_starts(world: World) -> None:
    job_id = world.submit(deadline_s=5)
    world.clock.advance(4.999)
    job = world.run_submitted(job_id)
    assert job is not None
    assert job.status is JobStatus.SUCCEEDED
    assert world.sandbox.runs[0].limits.deadline.left_s <= 0.001


def test_reader_ends_an_overdue_job_without_waiting_for_the_start_lease(world: World) -> None:
    job_id = world.submit(deadline_s=5)
    world.clock.advance(5.001)
    result = world.request("GET", f"/v1/jobs/{job_id}/result").body
    assert (result["status"], result["error"]["details"]) == ("timed_out", {"limit": "deadline"})
    refused(world.request("POST", f"/v1/jobs/{job_id}/cancel"), 409, "already_finished", "ConflictError")


def test_run_has_the_time_until_the_deadline(world: World) -> None:
    job_id = world.submit(tool="shout", deadline_s=30)
    world.clock.advance(10)
    world.run_submitted(job_id)
    limits = world.sandbox.runs[0].limits
    assert 19 < limits.deadline.left_s <= 20
    assert world.request("GET", f"/v1/jobs/{job_id}").body["timeout_s"] == 100.0


def test_run_that_is_stopped_at_the_deadline_names_that_limit(world: World) -> None:
    job_id = world.submit(tool="shout", deadline_s=30)
    world.sandbox.script = deadline_ends
    world.run_submitted(job_id)
    job = world.request("GET", f"/v1/jobs/{job_id}").body
    assert (job["status"], job["attempt"], job["error"]["code"]) == ("timed_out", 1, "timeout")
    assert job["error"]["details"] == {"limit": "deadline"}
    # The caller sets the deadline, so the plugin was not at fault.
    assert world.request("GET", "/v1/plugins/echo/health").body["state"] == "LOADED"


def test_loading_that_is_stopped_at_the_deadline_is_a_timeout_of_the_job(world: World) -> None:
    job_id = world.submit(tool="shout", deadline_s=3)
    world.sandbox.script = lambda _: TimedOut(pid=1, how="killed", while_loading=True, past_deadline=True)
    world.run_submitted(job_id)
    assert world.request("GET", f"/v1/jobs/{job_id}").body["error"]["details"] == {"limit": "deadline"}


def test_limit_of_the_tool_before_the_deadline_is_named_as_such(world: World) -> None:
    job_id = world.submit(deadline_s=600)
    world.sandbox.script = lambda _: TimedOut(pid=1, how="killed", while_loading=False)
    world.run_submitted(job_id)
    details = world.request("GET", f"/v1/jobs/{job_id}").body["error"]["details"]
    assert details == {"timeout_s": 20.0, "limit": "timeout_s"}
    assert world.request("GET", "/v1/plugins/echo/health").body["state"] == "FAILED"


def test_schedule_ends_jobs_at_their_deadline(world: World) -> None:
    early, late = world.submit(deadline_s=5), world.submit(deadline_s=600)
    world.clock.advance(6)
    assert world.core.service.settle_lapsed() == 1
    assert {job.job_id: job.status for job in world.jobs.all_jobs} == {early: "timed_out", late: "pending"}
    assert world.jobs.metrics("echo")["say"].timed_out == 1


def test_start_lease_is_extended_up_to_the_deadline(world: World) -> None:
    job_id = world.submit(deadline_s=90)
    world.clock.advance(61)
    assert world.core.service.get("acme", job_id).lease_expires_at == NOON + timedelta(seconds=90)
