"""Cancelling below `/v1/jobs`, to the letter of the HTTP contract."""

from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.job_status import FINAL, JobStatus
from tests.fakes.envelope import refused
from tests.fakes.jobs import a_job
from tests.fakes.world import Answer, World


def cancel(world: World, job_id: str, form: str = "POST", body: Any = None, text: str | None = None) -> Answer:
    if form == "POST":
        return world.request("POST", f"/v1/jobs/{job_id}/cancel", body, text=text)
    return world.request("DELETE", f"/v1/jobs/{job_id}", body, text=text)


@pytest.mark.parametrize("form", ["POST", "DELETE"])
def test_cancelling_a_pending_job_returns_200_and_prevents_it(world: World, form: str) -> None:
    job_id = world.submit()
    answer = cancel(world, job_id, form, {"reason": "not needed"})
    assert answer.status == 200
    assert answer.body["status"] == "cancelled"
    assert answer.body["cancel"] == {
        "requested_at": "2026-11-22T12:00:00.000Z",
        "reason": "not needed",
        "outcome": "prevented",
    }
    assert answer.body["error"]["code"] == "cancelled"
    assert world.workflow.stopped == [job_id]
    world.runner.run_pending("acme", job_id, deadline=Deadline.after(800))
    assert world.sandbox.runs == []


@pytest.mark.parametrize("form", ["POST", "DELETE"])
def test_cancelling_a_running_job_returns_202(world: World, form: str) -> None:
    job = a_job(JobStatus.RUNNING)
    world.jobs.create(job)
    answer = cancel(world, job.job_id, form)
    assert answer.status == 202
    assert answer.body["status"] == "cancelling"
    assert answer.body["cancel"] == {"requested_at": "2026-11-22T12:00:00.000Z", "reason": None, "outcome": None}
    assert answer.body == world.request("GET", f"/v1/jobs/{job.job_id}").body


@pytest.mark.parametrize(("status", "http"), [(JobStatus.CANCELLING, 202), (JobStatus.CANCELLED, 200)])
def test_repeated_cancel_returns_the_same_body(world: World, status: JobStatus, http: int) -> None:
    job = a_job(status)
    world.jobs.create(job)
    answer = cancel(world, job.job_id, body={"reason": "again"})
    assert answer.status == http
    assert answer.body == world.request("GET", f"/v1/jobs/{job.job_id}").body
    assert answer.body["cancel"]["reason"] == "not needed"


@pytest.mark.parametrize("status", sorted(FINAL - {JobStatus.CANCELLED}))
def test_cancelling_a_finished_job_returns_409(world: World, status: JobStatus) -> None:
    job = a_job(status)
    world.jobs.create(job)
    error = refused(cancel(world, job.job_id), 409, "already_finished", "ConflictError")
    assert error["details"] == {"status": status.value}
    assert (error["plugin"], error["tool"], error["job_id"]) == ("echo", "say", job.job_id)
    assert world.jobs.all_jobs == [job]


@pytest.mark.parametrize("body", [{}, {"reason": None}, {"reason": ""}, {"reason": "ä" * 500}])
def test_cancel_reason_is_optional(world: World, body: dict[str, Any]) -> None:
    assert cancel(world, world.submit(), body=body).body["cancel"]["reason"] == body.get("reason")


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"reason": 1}', '{"reason": "' + "x" * 501 + '"}', '{"why": ""}'])
def test_invalid_cancel_body_returns_400_and_cancels_nothing(world: World, text: str) -> None:
    job_id = world.submit()
    refused(cancel(world, job_id, text=text), 400, "invalid_request", "ValidationError")
    assert world.request("GET", f"/v1/jobs/{job_id}").body["status"] == "pending"
