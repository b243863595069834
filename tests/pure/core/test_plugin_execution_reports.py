"""The log of a run in a worker process: tracebacks, reports of the interpreter, lines of the plugin."""

import json
import logging
import math
import sys
import threading
import warnings
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from interlock.domain.events import TRACEBACK
from interlock.sandbox import Channel
from interlock.tools import worker_plugin
from interlock.tools.worker_context import WorkerContext
from interlock.tools.worker_diagnostics import MAX_REPORTS, MAX_TRACEBACK_LINES
from tests.pure.core.probe_plugin import PLUGIN, Ask, RecordingChannel


class Unspeakable:
    def __str__(self) -> str:
        return str(1 // 0)


def test_traceback_is_logged_and_not_in_the_response(
    ask: Ask, channel: RecordingChannel, capfd: pytest.CaptureFixture[str]
) -> None:
    _, detail = ask("raises")
    lines = [call[2] for call in channel.calls if call[:2] == ("log", TRACEBACK)]
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "KeyError: 'hello'"
    assert "Traceback" not in json.dumps(detail) + capfd.readouterr().err


@pytest.mark.parametrize(
    ("tool", "report", "last"),
    [
        ("threads", ("error", "thread helper ended by KeyError: 'hello'"), "KeyError: 'hello'"),
        ("ignores", ("warning", "an exception was ignored: LookupError: hello"), "LookupError: hello"),
        ("warns", ("warning", "UserWarning: hello"), "  warnings.warn(input.text)"),
        ("logs", ("error", "no such key"), "KeyError: 'hello'"),
    ],
)
def test_location_of_an_interpreter_report_is_in_the_function_log_only(
    ask: Ask, channel: RecordingChannel, capfd: pytest.CaptureFixture[str], *, tool: str, report: Any, last: str
) -> None:
    with warnings.catch_warnings():
        assert ask(tool)[0] == "succeeded"
    lines = [call[1:] for call in channel.calls if call[0] == "log"]
    public = [line for line in lines if line[0] != TRACEBACK]
    assert public[-1] == report
    assert len(public) == (2 if tool == "logs" else 1)
    assert lines[-1] == (TRACEBACK, last)
    assert any("probe.py" in line for level, line in lines if level == TRACEBACK)
    assert "probe.py" not in str(public) + capfd.readouterr().err


def test_log_record_that_cannot_be_formatted_does_not_fail_the_run(ask: Ask, channel: RecordingChannel) -> None:
    ask("logs")
    assert ("log", "info", "took %d s (its text could not be read: TypeError)") in channel.calls
    WorkerContext("JOB", cast("Channel", channel)).logger.error(Unspeakable())
    assert channel.calls[-1] == ("log", "error", "a Unspeakable (its text could not be read: ZeroDivisionError)")


def test_interpreter_reports_belong_to_the_current_run(ask: Ask, channel: RecordingChannel) -> None:
    ask("threads")
    hooks = threading.excepthook, sys.unraisablehook, warnings.showwarning
    channel.calls.clear()
    ask("ignores")
    assert ("log", "warning", "an exception was ignored: LookupError: hello") in channel.calls
    assert hooks == (threading.excepthook, sys.unraisablehook, warnings.showwarning)


def test_chained_interpreter_reports_are_bounded(ask: Ask, channel: RecordingChannel) -> None:
    ask("ignores")
    reports = worker_plugin._reports
    channel.calls.clear()
    log = channel.log

    def log_and_warn(level: str, message: str) -> None:
        log(level, message)
        warnings.showwarning("more", UserWarning, "file", 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channel, "log", log_and_warn)
        for _ in range(MAX_REPORTS * 2):
            reports.report_warning("again", UserWarning, "file", 1)
    reported = [call for call in channel.calls if call == ("log", "warning", "UserWarning: again")]
    assert len(reported) == MAX_REPORTS - 1
    assert ("log", "warning", "UserWarning: more") not in channel.calls


def test_traceback_is_bounded_in_lines(ask: Ask, channel: RecordingChannel) -> None:
    ask("wordy")
    assert len([call for call in channel.calls if call[:2] == ("log", TRACEBACK)]) == MAX_TRACEBACK_LINES


def test_traceback_is_bounded_in_frames(ask: Ask, channel: RecordingChannel) -> None:
    ask("recurses")
    assert len([call for call in channel.calls if call[0] == "log" and call[2].startswith("  File ")]) == 50


def test_logged_exception_that_was_never_raised_has_its_traceback(channel: RecordingChannel) -> None:
    WorkerContext("JOB", cast("Channel", channel)).logger.error("refused", exc_info=KeyError("hello"))
    assert channel.calls == [("log", "error", "refused"), ("log", TRACEBACK, "KeyError: 'hello'")]


def test_warning_during_the_import_of_a_plugin_is_reported(ask: Ask, channel: RecordingChannel) -> None:
    source = f"import warnings\nwarnings.simplefilter('always')\nwarnings.warn('old format')\n{PLUGIN}"
    with warnings.catch_warnings():
        assert ask("echo", source=source)[0] == "succeeded"
    public, place = channel.calls[:2]
    assert public == ("log", "warning", "UserWarning: old format")
    assert place[:2] == ("log", TRACEBACK)
    assert place[2].endswith("probe.py:3: UserWarning: old format")


def test_exception_of_a_thread_that_is_gone_is_reported(ask: Ask, channel: RecordingChannel) -> None:
    ask("echo")
    worker_plugin._reports.report_thread(threading.ExceptHookArgs((KeyError, KeyError("hello"), None, None)))
    assert ("log", "error", "thread ? ended by KeyError: 'hello'") in channel.calls


def test_traceback_that_cannot_be_formatted_keeps_the_verdict(
    ask: Ask, channel: RecordingChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traceback.print_exception", object())
    assert ask("raises") == ("exception", {"exception": "KeyError", "message": "'hello'"})
    assert ("log", TRACEBACK, "no traceback (its text could not be read: TypeError)") in channel.calls


@pytest.mark.parametrize(
    ("fraction", "sent"), [(0.25, 0.25), (-1, 0.0), (7, 1.0), (math.nan, 0.0), (math.inf, 1.0), ("0.5", 0.5)]
)
def test_progress_stays_between_0_and_1(channel: RecordingChannel, fraction: Any, sent: float) -> None:
    WorkerContext("JOB", cast("Channel", channel)).progress(fraction, "x" * 300)
    assert channel.calls == [("progress", sent, "x" * 200)]


def test_progress_may_have_no_message(channel: RecordingChannel) -> None:
    WorkerContext("JOB", cast("Channel", channel)).progress(0.5)
    assert channel.calls == [("progress", 0.5, "")]


def test_context_reflects_the_state_of_the_channel(channel: RecordingChannel) -> None:
    context = WorkerContext("JOB", cast("Channel", channel))
    assert (context.job_id, context.cancelled, context.temp_dir) == ("JOB", False, channel.temp_dir)
    assert context.deadline == datetime.fromtimestamp(1_800_000_000, UTC)
    channel.cancelled = True
    assert context.cancelled


def test_plugin_logger_accepts_every_level_and_is_separate(channel: RecordingChannel) -> None:
    context = WorkerContext("JOB", cast("Channel", channel))
    context.logger.debug("a detail")
    context.logger.error("trouble: %d", 3)
    assert channel.calls == [("log", "debug", "a detail"), ("log", "error", "trouble: 3")]
    assert context.logger.name == "interlock.job.JOB"
    assert context.logger is not logging.getLogger("interlock.job.JOB")
