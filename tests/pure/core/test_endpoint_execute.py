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


# --- Now ---


def test_a_success_is_200_with_the_finished_job_and_its_result(world: World) -> None:
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


def test_the_job_of_a_success_is_readable_afterwards(world: World) -> None:
    job_id = world.execute().body["job_id"]
    assert world.request("GET", f"/v1/jobs/{job_id}").body["status"] == "succeeded"
    assert world.request("GET", f"/v1/jobs/{job_id}/result").body["result"] == {"text": "hello"}


def test_without_a_tool_the_first_of_the_manifest_runs(world: World) -> None:
    assert world.execute().body["tool"] == "say"
    assert world.execute(tool="shout").body["tool"] == "shout"


@dataclass(frozen=True)
class Case:
    """An ending of the sandbox, and the response that the caller gets."""

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
def test_every_plugin_failure_is_a_400_with_its_code(world: World, case: Case) -> None:
    world.sandbox.script = lambda _: case.ending
    error = refused(world.execute(), 400, case.code, case.error_type)
    assert error["details"] == case.details
    assert (error["plugin"], error["tool"], error["retryable"]) == ("echo", "say", case.retryable)
    job = world.request("GET", f"/v1/jobs/{error['job_id']}").body
    assert job["status"] == ("timed_out" if case.code == "timeout" else "failed")
    assert job["error"] == error
    world.sandbox.script = echoes
    assert world.execute().status == 200


def test_an_internal_failure_is_503_without_internal_details(world: World) -> None:
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
        # It took the gateway ten seconds to have a function that is ready.
        (20.0, None, 29_000, 10, 15.5),
        (20.0, None, 13_500, 10, 10.0),
        # An event that was kept in a file.
        (20.0, None, 29_000, 86_400, 20.0),
        (20.0, None, 29_000, -60, 20.0),
    ],
)
def test_the_limit_is_the_smallest_of_the_tools_the_callers_and_what_the_gateway_leaves(
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
    # The time that the request has taken already is deducted.
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
def test_a_timeout_reports_its_limit_and_how_to_run_longer(
    world_of: Callable[..., World], own: float, asked: float | None, age_s: float, advice: str
) -> None:
    world = world_of(a_plugin("echo", a_tool("say", timeout_s=own)))
    world.request_age_s = age_s
    world.sandbox.script = lambda _: TimedOut(pid=1, how="killed", while_loading=False)
    error = refused(world.execute(timeout_s=asked), 400, "timeout", "ExecutionError")
    job = world.request("GET", f"/v1/jobs/{error['job_id']}").body
    told = job["timeout_s"]
    assert told == round(told, 3) >= world.sandbox.runs[0].limits.wall_s > told - 1
    assert error["details"] == {"timeout_s": told}
    assert error["message"] == f"The tool ran over its limit of {told:g} s.{advice}"
    assert job["error"] == error


def test_timeout_of_a_submitted_job_gives_no_hint_to_run_asynchronously(world: World) -> None:
    world.sandbox.script = lambda _: TimedOut(pid=1, how="killed", while_loading=False)
    job_id = world.submit(tool="shout")
    world.runner.run_pending("acme", job_id, deadline=Deadline.after(50))
    error = world.request("GET", f"/v1/jobs/{job_id}").body["error"]
    assert (error["message"], error["details"]) == ("The tool ran over its limit of 100 s.", {"timeout_s": 100.0})


def test_a_request_that_came_too_late_to_run_has_a_limit_all_the_same(world: World) -> None:
    world.context = LambdaContext(1_000)
    job_id = world.execute().body["job_id"]
    assert world.request("GET", f"/v1/jobs/{job_id}").body["timeout_s"] == 0.001


def test_null_for_an_optional_field_equals_its_absence(world: World) -> None:
    assert world.execute(tool=None, timeout_s=None).status == 200


# --- Refused before anything starts ---


def nothing_happened(world: World) -> None:
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
def test_a_request_that_cannot_run_is_refused_and_leaves_no_job(
    world: World, body: Any, code: str, about: tuple[str | None, str | None], prefer: str | None
) -> None:
    headers = {"Prefer": prefer} if prefer else None
    error = refused(world.request("POST", "/v1/execute", body, headers=headers), 400, code, "ValidationError")
    assert (error["plugin"], error["tool"], error["job_id"]) == (*about, None)
    nothing_happened(world)


def test_an_unavailable_plugin_is_400_with_the_reason(world: World) -> None:
    answer = world.request("POST", "/v1/execute", {"plugin": "broken", "input": {}})
    error = refused(answer, 400, "plugin_unavailable", "PluginError")
    assert error["details"] == {"reason": "needs torch: not installed"}
    nothing_happened(world)


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
def test_a_malformed_request_is_invalid(world: World, text: str, headers: dict[str, str]) -> None:
    refused(world.request("POST", "/v1/execute", text=text, headers=headers), 400, "invalid_request", "ValidationError")
    nothing_happened(world)


def test_without_a_key_it_is_401_and_without_the_scope_403(world: World) -> None:
    body = {"plugin": "echo", "input": {"text": "x"}}
    refused(world.request("POST", "/v1/execute", body, tenant=""), 401, "unauthorized", "AuthenticationError")
    answer = world.request("POST", "/v1/execute", body, scopes="jobs:read jobs:cancel plugins:read")
    error = refused(answer, 403, "forbidden", "PermissionError")
    assert error["details"] == {"scope": "execute"}
    nothing_happened(world)


def test_caller_without_the_execute_scope_gets_no_details_of_the_body(world: World) -> None:
    refused(world.request("POST", "/v1/execute", text="{", scopes=""), 403, "forbidden", "PermissionError")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_is_405_with_those_that_there_are(world: World, method: str) -> None:
    answer = world.request(method, "/v1/execute")
    refused(answer, 405, "invalid_request", "ValidationError")
    assert answer.headers["Allow"] == "POST"


# --- Later ---


def test_respond_async_is_202_with_the_pending_job_and_where_it_is(world: World) -> None:
    answer = world.execute(prefer="respond-async", tool="shout", timeout_s=50)
    assert answer.status == 202
    job_id = answer.body["job_id"]
    assert answer.headers["Location"] == f"/v1/jobs/{job_id}"
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.body == world.request("GET", f"/v1/jobs/{job_id}").body
    assert (answer.body["status"], answer.body["tool"], answer.body["timeout_s"]) == ("pending", "shout", 50.0)
    assert world.workflow.running == {job_id: "acme"}
    assert world.sandbox.runs == []


def test_a_limit_in_whole_seconds_is_shown_as_it_is_read_back(world_of: Callable[..., World]) -> None:
    world = world_of(a_plugin("echo", a_tool("say", timeout_s=60)))
    answer = world.execute(prefer="respond-async")
    assert json.dumps(answer.body["timeout_s"]) == "60.0"


def test_an_asynchronous_job_may_take_all_of_its_tools_limit(world: World) -> None:
    assert world.execute(prefer="respond-async", tool="shout").body["timeout_s"] == 100.0


def finishing(world: World, monkeypatch: pytest.MonkeyPatch, script: Callable[[Run], Ending] = echoes) -> None:
    """Lets the workflow run the job by the second time that the waiting request looks."""
    monkeypatch.setattr(execute, "POLL_S", 0.0)
    world.sandbox.script = script
    looked: list[str] = []
    between = world.store
    assert isinstance(between, Interposed)

    def hook(moment: Moment, name: str) -> None:
        if (moment, name) == ("before", "get"):
            looked.append(name)
            if len(looked) == 2:
                [(job_id, tenant)] = world.workflow.running.items()
                world.runner.run_pending(tenant, job_id, deadline=Deadline.after(800))

    between.hook = hook


@pytest.fixture
def watched(tmp_path: Path) -> World:
    """A world whose store can be interfered with."""
    inner = MemoryJobs()
    world = World(tmp_path, a_plugin("echo", a_tool("say")), store=Interposed(inner))
    world.jobs = inner
    return world


def test_wait_answers_200_as_soon_as_the_job_has_ended(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finishing(watched, monkeypatch)
    answer = watched.execute(prefer="respond-async, wait=20")
    assert answer.status == 200
    assert (answer.body["status"], answer.body["result"]) == ("succeeded", {"text": "hello"})
    assert "Location" not in answer.headers


def test_wait_answers_the_envelope_when_the_job_fails(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finishing(watched, monkeypatch, lambda _: WorkerLost(pid=1))
    error = refused(watched.execute(prefer="respond-async, wait=20"), 400, "worker_lost", "ExecutionError")
    assert error["job_id"] == watched.jobs.all_jobs[0].job_id


@pytest.mark.parametrize(("wait_s", "remaining_ms"), [(0, 29_000), (20, 900)])
def test_a_wait_that_is_over_is_202(world: World, wait_s: int, remaining_ms: int) -> None:
    world.context = LambdaContext(remaining_ms)
    assert world.execute(prefer=f"respond-async, wait={wait_s}").status == 202


def test_a_wait_counts_from_when_the_gateway_took_the_request(world: World) -> None:
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


def test_the_same_key_and_body_replays_the_finished_job_and_runs_once(world: World) -> None:
    first, again = keyed(world), keyed(world)
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.sandbox.runs) == len(world.jobs.all_jobs) == 1


def test_a_failure_is_replayed_as_the_same_envelope(world: World) -> None:
    world.sandbox.script = lambda _: answered("exception", {"exception": "E", "message": "m"})
    first, again = keyed(world), keyed(world)
    assert (first.status, again.status) == (400, 400)
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.sandbox.runs) == 1


def test_white_space_and_the_order_of_fields_make_no_other_body(world: World) -> None:
    text = '{ "input": {"text": "hello"},\n "plugin": "echo" }'
    first = keyed(world)
    again = world.request("POST", "/v1/execute", text=text, headers={"Idempotency-Key": "k"})
    assert again.body == first.body


def test_another_body_under_the_same_key_is_422(world: World) -> None:
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
def test_another_body_is_422_whether_or_not_it_could_run(
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
def test_a_finished_job_is_replayed_after_its_plugin_has_changed(
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


def test_the_first_request_under_a_key_is_not_looked_for(watched: World) -> None:
    assert keyed(watched).status == 200
    assert isinstance(watched.store, Interposed)
    assert "find_idempotency_record" not in watched.store.calls


def test_a_key_is_its_tenants_alone(world: World) -> None:
    first, other = keyed(world), keyed(world, tenant="rival", text="other")
    assert (first.status, other.status) == (200, 200)
    assert other.body["job_id"] != first.body["job_id"]
    assert len(world.sandbox.runs) == 2


def test_on_either_mode_the_job_in_flight_is_joined(world: World) -> None:
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


def test_a_key_that_came_with_a_refused_request_stays_free(world: World) -> None:
    body = {"plugin": "echo", "input": {}}
    refused(
        world.request("POST", "/v1/execute", body, headers={"Idempotency-Key": "k"}),
        400,
        "invalid_input",
        "ValidationError",
    )
    assert keyed(world).status == 200


def test_a_key_is_free_again_once_its_job_has_expired(world: World) -> None:
    first = keyed(world)
    world.clock.advance(7 * 86_400 + 1)
    assert keyed(world, text="other").body["job_id"] != first.body["job_id"]


# --- When a service is down ---


@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_a_table_that_is_down_is_503_with_retry_after(world: World, prefer: str) -> None:
    world.jobs.down = True
    answer = world.execute(prefer=prefer or None)
    error = refused(answer, 503, "unavailable", "ServiceError")
    assert error["retryable"] is True
    assert int(answer.headers["Retry-After"]) >= 1
    assert error["message"] == ServiceUnavailable.__doc__
    assert (error["plugin"], error["tool"]) == ("echo", "say")


def test_a_workflow_that_is_down_is_503_and_the_job_is_not_lost(world: World) -> None:
    world.workflow.down = True
    refused(world.execute(prefer="respond-async"), 503, "unavailable", "ServiceError")
    world.workflow.down = False
    world.clock.advance(61)
    [job] = world.jobs.all_jobs
    assert world.request("GET", f"/v1/jobs/{job.job_id}").status == 200
    world.runner.run_pending("acme", job.job_id, deadline=Deadline.after(800))
    assert world.jobs.all_jobs[0].status is JobStatus.SUCCEEDED


# --- Large results ---


def test_a_result_too_large_for_the_answer_is_a_url(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_result_from_the_object_store_that_is_small_enough_is_inlined(world: World) -> None:
    world.sandbox.script = succeeds_with({"text": "x" * 20_000})
    answer = world.execute()
    assert answer.body["result"] == {"text": "x" * 20_000}
    assert world.request("GET", f"/v1/jobs/{answer.body['job_id']}/result").body["result"] == {"text": "x" * 20_000}


def test_a_response_is_always_ascii(world: World) -> None:
    event_text = json.dumps({"plugin": "echo", "input": {"text": "grün 😀"}}, ensure_ascii=False)
    answer = world.request("POST", "/v1/execute", text=event_text)
    assert answer.body["result"] == {"text": "grün 😀"}


def test_a_cancelled_synchronous_call_is_400_cancelled(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
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
