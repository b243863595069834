"""The ToolRunner updates metrics and lifecycle on every path."""

import logging

import pytest

from interlock.domain.errors import PluginUnavailable
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.sandbox import Cancelled, Crashed, Ending, MemoryExceeded, OutputTooLarge, TimedOut, WorkerLost
from tests.fakes.sandbox import Run, answered, echoes
from tests.pure.core.runner_harness import Harness, error_of

ENDINGS: list[tuple[Ending, LifecycleState | None, JobStatus]] = [
    (answered("succeeded", {"text": "x"}), LifecycleState.INITIALIZED, JobStatus.SUCCEEDED),
    (answered("succeeded", {}), LifecycleState.FAILED, JobStatus.FAILED),
    (answered("exception", {"exception": "E", "message": ""}), LifecycleState.FAILED, JobStatus.FAILED),
    (answered("invalid_input", {"message": "", "errors": []}), None, JobStatus.FAILED),
    (answered("unavailable", "x"), LifecycleState.UNAVAILABLE, JobStatus.FAILED),
    (Crashed(pid=1, exit_code=1, signal=None, while_loading=False), LifecycleState.FAILED, JobStatus.FAILED),
    (TimedOut(pid=1, how="killed", while_loading=False), LifecycleState.FAILED, JobStatus.TIMED_OUT),
    (MemoryExceeded(pid=1, resident_mb=1), LifecycleState.FAILED, JobStatus.FAILED),
    (OutputTooLarge(pid=1, size_bytes=1), LifecycleState.FAILED, JobStatus.FAILED),
    (Cancelled(pid=1, how="stopped"), None, JobStatus.CANCELLED),
    (WorkerLost(pid=1), None, JobStatus.FAILED),
]


@pytest.mark.parametrize(("ending", "state", "status"), ENDINGS)
def test_every_ending_updates_lifecycle_and_metrics_once(
    harness: Harness, ending: Ending, state: LifecycleState | None, status: JobStatus
) -> None:
    outcome = harness.ends_with(ending)
    assert harness.sink.executions == [("echo", "say", status, outcome.execution_time_ms)]
    assert harness.state() is (state or LifecycleState.LOADED)


def test_failures_outside_the_plugin_keep_its_state(harness: Harness) -> None:
    harness.run()
    harness.ends_with(Cancelled(pid=1, how="stopped"))
    assert harness.state() is LifecycleState.INITIALIZED
    harness.ends_with(MemoryExceeded(pid=1, resident_mb=1))
    harness.ends_with(answered("invalid_input", {"message": "", "errors": []}))
    assert harness.state() is LifecycleState.FAILED
    harness.run(echoes)
    assert harness.state() is LifecycleState.INITIALIZED


def test_plugin_is_running_during_a_run(harness: Harness) -> None:
    def start_another(run: Run) -> Ending:
        with pytest.raises(ValueError, match="RUNNING -> RUNNING"):
            harness.registry.start_run("echo")
        return echoes(run)

    assert harness.run(start_another).status is JobStatus.SUCCEEDED


def test_metrics_are_updated_when_the_sandbox_fails(harness: Harness) -> None:
    def breaks(_: Run) -> Ending:
        raise OSError("no more processes")

    with pytest.raises(OSError, match="no more processes"):
        harness.run(breaks)
    [(_, _, status, elapsed_ms)] = harness.sink.executions
    assert status is JobStatus.FAILED
    assert elapsed_ms >= 0
    assert harness.run(echoes).status is JobStatus.SUCCEEDED


def test_metrics_are_updated_when_the_run_is_interrupted(harness: Harness) -> None:
    def interrupted(_: Run) -> Ending:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        harness.run(interrupted)
    assert len(harness.sink.executions) == 1
    assert harness.run(echoes).status is JobStatus.SUCCEEDED


def test_interlock_error_during_a_run_becomes_the_outcome(harness: Harness) -> None:
    def refuses(_: Run) -> Ending:
        raise PluginUnavailable("gone", reason="gone")

    outcome = harness.run(refuses)
    assert (outcome.status, *error_of(outcome)) == (JobStatus.FAILED, "plugin_unavailable", {"reason": "gone"})


def test_metrics_failure_is_logged_and_keeps_the_outcome(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    harness.sink.broken = RuntimeError("no metrics today")
    with caplog.at_level(logging.ERROR):
        outcome = harness.run()
    assert (outcome.status, outcome.result) == (JobStatus.SUCCEEDED, {"text": "hello"})
    [record] = caplog.records
    assert record.getMessage() == "metrics of echo.say were not updated"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "no metrics today"


def test_metrics_failure_does_not_hide_a_sandbox_failure(harness: Harness) -> None:
    def breaks(_: Run) -> Ending:
        raise OSError("no more processes")

    harness.sink.broken = RuntimeError("no metrics today")
    with pytest.raises(OSError, match="no more processes"):
        harness.run(breaks)


def test_plugin_runs_again_after_a_metrics_failure(harness: Harness) -> None:
    harness.sink.broken = RuntimeError("no metrics today")
    harness.run()
    harness.sink.broken = None
    assert harness.run().status is JobStatus.SUCCEEDED
    assert harness.state() is LifecycleState.INITIALIZED


def test_execution_time_is_measured_per_run(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 100.0414568, 200.0, 200.5])
    monkeypatch.setattr("interlock.tools.tool_runner.time.perf_counter", lambda: next(moments))
    assert harness.run().execution_time_ms == 41.457
    assert harness.ends_with(WorkerLost(pid=1)).execution_time_ms == 500.0
    assert [elapsed for *_, elapsed in harness.sink.executions] == [41.457, 500.0]
