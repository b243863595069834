"""Requests that `POST /v1/execute` refuses, and services that are down."""

from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job_status import JobStatus
from tests.fakes.envelope import refused
from tests.fakes.world import World

# --- Refused before a job is created ---


def assert_nothing_started(world: World) -> None:
    assert world.jobs.all_jobs == []
    assert world.sandbox.runs == []
    assert world.workflow.running == {}


@pytest.mark.parametrize("prefer", [None, "respond-async", "respond-async, wait=5"])
@pytest.mark.parametrize(
    ("body", "code", "about"),
    [
        ({"plugin": "nope", "input": {}}, "unknown_plugin", ("nope", None)),
        ({"plugin": "echo", "tool": "nope", "input": {}}, "unknown_tool", ("echo", "nope")),
        ({"plugin": "echo", "input": {}}, "invalid_input", ("echo", "say")),
        ({"plugin": "echo", "tool": "shout", "input": {"text": 1}}, "invalid_input", ("echo", "shout")),
        ({"plugin": "echo", "input": {"text": ""}, "extra": 1}, "invalid_request", (None, None)),
        ({"plugin": "echo"}, "invalid_request", (None, None)),
        ({"input": {}}, "invalid_request", (None, None)),
    ],
)
def test_invalid_requests_are_refused_and_create_no_job(
    world: World, body: Any, code: str, about: tuple[str | None, str | None], prefer: str | None
) -> None:
    headers = {"Prefer": prefer} if prefer else None
    error = refused(world.request("POST", "/v1/execute", body, headers=headers), 400, code, "ValidationError")
    assert (error["plugin"], error["tool"], error["job_id"]) == (*about, None)
    assert_nothing_started(world)


def test_unavailable_plugin_returns_400_with_the_reason(world: World) -> None:
    answer = world.request("POST", "/v1/execute", {"plugin": "broken", "input": {}})
    error = refused(answer, 400, "plugin_unavailable", "PluginError")
    assert error["details"] == {"reason": "needs torch: not installed"}
    assert_nothing_started(world)


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("{", {}),
        ("", {}),
        ('{"plugin": "echo", "input": {"text": "x"}}', {"Content-Type": "text/plain"}),
        ('{"plugin": "echo", "input": {"text": "x"}}', {"Prefer": "respond-async, wait=21"}),
        ('{"plugin": "echo", "input": {"text": "x"}}', {"Idempotency-Key": ""}),
        ('{"plugin": "echo", "input": {"text": "x"}}', {"Idempotency-Key": "x" * 256}),
        ('{"plugin": "echo", "input": {"text": 1e999}}', {}),
        ('{"plugin": "echo", "input": {"text": ' + "[" * 1000 + "]" * 1000 + "}}", {}),
    ],
)
def test_malformed_request_returns_400(world: World, text: str, headers: dict[str, str]) -> None:
    refused(world.request("POST", "/v1/execute", text=text, headers=headers), 400, "invalid_request", "ValidationError")
    assert_nothing_started(world)


def test_missing_key_returns_401_and_missing_scope_403(world: World) -> None:
    body = {"plugin": "echo", "input": {"text": "x"}}
    refused(world.request("POST", "/v1/execute", body, tenant=""), 401, "unauthorized", "AuthenticationError")
    answer = world.request("POST", "/v1/execute", body, scopes="jobs:read jobs:cancel plugins:read")
    error = refused(answer, 403, "forbidden", "PermissionError")
    assert error["details"] == {"scope": "execute"}
    assert_nothing_started(world)


def test_missing_scope_is_reported_before_the_body_is_parsed(world: World) -> None:
    refused(world.request("POST", "/v1/execute", text="{", scopes=""), 403, "forbidden", "PermissionError")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_unsupported_method_returns_405_with_allow(world: World, method: str) -> None:
    answer = world.request(method, "/v1/execute")
    refused(answer, 405, "invalid_request", "ValidationError")
    assert answer.headers["Allow"] == "POST"


# --- When a service is down ---


@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_unavailable_table_returns_503_with_retry_after(world: World, prefer: str) -> None:
    world.jobs.down = True
    answer = world.execute(prefer=prefer or None)
    error = refused(answer, 503, "unavailable", "ServiceError")
    assert error["retryable"] is True
    assert int(answer.headers["Retry-After"]) >= 1
    assert error["message"] == f"{ServiceUnavailable.__doc__} Request id: {answer.headers['X-Request-Id']}."
    assert (error["plugin"], error["tool"]) == ("echo", "say")


def test_unavailable_workflow_returns_503_and_the_job_runs_later(world: World) -> None:
    world.workflow.down = True
    refused(world.execute(prefer="respond-async"), 503, "unavailable", "ServiceError")
    world.workflow.down = False
    world.clock.advance(61)
    [job] = world.jobs.all_jobs
    assert world.request("GET", f"/v1/jobs/{job.job_id}").status == 200
    world.runner.run_pending("acme", job.job_id, deadline=Deadline.after(800))
    assert world.jobs.all_jobs[0].status is JobStatus.SUCCEEDED
