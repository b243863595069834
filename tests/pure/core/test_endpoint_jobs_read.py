"""`GET /v1/jobs/{id}` and its result, and what all routes below `/v1/jobs` have in common."""

import json

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.job import Progress
from interlock.domain.job_status import FINAL, JobStatus
from tests.fakes.envelope import refused
from tests.fakes.jobs import UNFINISHED, a_job
from tests.fakes.outside import NOON
from tests.fakes.sandbox import answered
from tests.fakes.world import World
from tests.pure.core.endpoint_jobs import JOB, UNKNOWN

# --- One job ---


def test_job_document_has_every_field_of_the_contract(world: World) -> None:
    job = a_job(JobStatus.CANCELLING, progress=Progress(0.4, "page 2 of 5", NOON))
    world.jobs.create(job)
    answer = world.request("GET", f"/v1/jobs/{job.job_id}")
    assert answer.status == 200
    assert set(answer.body) == JOB
    assert answer.body == {
        "job_id": job.job_id,
        "plugin": "echo",
        "tool": "say",
        "plugin_version": "1.0.0",
        "status": "cancelling",
        "attempt": 1,
        "progress": {"fraction": 0.4, "message": "page 2 of 5", "at": "2026-11-22T12:00:00.000Z"},
        "created_at": "2026-11-22T12:00:00.000Z",
        "started_at": "2026-11-22T12:00:00.000Z",
        "completed_at": None,
        "updated_at": "2026-11-22T12:00:00.000Z",
        "expires_at": "2026-11-29T12:00:00.000Z",
        "execution_time_ms": None,
        "timeout_s": 20.0,
        "deadline_at": None,
        "rerun_of": None,
        "batch_id": None,
        "key": None,
        "source": "http",
        "client": None,
        "input_requests": None,
        "webhook": None,
        "cancel": {"requested_at": "2026-11-22T12:00:00.000Z", "reason": "not needed", "outcome": None},
        "error": None,
    }


@pytest.mark.parametrize("status", list(JobStatus))
def test_job_document_has_the_same_fields_in_every_status(world: World, status: JobStatus) -> None:
    job = a_job(status)
    world.jobs.create(job)
    body = world.request("GET", f"/v1/jobs/{job.job_id}").body
    assert set(body) == JOB
    assert body["status"] == status.value
    assert (body["completed_at"] is not None) == (status in FINAL)
    assert (body["error"] is not None) == (status in FINAL - {JobStatus.SUCCEEDED})


def test_error_of_a_job_equals_the_error_in_the_envelope(world: World) -> None:
    world.sandbox.script = lambda _: answered("exception", {"exception": "E", "message": "m"})
    error = world.execute().error
    world.clock.advance(5)  # `timestamp` is the time of the error, not of the request
    assert world.request("GET", f"/v1/jobs/{error['job_id']}").body["error"] == error


PATHS = [("GET", ""), ("GET", "/result"), ("GET", "/events"), ("POST", "/cancel"), ("DELETE", "")]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "job_id", [UNKNOWN, "nope", "x" * 3000, UNKNOWN.lower(), UNKNOWN + "0", "01J#acme", "%00", "ä"]
)
def test_unknown_job_returns_404(world: World, method: str, path: str, job_id: str) -> None:
    answer = world.request(method, f"/v1/jobs/{job_id}{path}")
    refused(answer, 404, "not_found", "NotFoundError")
    assert len(json.dumps(answer.body)) < 1000


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_job_of_another_tenant_returns_404_like_an_unknown_job(world: World, method: str, path: str) -> None:
    job = a_job(JobStatus.RUNNING)
    world.jobs.create(job)
    other_tenants = world.request(method, f"/v1/jobs/{job.job_id}{path}", tenant="rival")
    unknown = world.request(method, f"/v1/jobs/{UNKNOWN}{path}", tenant="rival")
    assert (
        refused(other_tenants, 404, "not_found", "NotFoundError")["message"].replace(job.job_id, UNKNOWN)
        == (refused(unknown, 404, "not_found", "NotFoundError")["message"])
    )
    assert world.jobs.all_jobs == [job]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/jobs", "jobs:read"),
        ("GET", f"/v1/jobs/{UNKNOWN}", "jobs:read"),
        ("GET", f"/v1/jobs/{UNKNOWN}/result", "jobs:read"),
        ("GET", f"/v1/jobs/{UNKNOWN}/events", "jobs:read"),
        ("POST", f"/v1/jobs/{UNKNOWN}/cancel", "jobs:cancel"),
        ("DELETE", f"/v1/jobs/{UNKNOWN}", "jobs:cancel"),
        ("GET", "/v1/plugins", "plugins:read"),
        ("GET", "/v1/plugins/echo", "plugins:read"),
        ("GET", "/v1/plugins/echo/health", "plugins:read"),
    ],
)
def test_each_route_requires_its_scope(world: World, method: str, path: str, scope: str) -> None:
    others = " ".join({"execute", "jobs:read", "jobs:cancel", "plugins:read"} - {scope})
    error = refused(world.request(method, path, scopes=others), 403, "forbidden", "PermissionError")
    assert error["details"] == {"scope": scope}
    refused(world.request(method, path, tenant=""), 401, "unauthorized", "AuthenticationError")
    assert world.request(method, path, scopes=scope).status in {200, 404}


@pytest.mark.parametrize(
    "path", ["/jobs/{id}", "/jobs/{id}/result", "/plugins", "/plugins/echo", "/plugins/echo/health"]
)
def test_unknown_query_parameters_are_refused(world: World, path: str) -> None:
    path = "/v1" + path.format(id=world.execute().body["job_id"])
    assert world.request("GET", path).status == 200
    answer = world.request("GET", path, query={"verbose": ["1"]})
    assert "'verbose'" in refused(answer, 400, "invalid_request", "ValidationError")["message"]


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("/v1/jobs", "POST", "GET"),
        (f"/v1/jobs/{UNKNOWN}", "PUT", "DELETE, GET"),
        (f"/v1/jobs/{UNKNOWN}/result", "DELETE", "GET"),
        (f"/v1/jobs/{UNKNOWN}/events", "POST", "GET"),
        (f"/v1/jobs/{UNKNOWN}/cancel", "GET", "POST"),
        ("/v1/plugins", "DELETE", "GET"),
        ("/v1/plugins/echo", "POST", "GET"),
        ("/v1/plugins/echo/health", "PATCH", "GET"),
        ("/v1/health", "POST", "GET"),
        ("/v1/openapi.json", "PUT", "GET"),
    ],
)
def test_unsupported_method_returns_405_with_allow(world: World, path: str, method: str, allow: str) -> None:
    answer = world.request(method, path)
    error = refused(answer, 405, "invalid_request", "ValidationError")
    assert ", ".join(sorted(answer.headers["Allow"].split(", "))) == allow
    assert sorted(error["details"]["allow"]) == allow.split(", ")


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/jobs", "/v1/nope", f"/v1/jobs/{UNKNOWN}/nope", "/v1/plugins/echo/x"])
def test_unknown_route_returns_404(world: World, path: str) -> None:
    refused(world.request("GET", path), 404, "not_found", "NotFoundError")


# --- The result ---


def test_result_of_a_succeeded_job_is_returned(world: World) -> None:
    finished = world.execute().body
    answer = world.request("GET", f"/v1/jobs/{finished['job_id']}/result")
    assert answer.status == 200
    assert answer.body == {**finished, "error": None}


@pytest.mark.parametrize("status", sorted(FINAL - {JobStatus.SUCCEEDED}))
def test_result_of_an_unsuccessful_job_is_200_with_the_error(world: World, status: JobStatus) -> None:
    job = a_job(status)
    world.jobs.create(job)
    answer = world.request("GET", f"/v1/jobs/{job.job_id}/result")
    assert answer.status == 200
    assert (answer.body["status"], answer.body["result"]) == (status.value, None)
    assert answer.body["error"] == world.request("GET", f"/v1/jobs/{job.job_id}").body["error"]
    assert answer.body["error"]["job_id"] == job.job_id


@pytest.mark.parametrize("status", UNFINISHED)
def test_result_of_an_unfinished_job_is_409_with_retry_after(world: World, status: JobStatus) -> None:
    job = a_job(status)
    world.jobs.create(job)
    answer = world.request("GET", f"/v1/jobs/{job.job_id}/result")
    error = refused(answer, 409, "not_finished", "ConflictError")
    assert error["details"] == {"status": status.value}
    assert (error["plugin"], error["tool"], error["job_id"]) == ("echo", "say", job.job_id)
    assert int(answer.headers["Retry-After"]) >= 1


def test_expired_result_of_a_job_is_404(world: World) -> None:
    job_id = world.submit(input={"text": "x" * 20_000})
    world.runner.run_pending("acme", job_id, deadline=Deadline.after(800))
    world.objects.texts.clear()
    refused(world.request("GET", f"/v1/jobs/{job_id}/result"), 404, "not_found", "NotFoundError")


# --- When a service is down ---


@pytest.mark.parametrize(("method", "path"), [*PATHS, ("GET", None)])
def test_unavailable_table_returns_503(world: World, method: str, path: str | None) -> None:
    world.jobs.down = True
    answer = world.request(method, "/v1/jobs" if path is None else f"/v1/jobs/{UNKNOWN}{path}")
    assert refused(answer, 503, "unavailable", "ServiceError")["retryable"] is True
    assert int(answer.headers["Retry-After"]) >= 1
