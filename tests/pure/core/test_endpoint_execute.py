"""`POST /v1/execute`, to the letter of the HTTP contract."""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job_status import JobStatus
from interlock.domain.manifest import PluginManifest
from interlock.http import results
from interlock.jobs import execute
from interlock.sandbox import Cancelled, Crashed, Ending, MemoryExceeded, OutputTooLarge, TimedOut, WorkerLost
from tests.fakes.envelope import TIME, refused
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.sandbox import PATIENCE_S, Run, answered, echoes, succeeds_with
from tests.fakes.store import Interposed, MemoryJobs, Moment, once
from tests.fakes.world import Answer, LambdaContext, World

ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


# --- Synchronous ---


def test_successful_request_returns_200_with_the_finished_job_and_its_result(world: World) -> None:
    answer = world.execute(tool="say")
    assert answer.status == 200
    body = dict(answer.body)
    assert ULID.fullmatch(body.pop("job_id"))
    assert body.pop("execution_time_ms") >= 0
    assert body == {
        "plugin": "echo",
        "tool": "say",
        "status": "succeeded",
        "result": {"text": "hello"},
        "created_at": "2026-11-22T12:00:00.000Z",
        "started_at": "2026-11-22T12:00:00.000Z",
        "completed_at": "2026-11-22T12:00:00.000Z",
    }


def test_job_can_be_read_after_a_synchronous_request(world: World) -> None:
    job_id = world.execute().body["job_id"]
    assert world.request("GET", f"/v1/jobs/{job_id}").body["status"] == "succeeded"
    assert world.request("GET", f"/v1/jobs/{job_id}/result").body["result"] == {"text": "hello"}


def test_first_tool_of_the_manifest_is_the_default(world: World) -> None:
    assert world.execute().body["tool"] == "say"
    assert world.execute(tool="shout").body["tool"] == "shout"


@dataclass(frozen=True)
class Case:
    """How a run ends in the sandbox, and the expected response."""

    ending: Ending
    code: str
    error_type: str
    details: dict[str, Any]
    retryable: bool = False


NO_TEXT = {"path": "/text", "message": "no"}
CASES = [
    Case(
        answered("exception", {"exception": "E", "message": "m"}), "plugin_exception", "PluginError", {"exception": "E"}
    ),
    Case(
        Crashed(pid=1, exit_code=3, signal=None, while_loading=False), "plugin_crashed", "PluginError", {"exit_code": 3}
    ),
    Case(Crashed(pid=1, exit_code=None, signal=9, while_loading=False), "plugin_crashed", "PluginError", {"signal": 9}),
    Case(TimedOut(pid=1, how="killed", while_loading=False), "timeout", "ExecutionError", {"timeout_s": 20.0}),
    Case(MemoryExceeded(pid=1, resident_mb=300), "memory_exceeded", "ExecutionError", {"memory_mb": 256}),
    Case(
        OutputTooLarge(pid=1, size_bytes=10**9),
        "output_too_large",
        "PluginError",
        {"size_bytes": 10**9, "limit_bytes": 64 * 1024 * 1024},
    ),
    Case(answered("unavailable", "no"), "plugin_unavailable", "PluginError", {"reason": "no"}),
    Case(
        answered("succeeded", {}),
        "invalid_output",
        "PluginError",
        {"errors": [{"path": "/text", "message": "is required"}]},
    ),
    Case(
        answered("invalid_input", {"message": "m", "errors": [NO_TEXT]}),
        "invalid_input",
        "ValidationError",
        {"errors": [NO_TEXT]},
    ),
    Case(WorkerLost(pid=1), "worker_lost", "ExecutionError", {}, retryable=True),
]


@pytest.mark.parametrize("case", CASES, ids=[case.code for case in CASES])
def test_plugin_failures_return_400_with_their_code(world: World, case: Case) -> None:
    world.sandbox.script = lambda _: case.ending
    error = refused(world.execute(), 400, case.code, case.error_type)
    assert error["details"] == case.details
    assert (error["plugin"], error["tool"], error["retryable"]) == ("echo", "say", case.retryable)
    job = world.request("GET", f"/v1/jobs/{error['job_id']}").body
    assert job["status"] == ("timed_out" if case.code == "timeout" else "failed")
    assert job["error"] == error
    world.sandbox.script = echoes
    assert world.execute().status == 200


def test_internal_failure_returns_503_without_internal_details(world: World) -> None:
    def breaks(_: Run) -> Ending:
        raise OSError(28, "No space left", "/tmp/interlock-secret")

    world.sandbox.script = breaks
    answer = world.execute()
    error = refused(answer, 503, "unavailable", "ServiceError")
    assert "interlock-secret" not in json.dumps(answer.body)
    assert (error["retryable"], answer.headers["Retry-After"]) == (True, "2")


@pytest.mark.parametrize(
    ("own", "asked", "remaining_ms", "age_s", "effective"),
    [
        (20.0, None, 29_000, 0, 20.0),
        (20.0, 7.5, 29_000, 0, 7.5),
        (20.0, 60, 29_000, 0, 20.0),
        (100.0, None, 29_000, 0, 25.0),
        (100.0, 90, 29_000, 0, 25.0),
        (20.0, None, 13_500, 0, 10.0),
        # The request waited ten seconds for an execution environment to start.
        (20.0, None, 29_000, 10, 15.5),
        (20.0, None, 13_500, 10, 10.0),
        # A replayed event file, with an old or a future request time.
        (20.0, None, 29_000, 86_400, 20.0),
        (20.0, None, 29_000, -60, 20.0),
    ],
)
def test_time_limit_is_the_smallest_of_tool_caller_and_gateway(
    world_of: Callable[..., World],
    own: float,
    asked: float | None,
    remaining_ms: int,
    *,
    age_s: float,
    effective: float,
) -> None:
    world = world_of(a_plugin("echo", a_tool("say", timeout_s=own)))
    world.context = LambdaContext(remaining_ms)
    world.request_age_s = age_s
    world.execute(timeout_s=asked)
    # The time that the request has already taken is deducted.
    assert effective - 1 < world.sandbox.runs[0].limits.wall_s <= effective


RUN_LONGER = " Submit it with Prefer: respond-async to run longer."


@pytest.mark.parametrize(
    ("own", "asked", "age_s", "advice"),
    [
        (20.0, None, 0, ""),
        (100.0, 7.5, 0, ""),
        (25.0, None, 0, ""),
        (100.0, None, 0, RUN_LONGER),
        (100.0, 90, 0, RUN_LONGER),
        (20.0, None, 10, RUN_LONGER),
        (100.0, 7.5, 10, ""),
    ],
)
def test_timeout_reports_its_limit_and_how_to_run_longer(
    world_of: Callable[..., World], own: float, asked: float | None, age_s: float, advice: str
) -> None:
    world = world_of(a_plugin("echo", a_tool("say", timeout_s=own)))
    world.request_age_s = age_s
    world.sandbox.script = lambda _: TimedOut(pid=1, how="killed", while_loading=False)
    error = refused(world.execute(timeout_s=asked), 400, "timeout", "ExecutionError")
    job = world.request("GET", f"/v1/jobs/{error['job_id']}").body
    reported = job["timeout_s"]
    assert reported == round(reported, 3) >= world.sandbox.runs[0].limits.wall_s > reported - 1
    assert error["details"] == {"timeout_s": reported}
    assert error["message"] == f"The tool ran over its limit of {reported:g} s.{advice}"
    assert job["error"] == error


def test_timeout_of_a_submitted_job_gives_no_hint_to_run_asynchronously(world: World) -> None:
    world.sandbox.script = lambda _: TimedOut(pid=1, how="killed", while_loading=False)
    job_id = world.submit(tool="shout")
    world.runner.run_pending("acme", job_id, deadline=Deadline.after(50))
    error = world.request("GET", f"/v1/jobs/{job_id}").body["error"]
    assert (error["message"], error["details"]) == ("The tool ran over its limit of 100 s.", {"timeout_s": 100.0})


def test_request_without_time_left_has_the_smallest_limit(world: World) -> None:
    world.context = LambdaContext(1_000)
    job_id = world.execute().body["job_id"]
    assert world.request("GET", f"/v1/jobs/{job_id}").body["timeout_s"] == 0.001


def test_null_in_an_optional_field_equals_omitting_it(world: World) -> None:
    assert world.execute(tool=None, timeout_s=None).status == 200


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


# --- Asynchronous ---


def test_respond_async_returns_202_with_the_pending_job_and_its_location(world: World) -> None:
    answer = world.execute(prefer="respond-async", tool="shout", timeout_s=50)
    assert answer.status == 202
    job_id = answer.body["job_id"]
    assert answer.headers["Location"] == f"/v1/jobs/{job_id}"
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.body == world.request("GET", f"/v1/jobs/{job_id}").body
    assert (answer.body["status"], answer.body["tool"], answer.body["timeout_s"]) == ("pending", "shout", 50.0)
    assert world.workflow.running == {job_id: "acme"}
    assert world.sandbox.runs == []


def test_whole_number_timeout_is_shown_as_a_float(world_of: Callable[..., World]) -> None:
    world = world_of(a_plugin("echo", a_tool("say", timeout_s=60)))
    answer = world.execute(prefer="respond-async")
    assert json.dumps(answer.body["timeout_s"]) == "60.0"


def test_asynchronous_job_gets_the_full_time_limit_of_its_tool(world: World) -> None:
    assert world.execute(prefer="respond-async", tool="shout").body["timeout_s"] == 100.0


def finish_at_second_poll(
    world: World, monkeypatch: pytest.MonkeyPatch, script: Callable[[Run], Ending] = echoes
) -> None:
    """Run the job when the waiting request polls for the second time."""
    monkeypatch.setattr(execute, "POLL_S", 0.0)
    world.sandbox.script = script
    polls: list[str] = []
    between = world.store
    assert isinstance(between, Interposed)

    def hook(moment: Moment, name: str) -> None:
        if (moment, name) == ("before", "get"):
            polls.append(name)
            if len(polls) == 2:
                [(job_id, tenant)] = world.workflow.running.items()
                world.runner.run_pending(tenant, job_id, deadline=Deadline.after(800))

    between.hook = hook


@pytest.fixture
def watched(tmp_path: Path) -> World:
    """A world with an `Interposed` store."""
    inner = MemoryJobs()
    world = World(tmp_path, a_plugin("echo", a_tool("say")), store=Interposed(inner))
    world.jobs = inner
    return world


def test_wait_returns_200_as_soon_as_the_job_has_finished(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finish_at_second_poll(watched, monkeypatch)
    answer = watched.execute(prefer="respond-async, wait=20")
    assert answer.status == 200
    assert (answer.body["status"], answer.body["result"]) == ("succeeded", {"text": "hello"})
    assert "Location" not in answer.headers


def test_wait_returns_the_error_envelope_when_the_job_fails(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finish_at_second_poll(watched, monkeypatch, lambda _: WorkerLost(pid=1))
    error = refused(watched.execute(prefer="respond-async, wait=20"), 400, "worker_lost", "ExecutionError")
    assert error["job_id"] == watched.jobs.all_jobs[0].job_id


@pytest.mark.parametrize(("wait_s", "remaining_ms"), [(0, 29_000), (20, 900)])
def test_wait_that_is_over_returns_202(world: World, wait_s: int, remaining_ms: int) -> None:
    world.context = LambdaContext(remaining_ms)
    assert world.execute(prefer=f"respond-async, wait={wait_s}").status == 202


def test_wait_is_measured_from_the_time_of_the_request(world: World) -> None:
    world.request_age_s = 10
    began = time.monotonic()
    assert world.execute(prefer="respond-async, wait=9").status == 202
    assert time.monotonic() - began < 5


# --- Idempotency ---


def keyed(world: World, key: str = "k", *, text: str = "hello", tenant: str = "acme", prefer: str = "") -> Answer:
    return world.request(
        "POST",
        "/v1/execute",
        {"plugin": "echo", "input": {"text": text}},
        headers={"Idempotency-Key": key, **({"Prefer": prefer} if prefer else {})},
        tenant=tenant,
    )


def test_same_key_and_body_replay_the_finished_job_and_run_once(world: World) -> None:
    first, again = keyed(world), keyed(world)
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.sandbox.runs) == len(world.jobs.all_jobs) == 1


def test_failure_is_replayed_with_the_same_envelope(world: World) -> None:
    world.sandbox.script = lambda _: answered("exception", {"exception": "E", "message": "m"})
    first, again = keyed(world), keyed(world)
    assert (first.status, again.status) == (400, 400)
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.sandbox.runs) == 1


def test_replay_ignores_white_space_and_field_order(world: World) -> None:
    text = '{ "input": {"text": "hello"},\n "plugin": "echo" }'
    first = keyed(world)
    again = world.request("POST", "/v1/execute", text=text, headers={"Idempotency-Key": "k"})
    assert again.body == first.body


def test_different_body_under_the_same_key_returns_422(world: World) -> None:
    keyed(world)
    error = refused(keyed(world, text="other"), 422, "idempotency_mismatch", "IdempotencyError")
    assert error["retryable"] is False
    assert len(world.sandbox.runs) == 1


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"plugin": "echo", "input": {"text": "other"}}, ("echo", "say")),
        ({"plugin": "echo", "tool": "shout", "input": {"text": "hello"}}, ("echo", "shout")),
        ({"plugin": "echo", "input": {"text": 1}}, ("echo", "say")),
        ({"plugin": "echo", "tool": "nope", "input": {"text": "hello"}}, ("echo", "nope")),
        ({"plugin": "nope", "input": {"text": "hello"}}, ("nope", None)),
        ({"plugin": "broken", "input": {"text": "hello"}}, ("broken", None)),
        ({"plugin": "echo", "input": {"text": "hello"}, "extra": 1}, (None, None)),
        ({"plugin": "echo"}, (None, None)),
        ([], (None, None)),
    ],
)
def test_different_body_returns_422_even_if_it_is_invalid(
    world: World, body: Any, about: tuple[str | None, str | None]
) -> None:
    keyed(world)
    answer = world.request("POST", "/v1/execute", body, headers={"Idempotency-Key": "k"})
    error = refused(answer, 422, "idempotency_mismatch", "IdempotencyError")
    assert (error["plugin"], error["tool"], error["job_id"]) == (*about, None)
    assert len(world.sandbox.runs) == 1


@pytest.mark.parametrize(
    "now",
    [
        a_plugin("echo", a_tool("say", input_schema={"type": "object", "required": ["other"]})),
        a_plugin("echo", a_tool("whisper", input_schema={"type": "object", "required": ["other"]})),
        a_broken_plugin("echo"),
        a_plugin("another"),
    ],
    ids=["another schema", "renamed", "unavailable", "removed"],
)
def test_finished_job_is_replayed_after_its_plugin_has_changed(
    world: World, tmp_path: Path, now: PluginManifest
) -> None:
    first = keyed(world)
    redeployed = World(tmp_path / "redeployed", now, store=world.store)
    again = keyed(redeployed)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    refused(keyed(redeployed, text="other"), 422, "idempotency_mismatch", "IdempotencyError")
    assert keyed(redeployed, "another key").status == 400
    assert redeployed.sandbox.runs == []


def test_first_request_under_a_key_costs_no_lookup(watched: World) -> None:
    assert keyed(watched).status == 200
    assert isinstance(watched.store, Interposed)
    assert "find_idempotency_record" not in watched.store.calls


def test_idempotency_keys_are_separate_per_tenant(world: World) -> None:
    first, other = keyed(world), keyed(world, tenant="rival", text="other")
    assert (first.status, other.status) == (200, 200)
    assert other.body["job_id"] != first.body["job_id"]
    assert len(world.sandbox.runs) == 2


def test_repeated_request_returns_the_unfinished_job_in_both_modes(world: World) -> None:
    first = keyed(world, prefer="respond-async")
    again = keyed(world, prefer="respond-async")
    assert (first.status, again.status) == (202, 202)
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    world.runner.run_pending("acme", first.body["job_id"], deadline=Deadline.after(800))
    done = keyed(world)
    assert (done.status, done.body["job_id"]) == (200, first.body["job_id"])
    assert len(world.sandbox.runs) == 1


def test_refused_request_does_not_use_up_its_idempotency_key(world: World) -> None:
    body = {"plugin": "echo", "input": {}}
    refused(
        world.request("POST", "/v1/execute", body, headers={"Idempotency-Key": "k"}),
        400,
        "invalid_input",
        "ValidationError",
    )
    assert keyed(world).status == 200


def test_idempotency_key_can_be_reused_after_its_job_has_expired(world: World) -> None:
    first = keyed(world)
    world.clock.advance(7 * 86_400 + 1)
    assert keyed(world, text="other").body["job_id"] != first.body["job_id"]


# --- When a service is down ---


@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_unavailable_table_returns_503_with_retry_after(world: World, prefer: str) -> None:
    world.jobs.down = True
    answer = world.execute(prefer=prefer or None)
    error = refused(answer, 503, "unavailable", "ServiceError")
    assert error["retryable"] is True
    assert int(answer.headers["Retry-After"]) >= 1
    assert error["message"] == ServiceUnavailable.__doc__
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


# --- Large results ---


def test_result_too_large_for_the_response_is_a_url(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MAX_INLINE_BYTES", 20_000)
    world.sandbox.script = succeeds_with({"text": "x" * 20_000})
    answer = world.execute()
    assert answer.status == 200
    result = answer.body["result"]
    assert set(result) == {"download_url", "size", "expires_at"}
    assert result["size"] == 20_011
    assert TIME.fullmatch(result["expires_at"])
    assert f"/jobs/acme/{answer.body['job_id']}/result-1.json" in result["download_url"]
    assert world.request("GET", f"/v1/jobs/{answer.body['job_id']}/result").body["result"]["size"] == 20_011


def test_result_from_the_object_store_is_inlined_if_it_fits(world: World) -> None:
    world.sandbox.script = succeeds_with({"text": "x" * 20_000})
    answer = world.execute()
    assert answer.body["result"] == {"text": "x" * 20_000}
    assert world.request("GET", f"/v1/jobs/{answer.body['job_id']}/result").body["result"] == {"text": "x" * 20_000}


def test_non_ascii_text_round_trips(world: World) -> None:
    event_text = json.dumps({"plugin": "echo", "input": {"text": "grün 😀"}}, ensure_ascii=False)
    answer = world.request("POST", "/v1/execute", text=event_text)
    assert answer.body["result"] == {"text": "grün 😀"}


def test_cancelled_synchronous_request_returns_400(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.jobs.runner.HEARTBEAT_S", 0.002)
    between, written = watched.store, threading.Event()
    assert isinstance(between, Interposed)
    between.hook = once("after", "create", written.set)

    def waits(run: Run) -> Ending:
        assert written.wait(PATIENCE_S)
        [job] = watched.jobs.all_jobs
        watched.core.service.cancel("acme", job.job_id, "not needed")
        run.until_cancelled()
        return Cancelled(pid=1, how="stopped")

    watched.sandbox.script = waits
    error = refused(watched.execute(), 400, "cancelled", "ExecutionError")
    job = watched.request("GET", f"/v1/jobs/{error['job_id']}").body
    assert (job["status"], job["cancel"]["outcome"]) == ("cancelled", "stopped")
