"""The output of a tool becomes events of its job, each stored once."""

import logging
import threading
from typing import Any

import pytest

from interlock.domain.errors import ServiceUnavailable
from interlock.jobs import event_buffer as job_events
from interlock.sandbox import Ending, LogLine
from tests.fakes.sandbox import PATIENCE_S, Run, echoes, yields_to_cancel
from tests.fakes.store import Moment
from tests.pure.core.job_runner_stage import Stage


def test_output_of_the_tool_is_logged(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[Any, ...]] = []

    def log(level: int, message: str, *, extra: dict[str, Any]) -> None:
        lines.append((level, message, extra["job_id"], extra["stream"], extra["line"]))

    monkeypatch.setattr(job_events.logger, "log", log)

    def print_lines(run: Run) -> Ending:
        run.on_log(LogLine("stdout", "hello there"))
        return echoes(run)

    stage.sandbox.script = print_lines
    job = stage.run_now().job
    assert lines == [(logging.INFO, "plugin output", job.job_id, "stdout", "hello there")]


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
    assert stage.between.calls == ["create"]  # events cost no extra call


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
