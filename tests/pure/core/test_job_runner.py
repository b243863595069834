"""One attempt of a job: claim, run, heartbeat, outcome."""

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from interlock.domain import job as steps
from interlock.domain.counters import ending_delta
from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode, ServiceUnavailable
from interlock.domain.job import Cancel, CancelOutcome, Job
from interlock.domain.job_status import JobStatus
from interlock.jobs import event_buffer as job_events
from interlock.jobs import runner as job_runner
from interlock.jobs.documents import INLINE_LIMIT_BYTES
from interlock.jobs.runner import LEASE, Finished
from interlock.jobs.service import NewJob
from interlock.plugins.registry import ToolCall
from interlock.ports import KeyAlreadyUsed
from interlock.sandbox import Cancelled, Completed, Ending, LogLine
from tests.fakes.jobs import idempotency_record
from tests.fakes.outside import NOON
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import PATIENCE_S, Run, answered, echoes, succeeds_with, yields_to_cancel
from tests.fakes.store import Interposed, MemoryJobs, Moment, once
from tests.fakes.world import World


class Stage(World):
    """A world in which `between` intercepts the calls to the store `jobs`."""

    def __init__(self, folder: Path) -> None:
        inner = MemoryJobs()
        self.between = Interposed(inner)
        super().__init__(folder, a_plugin("echo", a_tool("say")), store=self.between)
        self.jobs = inner
        self._index_file = folder / "index" / "index.json"
        self.service = self.core.service
        self.beats = threading.Semaphore(0)

    def pending(self, input: Any = None) -> Job:
        job = self.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
        job = self.service.submit(job, {"text": "hello"} if input is None else input)
        self.between.calls.clear()
        return job

    def remove_plugins(self) -> None:
        self._index_file.write_text('{"plugins": []}')

    def call(self) -> ToolCall:
        manifest, tool = self.core.registry.find("echo", "say")
        return self.core.registry.checked(manifest, tool, {"text": "hello"})

    def run_now(self, **options: Any) -> Finished:
        job = self.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
        return self.runner.run_now(job, self.call(), deadline=Deadline.after(25.0), **options)

    def run_pending(self, job: Job) -> Job:
        found = self.runner.run_pending(job.tenant, job.job_id, deadline=Deadline.after(800.0))
        assert found is not None
        return found

    def stored(self, job: Job) -> Job:
        found = self.jobs.get(job.tenant, job.job_id)
        assert found is not None
        return found

    def only_job(self) -> Job:
        [job] = self.jobs.all_jobs
        return job

    def count_beats(self, and_then: Callable[[Moment, str], None] = lambda _moment, _name: None) -> None:
        """Start counting heartbeats for `wait_for_beats`."""

        def hook(moment: Moment, name: str) -> None:
            and_then(moment, name)
            if (moment, name) == ("after", "heartbeat"):
                self.beats.release()

        self.between.hook = hook

    def wait_for_beats(self, count: int) -> None:
        """Wait for this many further heartbeats."""
        while self.beats.acquire(blocking=False):
            pass
        for _ in range(count):
            assert self.beats.acquire(timeout=PATIENCE_S), "no heartbeat was written"

    def counted(self) -> dict[str, int]:
        metrics = self.jobs.metrics("echo").get("say")
        names = ("succeeded", "failed", "timed_out", "cancelled", "in_flight")
        return {name: getattr(metrics, name) for name in names if getattr(metrics, name, 0)}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_runner, "HEARTBEAT_S", 0.002)


# --- Synchronous ---


def test_synchronous_job_is_written_at_its_claim_and_its_outcome(stage: Stage) -> None:
    finished = stage.run_now()
    job = stage.only_job()
    assert finished == Finished(job, {"text": "hello"})
    assert (job.status, job.attempt, job.input) == (JobStatus.SUCCEEDED, 1, None)
    assert (job.completed_at, job.updated_at) == (NOON, NOON)
    assert job.result is not None
    assert job.result.text == '{"text":"hello"}'
    assert stage.between.calls == ["create", "settle"]  # the only round trips that delay a request
    assert stage.counted() == {"succeeded": 1}


def test_running_job_has_a_worker_and_a_lease(stage: Stage) -> None:
    seen: list[Job] = []

    def look_around(run: Run) -> Ending:
        assert stage_written.wait(PATIENCE_S)
        seen.append(stage.only_job())
        return echoes(run)

    stage_written = threading.Event()
    stage.between.hook = once("after", "create", stage_written.set)
    stage.sandbox.script = look_around
    stage.run_now()
    [job] = seen
    assert (job.status, job.attempt, job.lease_expires_at) == (JobStatus.RUNNING, 1, NOON + LEASE)
    assert (job.started_at, job.updated_at) == (NOON, NOON)
    assert job.worker_id
    assert stage.only_job().worker_id is None


def test_claim_and_start_of_the_tool_overlap(stage: Stage) -> None:
    started = threading.Event()

    def start(run: Run) -> Ending:
        started.set()
        return echoes(run)

    stage.sandbox.script = start
    stage.between.hook = once("before", "create", lambda: started.wait(PATIENCE_S))
    assert stage.run_now().job.status is JobStatus.SUCCEEDED
    assert started.is_set()


def test_job_with_an_idempotency_key_is_claimed_before_its_tool_runs(stage: Stage) -> None:
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
    record = idempotency_record(job, "key", {})
    assert (
        stage.runner.run_now(job, stage.call(), deadline=Deadline.after(25.0), record=record).job.status
        is JobStatus.SUCCEEDED
    )
    again = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
    with pytest.raises(KeyAlreadyUsed) as caught:
        stage.runner.run_now(
            again, stage.call(), deadline=Deadline.after(25.0), record=idempotency_record(again, "key", {})
        )
    assert caught.value.record == record
    assert len(stage.sandbox.runs) == 1
    assert len(stage.jobs.all_jobs) == 1


@pytest.mark.parametrize(("own", "limit", "effective"), [(20.0, 25.0, 20.0), (20.0, 7.5, 7.5)])
def test_tool_gets_the_smaller_of_its_limit_and_the_time_left(
    stage: Stage, own: float, limit: float, effective: float
) -> None:
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", own))
    stage.runner.run_now(job, stage.call(), deadline=Deadline.after(limit))
    assert effective - 1 < stage.sandbox.runs[0].limits.wall_s <= effective


@pytest.mark.parametrize(("limit", "left"), [(10.0, 9.9), (0.05, 0.0)])
def test_duration_of_the_claim_is_deducted_from_the_time_limit(stage: Stage, limit: float, left: float) -> None:
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
    stage.between.hook = once("before", "create", lambda: time.sleep(0.1))
    stage.runner.run_now(job, stage.call(), deadline=Deadline.after(limit), record=idempotency_record(job, "key", {}))
    limits = stage.sandbox.runs[0].limits
    assert 0 <= limits.wall_s <= left
    assert limits.total_s <= left


def test_tool_gets_its_job_id(stage: Stage) -> None:
    job = stage.run_now().job
    assert stage.sandbox.runs[0].request["job_id"] == job.job_id


def test_failed_claim_stops_the_tool_and_stores_no_job(stage: Stage) -> None:
    stage.jobs.down = True
    stage.sandbox.script = yields_to_cancel
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert stage.sandbox.runs[0].cancel.reason == "the lease cannot be kept"
    stage.jobs.down = False
    assert stage.jobs.all_jobs == []


def test_failed_claim_discards_the_outcome_of_a_finished_tool(stage: Stage) -> None:
    stage.jobs.down = True
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert "settle" not in stage.between.calls


def test_job_whose_outcome_cannot_be_written_is_settled_after_its_lease(stage: Stage) -> None:
    stage.between.hook = once("before", "settle", lambda: setattr(stage.jobs, "down", True))
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    stage.jobs.down = False
    assert stage.only_job().status is JobStatus.RUNNING
    stage.clock.advance(16)
    assert stage.service.settle_lapsed() == 1
    error = stage.only_job().error
    assert error is not None
    assert error.code is ErrorCode.WORKER_LOST
    assert stage.counted() == {"failed": 1}


def test_sandbox_failure_is_raised_and_the_job_is_settled_after_its_lease(stage: Stage) -> None:
    def breaks(_: Run) -> Ending:
        raise OSError("no more processes")

    stage.sandbox.script = breaks
    with pytest.raises(OSError, match="no more processes"):
        stage.run_now()
    stage.clock.advance(16)
    assert stage.service.settle_lapsed() == 1
    assert stage.counted() == {"failed": 1}


def test_failed_job_has_an_error_and_no_result(stage: Stage) -> None:
    stage.sandbox.script = lambda _: answered("exception", {"exception": "ValueError", "message": "no luck"})
    finished = stage.run_now()
    assert finished.job == stage.only_job()
    assert finished.result is None
    assert finished.job.error is not None
    assert finished.job.error.details == {"exception": "ValueError"}
    assert finished.job.result is None
    assert finished.job.execution_time_ms is not None


def test_large_result_is_stored_under_its_attempt(stage: Stage) -> None:
    text = "x" * INLINE_LIMIT_BYTES
    stage.sandbox.script = succeeds_with({"text": text})
    job = stage.run_now().job
    assert job.result is not None
    assert job.result.key == f"jobs/acme/{job.job_id}/result-1.json"
    assert json.loads(stage.objects.texts[job.result.key]) == {"text": text}


def test_job_whose_result_cannot_be_stored_is_not_succeeded(stage: Stage) -> None:
    stage.objects.down = True
    stage.sandbox.script = succeeds_with({"text": "x" * INLINE_LIMIT_BYTES})
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert stage.only_job().status is JobStatus.RUNNING


def test_output_of_the_tool_is_logged(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[Any, ...]] = []

    def log(message: str, *, extra: dict[str, Any]) -> None:
        lines.append((message, extra["job_id"], extra["stream"], extra["line"]))

    monkeypatch.setattr(job_events.logger, "info", log)

    def print_lines(run: Run) -> Ending:
        run.on_log(LogLine("stdout", "hello there"))
        return echoes(run)

    stage.sandbox.script = print_lines
    job = stage.run_now().job
    assert lines == [("plugin output", job.job_id, "stdout", "hello there")]


def test_output_of_the_tool_becomes_job_events(stage: Stage) -> None:
    def print_lines(run: Run) -> Ending:
        run.on_log(LogLine("stdout", "hello"))
        stage.clock.advance(0.001)
        run.on_progress(0.5, "half")
        run.on_progress(0.6, "more")
        stage.clock.advance(0.001)
        run.on_log(LogLine("stderr", "oh"))
        run.on_log(LogLine("log", "look", "error"))
        return echoes(run)

    stage.sandbox.script = print_lines
    events = stage.run_now().job.events.events
    assert [event.seq for event in events] == list(range(1, 8))
    assert [(event.type.value, *event.fields.values()) for event in events] == [
        ("state", "pending"),
        ("state", "running"),
        ("log", "info", "stdout", "hello"),
        ("progress", 0.6, "more"),
        ("log", "warning", "stderr", "oh"),
        ("log", "error", "log", "look"),
        ("state", "succeeded"),
    ]
    assert stage.only_job().events.events == events
    assert stage.between.calls == ["create", "settle"]  # events cost no extra call


@pytest.mark.usefixtures("quick_heartbeat")
def test_heartbeats_store_each_event_once_while_the_tool_runs(stage: Stage) -> None:
    seen: list[list[str]] = []

    def print_lines(run: Run) -> Ending:
        for number in range(3):
            run.on_log(LogLine("stdout", f"line {number}"))
            stage.wait_for_beats(2)
            seen.append([event.fields["message"] for event in stage.only_job().events.events[2:]])
        return echoes(run)

    stage.count_beats()
    stage.sandbox.script = print_lines
    ended = stage.run_now().job
    lines = [f"line {number}" for number in range(3)]
    assert seen == [lines[:1], lines[:2], lines]
    assert [event.fields["message"] for event in ended.events.events[2:-1]] == lines


@pytest.mark.usefixtures("quick_heartbeat")
def test_cancel_between_two_heartbeats_is_numbered_and_loses_no_line(stage: Stage) -> None:
    asked = threading.Event()

    def cancel_before_heartbeat(moment: Moment, name: str) -> None:
        # After the worker's last read of the job and before its next write.
        if (moment, name) == ("before", "heartbeat") and talked.is_set() and not asked.is_set():
            asked.set()
            stage.service.cancel("acme", stage.only_job().job_id, None)

    def print_lines(run: Run) -> Ending:
        run.on_log(LogLine("stdout", "before"))
        talked.set()
        assert asked.wait(PATIENCE_S)
        run.on_log(LogLine("stdout", "after"))
        return yields_to_cancel(run)

    talked = threading.Event()
    stage.count_beats(cancel_before_heartbeat)
    stage.sandbox.script = print_lines
    events = stage.run_now().job.events.events
    assert [event.seq for event in events] == list(range(1, 7))
    values = [event.fields.get("status") or event.fields["message"] for event in events]
    assert values[:3] == ["pending", "running", "cancelling"]
    assert values[-1] == "cancelled"
    assert values[3:-1] == ["before", "after"]


@pytest.mark.usefixtures("quick_heartbeat")
def test_lines_of_a_failed_heartbeat_are_stored_by_the_next(stage: Stage) -> None:
    def fail_once(moment: Moment, name: str) -> None:
        if (moment, name) == ("before", "heartbeat") and not failed.is_set():
            failed.set()
            raise ServiceUnavailable

    def print_lines(run: Run) -> Ending:
        run.on_log(LogLine("stdout", "once"))
        assert failed.wait(PATIENCE_S)
        stage.wait_for_beats(1)
        run.on_log(LogLine("stdout", "twice"))
        return echoes(run)

    failed = threading.Event()
    stage.count_beats(fail_once)
    stage.sandbox.script = print_lines
    events = stage.run_now().job.events.events
    assert [event.fields["message"] for event in events[2:-1]] == ["once", "twice"]


@pytest.mark.usefixtures("quick_heartbeat")
def test_lines_of_a_heartbeat_with_a_lost_response_are_stored_once(stage: Stage) -> None:
    def lose_response(moment: Moment, name: str) -> None:
        if (moment, name) == ("after", "heartbeat") and talked.is_set() and not lost.is_set():
            lost.set()
            raise ServiceUnavailable

    def print_lines(run: Run) -> Ending:
        run.on_log(LogLine("stdout", "once"))
        talked.set()
        assert lost.wait(PATIENCE_S)
        run.on_log(LogLine("stdout", "twice"))
        stage.wait_for_beats(1)
        return echoes(run)

    talked, lost = threading.Event(), threading.Event()
    stage.count_beats(lose_response)
    stage.sandbox.script = print_lines
    events = stage.run_now().job.events.events
    assert [event.fields["message"] for event in events[2:-1]] == ["once", "twice"]


@pytest.mark.usefixtures("quick_heartbeat")
def test_lines_of_the_last_heartbeat_with_a_lost_response_are_stored_once(stage: Stage) -> None:
    def lose_response(moment: Moment, name: str) -> None:
        if (moment, name) == ("after", "heartbeat") and talked.is_set():
            lost.set()
            raise ServiceUnavailable

    def print_lines(run: Run) -> Ending:
        run.on_log(LogLine("stdout", "once"))
        talked.set()
        assert lost.wait(PATIENCE_S)
        run.on_log(LogLine("stdout", "twice"))
        return echoes(run)

    talked, lost = threading.Event(), threading.Event()
    stage.between.hook = lose_response
    stage.sandbox.script = print_lines
    events = stage.run_now().job.events.events
    assert [event.fields["message"] for event in events[2:-1]] == ["once", "twice"]


# --- Asynchronous ---


def test_pending_job_is_claimed_run_and_finished(stage: Stage) -> None:
    job = stage.pending()
    stage.clock.advance(2)
    held: list[Job] = []

    def look_around(run: Run) -> Ending:
        held.append(stage.stored(job))
        return echoes(run)

    stage.sandbox.script = look_around
    ended = stage.run_pending(job)
    assert [(one.status, one.lease_expires_at) for one in held] == [(JobStatus.RUNNING, stage.clock() + LEASE)]
    assert held[0].worker_id
    assert ended == stage.stored(job)
    assert (ended.status, ended.attempt) == (JobStatus.SUCCEEDED, 1)
    assert (ended.created_at, ended.started_at) == (NOON, NOON + timedelta(seconds=2))
    assert stage.sandbox.runs[0].request["input"] == {"text": "hello"}
    assert stage.between.calls == ["get", "change", "settle"]
    assert stage.counted() == {"succeeded": 1}


def test_run_pending_returns_none_for_an_unknown_job(stage: Stage) -> None:
    assert stage.runner.run_pending("acme", "01J00000000000000000000000", deadline=Deadline.after(800.0)) is None


def test_job_that_is_not_pending_is_not_run(stage: Stage) -> None:
    job = stage.pending()
    stage.service.cancel("acme", job.job_id, None)
    assert stage.run_pending(job).status is JobStatus.CANCELLED
    assert stage.sandbox.runs == []


def test_second_claim_of_a_job_does_not_run_it(stage: Stage) -> None:
    job = stage.pending()
    stage.between.hook = once("before", "change", lambda: stage.run_pending(job))
    seen = stage.run_pending(job)
    assert seen == stage.stored(job)
    assert seen.status is JobStatus.SUCCEEDED
    assert len(stage.sandbox.runs) == 1
    assert stage.counted() == {"succeeded": 1}


def test_job_cancelled_just_before_its_claim_does_not_start(stage: Stage) -> None:
    job = stage.pending()
    stage.between.hook = once("before", "change", lambda: stage.service.cancel("acme", job.job_id, None))
    assert stage.run_pending(job).status is JobStatus.CANCELLED
    assert stage.sandbox.runs == []
    assert stage.counted() == {"cancelled": 1}


def test_pending_job_whose_claim_cannot_be_written_stays_pending(stage: Stage) -> None:
    job = stage.pending()
    stage.between.hook = once("before", "change", lambda: setattr(stage.jobs, "down", True))
    with pytest.raises(ServiceUnavailable):
        stage.run_pending(job)
    stage.jobs.down = False
    assert stage.stored(job) == job
    assert stage.sandbox.runs == []


def test_job_of_a_removed_plugin_fails_with_the_reason(stage: Stage) -> None:
    job = stage.pending()
    stage.remove_plugins()
    ended = stage.run_pending(job)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.UNKNOWN_PLUGIN
    assert stage.sandbox.runs == []
    assert stage.counted() == {"failed": 1}


def test_job_whose_input_is_no_longer_valid_fails_without_a_run(stage: Stage) -> None:
    job = stage.pending({"txt": "hello"})
    ended = stage.run_pending(job)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.INVALID_INPUT
    assert ended.error.details["errors"][0]["path"] in {"/text", "/txt"}
    assert stage.sandbox.runs == []
    assert stage.counted() == {"failed": 1}


def test_job_without_an_input_fails_with_invalid_input(stage: Stage) -> None:
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
    stage.jobs.create(job)
    ended = stage.run_pending(job)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.INVALID_INPUT


def test_job_whose_input_has_expired_fails(stage: Stage) -> None:
    job = stage.pending({"text": "x" * INLINE_LIMIT_BYTES})
    stage.objects.texts.clear()
    ended = stage.run_pending(job)
    assert ended.status is JobStatus.FAILED
    assert ended.error is not None
    assert ended.error.message == "The document has expired."


# --- Heartbeats ---


def test_short_run_costs_no_heartbeat(stage: Stage) -> None:
    stage.run_now()
    assert "heartbeat" not in stage.between.calls


@pytest.mark.usefixtures("quick_heartbeat")
def test_heartbeat_extends_the_lease_and_stores_the_latest_progress(stage: Stage) -> None:
    seen: list[Job] = []

    def work(run: Run) -> Ending:
        run.on_progress(0.2, "page 1 of 5")
        run.on_progress(0.4, "page 2 of 5")
        stage.clock.advance(10)
        stage.wait_for_beats(2)
        seen.append(stage.only_job())
        return echoes(run)

    stage.count_beats()
    stage.sandbox.script = work
    ended = stage.run_now().job
    [job] = seen
    assert job.lease_expires_at == NOON + timedelta(seconds=10) + LEASE
    assert job.progress is not None
    assert (job.progress.fraction, job.progress.message, job.progress.at) == (0.4, "page 2 of 5", NOON)
    assert ended.progress == job.progress


def test_progress_after_the_last_heartbeat_is_stored_with_the_outcome(stage: Stage) -> None:
    def work(run: Run) -> Ending:
        run.on_progress(1.0, "done")
        return echoes(run)

    stage.sandbox.script = work
    progress = stage.run_now().job.progress
    assert progress is not None
    assert (progress.fraction, progress.message) == (1.0, "done")


@pytest.mark.parametrize(
    ("fraction", "message", "kept"),
    [
        (1e-300, "tiny", (0.0, "tiny")),
        (0.123456789, "exact", (0.123457, "exact")),
        (7.0, "beyond", (1.0, "beyond")),
        (-1.0, "below", (0.0, "below")),
        (float("nan"), "none", (0.0, "none")),
        (0.5, "x" * 100_000, (0.5, "x" * 200)),
        (0.5, "half \ud800 a character", (0.5, "half ? a character")),
    ],
)
def test_progress_is_limited_to_what_the_table_accepts(
    stage: Stage, fraction: float, message: str, kept: tuple[float, str]
) -> None:
    # A plugin can tamper with its worker process, and its reports must not cost the job its lease.
    def work(run: Run) -> Ending:
        run.on_progress(fraction, message)
        return echoes(run)

    stage.sandbox.script = work
    progress = stage.run_now().job.progress
    assert progress is not None
    assert (progress.fraction, progress.message) == kept


@pytest.mark.usefixtures("quick_heartbeat")
def test_cancel_reaches_the_tool_through_a_heartbeat(stage: Stage) -> None:
    def wait_for_cancel(run: Run) -> Ending:
        stage.wait_for_beats(1)
        stage.service.cancel("acme", stage.only_job().job_id, "not needed")
        assert run.until_cancelled() == "cancelled by the caller"
        return Cancelled(pid=1, how="killed")

    stage.count_beats()
    stage.sandbox.script = wait_for_cancel
    job = stage.run_now().job
    assert job == stage.only_job()
    assert job.status is JobStatus.CANCELLED
    assert job.cancel == Cancel(NOON, "not needed", CancelOutcome.KILLED)
    assert stage.counted() == {"cancelled": 1}


@pytest.mark.usefixtures("quick_heartbeat")
def test_tool_that_finishes_despite_its_cancel_keeps_its_outcome(stage: Stage) -> None:
    def finish_despite_cancel(run: Run) -> Ending:
        stage.wait_for_beats(1)
        stage.service.cancel("acme", stage.only_job().job_id, None)
        run.until_cancelled()
        return echoes(run)

    stage.count_beats()
    stage.sandbox.script = finish_despite_cancel
    job = stage.run_now().job
    assert job.status is JobStatus.SUCCEEDED
    assert job.cancel == Cancel(NOON, None, CancelOutcome.TOO_LATE)


def test_cancel_after_the_last_heartbeat_is_too_late(stage: Stage) -> None:
    stage.between.hook = once(
        "before", "settle", lambda: stage.service.cancel("acme", stage.only_job().job_id, "not needed")
    )
    finished = stage.run_now()
    assert finished == Finished(stage.only_job(), {"text": "hello"})
    assert finished.job.status is JobStatus.SUCCEEDED
    assert finished.job.cancel == Cancel(NOON, "not needed", CancelOutcome.TOO_LATE)
    assert stage.counted() == {"succeeded": 1}


def settle_as_lost(stage: Stage) -> None:
    """Settle the job as another process does that considers the worker lost."""
    job = stage.only_job()
    lost = steps.lost(job, now=stage.clock())
    stage.jobs.settle(job, lost, ending_delta(job, lost))


@pytest.mark.usefixtures("quick_heartbeat")
def test_worker_whose_job_was_settled_stops_its_tool_and_writes_nothing(stage: Stage) -> None:
    def wait_for_lost_lease(run: Run) -> Ending:
        stage.wait_for_beats(1)
        settle_as_lost(stage)
        assert run.until_cancelled() == "the lease was lost"
        return Cancelled(pid=1, how="stopped")

    stage.count_beats()
    stage.sandbox.script = wait_for_lost_lease
    finished = stage.run_now()
    assert finished == Finished(stage.only_job(), None)
    assert finished.job.error is not None
    assert finished.job.error.code is ErrorCode.WORKER_LOST
    assert "settle" not in stage.between.calls
    assert stage.counted() == {"failed": 1}


@pytest.mark.usefixtures("quick_heartbeat")
def test_worker_whose_job_has_expired_stops_its_tool_and_writes_nothing(stage: Stage) -> None:
    def wait_for_lost_lease(run: Run) -> Ending:
        stage.wait_for_beats(1)
        stage.jobs.forget(stage.only_job())
        assert run.until_cancelled() == "the lease was lost"
        return Cancelled(pid=1, how="stopped")

    stage.count_beats()
    stage.sandbox.script = wait_for_lost_lease
    stage.run_now()
    assert stage.jobs.all_jobs == []


def test_outcome_written_after_a_settlement_changes_nothing(stage: Stage) -> None:
    stage.between.hook = once("before", "settle", lambda: settle_as_lost(stage))
    finished = stage.run_now()
    assert finished == Finished(stage.only_job(), None)
    assert finished.job.status is JobStatus.FAILED
    assert stage.counted() == {"failed": 1}


def test_outcome_of_an_expired_job_does_not_restore_it(stage: Stage) -> None:
    stage.between.hook = once("before", "settle", lambda: stage.jobs.forget(stage.only_job()))
    assert stage.run_now().result is None
    assert stage.jobs.all_jobs == []


@pytest.mark.usefixtures("quick_heartbeat")
def test_job_survives_a_failed_heartbeat(stage: Stage) -> None:
    failed = threading.Event()

    def fail_first(moment: Moment, name: str) -> None:
        if (moment, name) == ("before", "heartbeat") and not failed.is_set():
            failed.set()
            raise ServiceUnavailable(service="table")

    def work(run: Run) -> Ending:
        stage.wait_for_beats(2)
        return echoes(run)

    stage.count_beats(fail_first)
    stage.sandbox.script = work
    assert stage.run_now().job.status is JobStatus.SUCCEEDED
    assert failed.is_set()


@pytest.mark.usefixtures("quick_heartbeat")
def test_tool_is_stopped_when_the_lease_cannot_be_extended_in_time(stage: Stage) -> None:
    def wait_for_cancel(run: Run) -> Ending:
        stage.wait_for_beats(1)
        stage.jobs.down = True
        stage.clock.advance(10.5)
        assert run.until_cancelled() == "the lease cannot be kept"
        return Cancelled(pid=1, how="stopped")

    stage.count_beats()
    stage.sandbox.script = wait_for_cancel
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert "settle" not in stage.between.calls
    stage.jobs.down = False
    assert stage.only_job().status is JobStatus.RUNNING


@pytest.mark.usefixtures("quick_heartbeat")
def test_unexpected_heartbeat_error_stops_the_tool_and_is_raised(stage: Stage) -> None:
    # Otherwise the lease would expire while the tool keeps running.
    def breaks(moment: Moment, name: str) -> None:
        if name == "heartbeat":
            raise LookupError("unforeseen")

    stage.between.hook = breaks
    stage.sandbox.script = yields_to_cancel
    with pytest.raises(LookupError, match="unforeseen"):
        stage.run_now()


def test_run_leaves_no_thread_or_descriptor(stage: Stage) -> None:
    def held() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    stage.run_now()
    before = held()
    stage.run_now()
    assert held() == before


def test_late_callbacks_of_a_finished_run_are_ignored(stage: Stage) -> None:
    stage.run_now()
    run = stage.sandbox.runs[0]
    run.on_progress(0.9, "late")
    run.cancel.set("late")
    assert stage.only_job().progress is None


def test_malformed_worker_response_fails_with_invalid_output(stage: Stage) -> None:
    stage.sandbox.script = lambda _: Completed(pid=1, payload=b"\x00\xff")
    error = stage.run_now().job.error
    assert error is not None
    assert error.code is ErrorCode.INVALID_OUTPUT


def test_attempt_settled_by_another_process_is_logged(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(job_runner.logger, "warning", lambda message, **_: warned.append(message))
    stage.between.hook = once("before", "settle", lambda: settle_as_lost(stage))
    stage.run_now()
    assert warned == ["the attempt was settled by another process"]
