"""The routes below `/v1/jobs`, to the letter of the HTTP contract."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.events import EMPTY_LOG, dropped_event, log_event, progress_event, state_event
from interlock.domain.job import Job, Progress
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.manifest import PluginManifest
from interlock.jobs.service import NewJob
from tests.fakes.envelope import refused
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.sandbox import answered
from tests.fakes.world import Answer, World

JOB = {
    "job_id", "plugin", "tool", "plugin_version", "status", "attempt", "progress", "created_at", "started_at",
    "completed_at", "updated_at", "expires_at", "execution_time_ms", "timeout_s", "cancel", "error",
}  # fmt: skip
UNFINISHED = [status for status in JobStatus if status not in FINAL]
UNKNOWN = "01J00000000000000000000000"


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


# --- The list ---


def listed(world: World, **query: str | list[str]) -> Answer:
    return world.request("GET", "/v1/jobs", query={name: [v] if isinstance(v, str) else v for name, v in query.items()})


def given_jobs(world: World) -> dict[str, str]:
    """Store a job of each status and tool, and one of another tenant; return the ids by status or tool."""
    ids = {}
    for status in JobStatus:
        world.clock.advance(1)
        job = a_job(status, job_id=world.core.service.new(_wanted()).job_id)
        world.jobs.create(job)
        ids[status.value] = job.job_id
    for word, plugin, tool in (("shout", "echo", "shout"), ("other", "other", "say")):
        world.clock.advance(1)
        job = a_job(job_id=world.core.service.new(_wanted()).job_id, plugin=plugin, tool=tool)
        world.jobs.create(job)
        ids[word] = job.job_id
    world.jobs.create(replace(a_job(), tenant="rival"))
    return ids


def _wanted() -> NewJob:
    return NewJob("acme", "echo", "say", "1.0.0", 20.0)


def test_jobs_of_the_tenant_are_listed_newest_first(world: World) -> None:
    ids = given_jobs(world)
    answer = listed(world)
    assert answer.status == 200
    assert set(answer.body) == {"jobs", "count", "next_cursor"}
    assert [job["job_id"] for job in answer.body["jobs"]] == sorted(ids.values(), reverse=True)
    assert (answer.body["count"], answer.body["next_cursor"]) == (len(ids), None)
    assert all(set(job) == JOB for job in answer.body["jobs"])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"status": "failed"}, {"failed"}),
        ({"status": ["failed", "succeeded"]}, {"failed", "succeeded"}),
        ({"status": "done"}, {"succeeded"}),
        ({"status": "success"}, {"succeeded"}),
        ({"status": "error"}, {"failed"}),
        ({"status": "queued"}, {"pending", "shout", "other"}),
        ({"status": ["queued", "pending"], "tool": "shout"}, {"shout"}),
        ({"plugin": "other"}, {"other"}),
        ({"plugin": "echo", "status": "queued"}, {"pending", "shout"}),
        ({"plugin": "echo", "tool": "shout"}, {"shout"}),
        ({"tool": "shout"}, {"shout"}),
        ({"plugin": "nope"}, set()),
        ({"tool": "nope"}, set()),
        ({"plugin": "other", "tool": "say", "status": "pending"}, {"other"}),
        ({"plugin": "echo#say"}, set()),
    ],
)
def test_list_filters_can_be_combined(world: World, query: dict[str, Any], words: set[str]) -> None:
    ids = given_jobs(world)
    answer = listed(world, **query)
    assert {job["job_id"] for job in answer.body["jobs"]} == {ids[word] for word in words}
    assert answer.body["count"] == len(words)


@pytest.mark.parametrize(
    "now", [a_plugin("echo", a_tool("whisper")), a_broken_plugin("echo")], ids=["renamed", "unavailable"]
)
def test_jobs_of_a_removed_tool_are_listed(world: World, tmp_path: Path, now: PluginManifest) -> None:
    job_id = world.execute(tool="shout").body["job_id"]
    redeployed = World(tmp_path / "redeployed", now, store=world.store)
    for query in ({"tool": "shout"}, {"plugin": "echo", "tool": "shout"}):
        assert [job["job_id"] for job in listed(redeployed, **query).body["jobs"]] == [job_id]
    assert listed(redeployed, tool="whisper").body["jobs"] == []


@pytest.mark.parametrize("limit", ["1", "2", "9", "100"])
def test_pages_list_each_job_once_while_new_jobs_arrive(world: World, limit: str) -> None:
    ids = given_jobs(world)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        answer = listed(world, limit=limit, **({"cursor": cursor} if cursor else {}))
        assert answer.body["count"] == len(answer.body["jobs"]) <= int(limit)
        seen += [job["job_id"] for job in answer.body["jobs"]]
        cursor = answer.body["next_cursor"]
        if cursor is None:
            break
        world.clock.advance(1)
        world.submit()
    assert seen == sorted(ids.values(), reverse=True)


def test_default_page_size_is_fifty(world: World) -> None:
    for _ in range(51):
        world.clock.advance(0.001)
        world.submit()
    assert listed(world).body["count"] == 50
    assert listed(world, limit="51").body["next_cursor"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "-1"},
        {"limit": "1.0"},
        {"limit": "ten"},
        {"limit": "²"},
        {"limit": ""},
        {"limit": "9" * 5000},
        {"limit": "0000000001000"},
        {"limit": ["5", "6"]},
        {"status": "finished"},
        {"status": ""},
        {"status": "FAILED"},
        {"status": ["failed", "nope"]},
        {"plugin": ""},
        {"plugin": ["a", "b"]},
        {"plugin": "x" * 65},
        {"tool": "x" * 5000},
        {"cursor": ""},
        {"cursor": "nope"},
        {"cursor": "ä"},
        {"cursor": "=" * 8},
        {"cursor": UNKNOWN},
        {"offset": "5"},
        {"Limit": "5"},
    ],
)
def test_invalid_query_values_return_400(world: World, query: dict[str, Any]) -> None:
    refused(listed(world, **query), 400, "invalid_request", "ValidationError")


@pytest.mark.parametrize("other", [{"plugin": "echo"}, {"tool": "say"}, {"status": "pending"}])
def test_cursor_is_refused_for_another_query(world: World, other: dict[str, str]) -> None:
    given_jobs(world)
    cursor = listed(world, limit="1").body["next_cursor"]
    refused(listed(world, limit="1", cursor=cursor, **other), 400, "invalid_request", "ValidationError")
    assert listed(world, limit="2", cursor=cursor).status == 200  # the page size may change


def test_cursor_is_refused_for_another_tenant(world: World) -> None:
    given_jobs(world)
    cursor = listed(world, limit="1").body["next_cursor"]
    answer = world.request("GET", "/v1/jobs", query={"limit": ["1"], "cursor": [cursor]}, tenant="rival")
    refused(answer, 400, "invalid_request", "ValidationError")


def test_order_of_statuses_does_not_change_the_query(world: World) -> None:
    given_jobs(world)
    one = world.request("GET", "/v1/jobs", query={"limit": ["1"], "status": ["pending", "failed"]})
    cursor = one.body["next_cursor"]
    another = {"limit": ["1"], "status": ["error", "queued"], "cursor": [cursor]}
    assert world.request("GET", "/v1/jobs", query=another).status == 200


def test_cursor_secret_is_read_only_for_the_first_cursor(world: World) -> None:
    given_jobs(world)
    assert listed(world).body["next_cursor"] is None
    assert world.secrets.requested == []
    listed(world, limit="1")
    assert world.secrets.requested == ["cursors"]


# --- Cancel ---


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


# --- When a service is down ---


@pytest.mark.parametrize(("method", "path"), [*PATHS, ("GET", None)])
def test_unavailable_table_returns_503(world: World, method: str, path: str | None) -> None:
    world.jobs.down = True
    answer = world.request(method, "/v1/jobs" if path is None else f"/v1/jobs/{UNKNOWN}{path}")
    assert refused(answer, 503, "unavailable", "ServiceError")["retryable"] is True
    assert int(answer.headers["Retry-After"]) >= 1


# --- Events ---


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
