"""The ToolRunner in the Lambda process: its requests to the sandbox, and the outcomes of all endings of a run."""

import json
import math
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.job_status import JobStatus
from interlock.domain.manifest import SettingManifest
from interlock.sandbox import (
    Cancelled,
    CancelToken,
    Completed,
    Crashed,
    Ending,
    LogLine,
    MemoryExceeded,
    OutputTooLarge,
    TimedOut,
    WorkerLost,
)
from interlock.tools.limits import LOAD_LIMIT_S, MAX_RESULT_BYTES, limits_of
from interlock.tools.messages import MAX_NAME
from interlock.tools.outcomes import outcome_of_ending
from interlock.tools.tool_runner import ToolRunner
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import Run, echoes
from tests.fakes.world import World
from tests.pure.core.runner_harness import Harness, error_of, message_of

# --- Requests to the sandbox ---


def test_worker_process_loads_this_version_of_the_plugin_for_this_tenant(harness: Harness) -> None:
    harness.run()
    [run] = harness.sandbox.runs
    assert (run.tenant, run.once, run.code.fork_safe) == ("acme", False, True)
    source = {"module": "plugins.echo", "class_name": "Plugin", "path": None}
    assert json.loads(run.code.request) == source | {"version": "1.0.0", "revision": ""}


@pytest.mark.parametrize("declared", [False, True])
def test_worker_process_gets_the_settings_that_its_plugin_declares(
    world_of: Callable[..., World], declared: bool
) -> None:
    settings = (SettingManifest("region", "string", "", required=True, secret=False),) if declared else ()
    with closing(CancelToken()) as cancel:
        harness = Harness(world_of(a_plugin("echo", a_tool("say"), settings=settings)), cancel)
        harness.runner = ToolRunner(harness.registry, harness.sandbox.as_sandbox(), lambda plugin: {"of": plugin})
        harness.run()
    [run] = harness.sandbox.runs
    assert json.loads(run.code.request).get("settings") == ({"of": "echo"} if declared else None)


@pytest.mark.parametrize("isolation", ["tenant", "run"])
def test_worker_process_is_used_as_long_as_the_tool_declares(world_of: Callable[..., World], isolation: str) -> None:
    with closing(CancelToken()) as cancel:
        harness = Harness(world_of(a_plugin("echo", a_tool("say", isolation=isolation))), cancel)
        harness.run()
    assert harness.sandbox.runs[0].once is (isolation == "run")


def test_worker_request_has_tool_input_and_job(harness: Harness) -> None:
    harness.run()
    [run] = harness.sandbox.runs
    assert run.request == {
        "tool": "say",
        "input": {"text": "hello"},
        "files": [],
        "job_id": "JOB",
    }


def test_limits_come_from_the_call_and_the_manifest(harness: Harness) -> None:
    harness.run(timeout_s=2.5)
    limits = harness.sandbox.runs[0].limits
    assert (limits.wall_s, limits.memory_mb) == (2.5, 300)
    assert (limits.load_s, limits.result_bytes) == (LOAD_LIMIT_S, MAX_RESULT_BYTES)


@pytest.mark.parametrize("network", [False, True])
def test_worker_process_has_network_access_only_if_declared(world_of: Callable[..., World], network: bool) -> None:
    with closing(CancelToken()) as cancel:
        harness = Harness(world_of(a_plugin("echo", a_tool("say", network=network))), cancel)
        harness.run()
    assert harness.sandbox.runs[0].code.network is network


def test_cancel_progress_and_log_lines_are_passed_on(harness: Harness) -> None:
    def report(run: Run) -> Ending:
        run.on_progress(0.5, "half")
        run.on_log(LogLine("stdout", "hello"))
        assert run.cancel is harness.cancel
        return echoes(run)

    harness.run(report)
    assert harness.progress == [(0.5, "half")]
    assert harness.lines == [LogLine("stdout", "hello")]


# --- Endings ---


def test_valid_result_succeeds(harness: Harness) -> None:
    outcome = harness.run()
    assert (outcome.status, outcome.result, outcome.error) == (JobStatus.SUCCEEDED, {"text": "hello"}, None)


def test_process_ended_by_a_signal_is_reported_as_a_crash(harness: Harness) -> None:
    outcome = harness.ends_with(Crashed(pid=1, exit_code=None, signal=11, while_loading=False))
    assert outcome.status is JobStatus.FAILED
    assert error_of(outcome) == ("plugin_crashed", {"signal": 11})
    assert outcome.error is not None
    assert outcome.error.message == "The process of plugin 'echo' was ended by signal 11."


@pytest.mark.parametrize("code", [0, 3])
def test_process_exit_is_reported_as_a_crash(harness: Harness, code: int) -> None:
    outcome = harness.ends_with(Crashed(pid=1, exit_code=code, signal=None, while_loading=False))
    assert outcome.status is JobStatus.FAILED
    assert error_of(outcome) == ("plugin_crashed", {"exit_code": code})
    assert message_of(outcome) == f"The process of plugin 'echo' exited with code {code}."


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (
            Crashed(pid=1, exit_code=3, signal=None, while_loading=True),
            "its process exited with code 3 while it was being loaded",
        ),
        (
            Crashed(pid=1, exit_code=None, signal=11, while_loading=True),
            "its process was ended by signal 11 while it was being loaded",
        ),
        (TimedOut(pid=1, how="killed", while_loading=True), "its import and setup() took over 20 s"),
        (
            TimedOut(pid=1, how="killed", while_loading=True, past_deadline=True),
            "its import and setup() took longer than the time that was left",
        ),
    ],
)
def test_process_that_ends_while_loading_makes_the_plugin_unavailable(
    harness: Harness, ending: Ending, reason: str
) -> None:
    outcome = harness.ends_with(ending)
    assert outcome.status is JobStatus.FAILED
    code, details = error_of(outcome)
    assert (code, details["reason"]) == ("plugin_unavailable", reason)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_run_over_its_time_limit_times_out(harness: Harness, how: Any) -> None:
    outcome = harness.ends_with(TimedOut(pid=1, how=how, while_loading=False))
    assert (outcome.status, outcome.stopped) == (JobStatus.TIMED_OUT, how)
    assert error_of(outcome) == ("timeout", {"timeout_s": 5.0, "limit": "timeout_s"})
    assert message_of(outcome) == "The tool ran over its limit of 5 s."


@pytest.mark.parametrize("while_loading", [False, True])
def test_run_that_reaches_the_deadline_of_its_job_reports_that_limit(harness: Harness, while_loading: bool) -> None:
    call, deadline = harness.call(), Deadline(math.inf, 5.0, limit="deadline")
    ending = TimedOut(pid=1, how="killed", while_loading=while_loading, past_deadline=True)
    outcome = outcome_of_ending(call, ending, limits_of(call, deadline), deadline)
    assert (outcome.status, outcome.stopped) == (JobStatus.TIMED_OUT, "killed")
    assert error_of(outcome) == ("timeout", {"limit": "deadline"})


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_cancelled_run_reports_how_it_was_stopped(harness: Harness, how: Any) -> None:
    outcome = harness.ends_with(Cancelled(pid=1, how=how))
    assert (outcome.status, outcome.stopped) == (JobStatus.CANCELLED, how)
    assert error_of(outcome) == ("cancelled", {})
    assert message_of(outcome) == "The job was cancelled."


@pytest.mark.parametrize("levels", [201, 9_000, 100_000])
def test_result_that_is_nested_too_deep_names_the_limit(harness: Harness, levels: int) -> None:
    nested = b"[" * levels + b"]" * levels
    outcome = harness.ends_with(Completed(pid=1, payload=b'{"verdict":"succeeded","detail":' + nested + b"}"))
    problem = {"path": "", "message": "is nested more than 200 levels deep"}
    assert error_of(outcome) == ("invalid_output", {"errors": [problem]})


def test_run_that_has_loaded_a_plugin_without_a_template_reports_why(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    def loads(run: Run) -> Ending:
        run.on_unforkable("an open file with a long name: " + "x" * 1000)
        return TimedOut(pid=1, how="stopped", while_loading=False)

    finding = harness.run(loads).fork_finding
    assert finding is not None
    assert (finding.version, len(finding.reason)) == ("1.0.0", MAX_NAME)
    assert caplog.messages == [f"each worker process loads plugin echo itself: {finding.reason}"]
    assert harness.run(echoes).fork_finding is None


@pytest.mark.parametrize(
    ("memory_mb", "limit"), [("128", 1_342_177), ("1769", 18_549_309), ("6400", 67_108_864), ("10240", 67_108_864)]
)
def test_result_limit_depends_on_the_memory_of_the_function(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, memory_mb: str, limit: int
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb)
    outcome = harness.ends_with(OutputTooLarge(pid=1, size_bytes=10**9))
    assert harness.sandbox.runs[0].limits.result_bytes == limit
    assert error_of(outcome) == ("output_too_large", {"size_bytes": 10**9, "limit_bytes": limit})


def test_run_over_its_memory_limit_reports_the_limit(harness: Harness) -> None:
    outcome = harness.ends_with(MemoryExceeded(pid=1, resident_mb=301))
    assert outcome.status is JobStatus.FAILED
    assert error_of(outcome) == ("memory_exceeded", {"memory_mb": 300})
    assert message_of(outcome) == "The tool used more memory than its limit of 300 MiB."


def test_result_over_the_limit_reports_both_sizes(harness: Harness) -> None:
    outcome = harness.ends_with(OutputTooLarge(pid=1, size_bytes=10**9))
    assert outcome.status is JobStatus.FAILED
    assert error_of(outcome) == ("output_too_large", {"size_bytes": 10**9, "limit_bytes": MAX_RESULT_BYTES})
    assert message_of(outcome) == "The result of echo.say is over the limit of 64 MiB."


def test_vanished_worker_process_is_worker_lost(harness: Harness) -> None:
    outcome = harness.ends_with(WorkerLost(pid=1))
    assert outcome.status is JobStatus.FAILED
    assert error_of(outcome) == ("worker_lost", {})
    assert message_of(outcome) == "The worker process of this job was lost."
