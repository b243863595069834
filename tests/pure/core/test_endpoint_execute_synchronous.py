"""Synchronous `POST /v1/execute`, to the letter of the HTTP contract."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.http import results
from interlock.sandbox import Cancelled, Crashed, Ending, MemoryExceeded, OutputTooLarge, TimedOut, WorkerLost
from tests.fakes.envelope import TIME, refused
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import PATIENCE_S, Run, answered, echoes, succeeds_with
from tests.fakes.store import Interposed, once
from tests.fakes.world import LambdaContext, World

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


LIMIT = {"timeout_s": 20.0, "limit": "timeout_s"}
NO_TEXT = {"path": "/text", "message": "no"}
CASES = [
    Case(
        answered("exception", {"exception": "E", "message": "m"}), "plugin_exception", "PluginError", {"exception": "E"}
    ),
    Case(
        Crashed(pid=1, exit_code=3, signal=None, while_loading=False), "plugin_crashed", "PluginError", {"exit_code": 3}
    ),
    Case(Crashed(pid=1, exit_code=None, signal=9, while_loading=False), "plugin_crashed", "PluginError", {"signal": 9}),
    Case(TimedOut(pid=1, how="killed", while_loading=False), "timeout", "ExecutionError", LIMIT),
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
    limits = world.sandbox.runs[0].limits
    assert effective - 1 < min(limits.wall_s, limits.deadline.left_s) <= effective


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
    assert error["details"] == {"timeout_s": reported, "limit": "timeout_s"}
    assert error["message"] == f"The tool ran over its limit of {reported:g} s.{advice}"
    assert job["error"] == error


def test_timeout_of_a_submitted_job_gives_no_hint_to_run_asynchronously(world: World) -> None:
    world.sandbox.script = lambda _: TimedOut(pid=1, how="killed", while_loading=False)
    job_id = world.submit(tool="shout")
    world.runner.run_pending("acme", job_id, deadline=Deadline.after(50))
    error = world.request("GET", f"/v1/jobs/{job_id}").body["error"]
    assert error["message"] == "The tool ran over its limit of 100 s."
    assert error["details"] == {"timeout_s": 100.0, "limit": "timeout_s"}


def test_request_without_time_left_has_the_smallest_limit(world: World) -> None:
    world.context = LambdaContext(1_000)
    job_id = world.execute().body["job_id"]
    assert world.request("GET", f"/v1/jobs/{job_id}").body["timeout_s"] == 0.001


def test_null_in_an_optional_field_equals_omitting_it(world: World) -> None:
    assert world.execute(tool=None, timeout_s=None).status == 200


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
    monkeypatch.setattr("interlock.jobs.lease.CLAIM_DELAY_S", 0)
    monkeypatch.setattr("interlock.jobs.lease.HEARTBEAT_S", 0.002)
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
