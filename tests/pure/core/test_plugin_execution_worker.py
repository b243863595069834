"""The part of the ToolRunner that runs in the worker process: from a request to a verdict."""

import json
import logging
import math
import sys
import threading
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from interlock.domain.events import TRACEBACK
from interlock.sandbox import Channel
from interlock.tools import tool_runner
from interlock.tools.messages import MAX_MESSAGE, MAX_NAME
from interlock.tools.tool_runner import MAX_FAILURES_IN_A_ROW, serve
from interlock.tools.worker_context import WorkerContext
from interlock.tools.worker_diagnostics import MAX_REPORTS, MAX_TRACEBACK_LINES, InterpreterReports

PLUGIN = """
import logging
import threading
import warnings
from typing import Any
from pydantic import BaseModel
from interlock.plugin import Cancelled, InvalidInput, Plugin, tool

loaded = []

class In(BaseModel):
    text: str = ""

class Out(BaseModel):
    text: str

class Number(BaseModel):
    n: float

class Value(BaseModel):
    value: Any

class Silent(Exception):
    def __str__(self):
        raise SystemExit(1)

class Probe(Plugin):
    name, version = "probe", "1"

    def setup(self):
        loaded.append(self)

    @tool()
    def echo(self, input: In, context) -> Out:
        context.progress(0.5, "half")
        context.logger.warning("careful with %s", input.text)
        return {"text": input.text + "|" + str(len(loaded)) + "|" + context.job_id}

    @tool()
    def raises(self, input: In, context) -> Out:
        raise KeyError(input.text)

    @tool()
    def long(self, input: In, context) -> Out:
        raise ValueError("x" * 100_000)

    @tool()
    def silent(self, input: In, context) -> Out:
        raise Silent

    @tool()
    def exits(self, input: In, context) -> Out:
        raise SystemExit(4)

    @tool()
    def stops(self, input: In, context) -> Out:
        raise Cancelled(input.text)

    @tool()
    def wordy(self, input: In, context) -> Out:
        raise type("E" * 1000, (Exception,), {})("\\n".join("line" for _ in range(1000)))

    @tool()
    def refuses(self, input: In, context) -> Out:
        raise InvalidInput("/text", "is not for me")

    @tool()
    def misfits(self, input: In, context) -> Out:
        return {"txt": 1}

    @tool()
    def greedy(self, input: In, context) -> Out:
        raise MemoryError

    @tool()
    def nan(self, input: In, context) -> Number:
        return {"n": float("nan")}

    @tool()
    def anything(self, input: In, context) -> Value:
        return {"value": eval(input.text)}

    @tool()
    def threads(self, input: In, context) -> Out:
        thread = threading.Thread(target=lambda: {}[input.text], name="helper")
        thread.start()
        thread.join()
        leaves = threading.Thread(target=exit)
        leaves.start()
        leaves.join()
        return {"text": "done"}

    @tool()
    def warns(self, input: In, context) -> Out:
        warnings.simplefilter("always")
        warnings.warn(input.text)
        return {"text": "done"}

    @tool()
    def ignores(self, input: In, context) -> Out:
        class Falls:
            def __del__(self):
                raise LookupError(input.text)
        Falls()
        return {"text": "done"}

    @tool()
    def logs(self, input: In, context) -> Out:
        context.logger.info("took %d s", "two")
        try:
            {}[input.text]
        except KeyError:
            context.logger.exception("no such key")
        return {"text": "done"}
"""


class Unspeakable:
    def __str__(self) -> str:
        return str(1 // 0)


class RecordingChannel:
    """A fake of `interlock.sandbox.Channel`."""

    def __init__(self, temp_dir: Path) -> None:
        self.calls: list[Any] = []
        self.cancelled = False
        self.deadline = 1_800_000_000.0
        self.temp_dir = temp_dir

    def ready(self) -> None:
        self.calls.append("ready")

    def arm(self, exception: type[BaseException]) -> None:
        self.calls.append(("arm", exception.__name__))

    def disarm(self) -> None:
        self.calls.append("disarm")

    def retire(self) -> None:
        self.calls.append("retire")

    def mark_interrupted(self) -> None:
        self.calls.append("interrupted")

    def progress(self, fraction: float, message: str) -> None:
        self.calls.append(("progress", fraction, message))

    def log(self, level: str, message: str) -> None:
        self.calls.append(("log", level, message))


@pytest.fixture
def channel(tmp_path: Path) -> RecordingChannel:
    return RecordingChannel(tmp_path)


type Ask = Callable[..., tuple[str, Any]]


@pytest.fixture
def ask(tmp_path: Path, channel: RecordingChannel, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a tool of the plugin above in the worker code; return the verdict and its detail."""
    file = tmp_path / "probe.py"
    file.write_text(PLUGIN)
    monkeypatch.setattr(tool_runner, "_loaded", {})
    monkeypatch.setattr(tool_runner, "_failures_in_a_row", [])
    monkeypatch.setattr(tool_runner, "_reports", InterpreterReports())
    for module, name in ((threading, "excepthook"), (sys, "unraisablehook"), (warnings, "showwarning")):
        monkeypatch.setattr(module, name, getattr(module, name))  # restored after the test

    def _ask(tool: str, text: str = "hello", source: str | None = None) -> tuple[str, Any]:
        if source is not None:
            file.write_text(source)
        request = {
            "source": {"module": "probe", "class_name": "Probe", "path": str(file)},
            "tool": tool,
            "input": {"text": text},
            "files": [],
            "job_id": "JOB",
        }
        answer = json.loads(serve(json.dumps(request).encode(), cast("Channel", channel)))
        return answer["verdict"], answer["detail"]

    return _ask


def test_cancel_is_armed_only_while_the_tool_runs(ask: Ask, channel: RecordingChannel) -> None:
    assert ask("echo") == ("succeeded", {"text": "hello|1|JOB"})
    assert channel.calls == [
        "ready",
        ("arm", "Cancelled"),
        ("progress", 0.5, "half"),
        ("log", "warning", "careful with hello"),
        "disarm",
    ]


def test_fetched_file_replaces_its_upload_in_the_input(
    tmp_path: Path, channel: RecordingChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "files.py"
    file.write_text(
        "from pydantic import BaseModel\nfrom interlock.plugin import FileBytes, FilePath, Plugin, tool\n"
        "class In(BaseModel):\n    one: FileBytes\n    more: list[FilePath]\n"
        "class Out(BaseModel):\n    text: str\n"
        "class Files(Plugin):\n    name, version = 'files', '1'\n    @tool()\n"
        "    def read(self, input: In, context) -> Out:\n"
        "        return Out(text=input.one.decode() + '|' + '|'.join(str(path) for path in input.more))\n"
    )
    monkeypatch.setattr(tool_runner, "_loaded", {})
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "upload-0").write_bytes(b"hello")
    request = {
        "source": {"module": "files", "class_name": "Files", "path": str(file)},
        "tool": "read",
        "input": {"one": {"upload_id": "x"}, "more": ["aGk=", {"upload_id": "x"}]},
        "files": [[["one"], "upload-0"], [["more", 1], "upload-0"]],
        "job_id": "JOB",
    }
    answer = json.loads(serve(json.dumps(request).encode(), cast("Channel", channel)))
    assert answer["verdict"] == "succeeded", answer
    one, written, uploaded = answer["detail"]["text"].split("|")
    assert one == "hello"
    assert Path(written).read_bytes() == b"hi"
    assert uploaded == str(tmp_path / "upload-0")


def test_plugin_is_loaded_and_set_up_once_per_process(ask: Ask) -> None:
    ask("echo")
    assert ask("echo") == ("succeeded", {"text": "hello|1|JOB"})


@pytest.mark.parametrize(
    ("tool", "detail"),
    [
        ("raises", {"exception": "KeyError", "message": "'hello'"}),
        ("exits", {"exception": "SystemExit", "message": "4"}),
        ("silent", {"exception": "Silent", "message": "(its text could not be read: SystemExit)"}),
        ("long", {"exception": "ValueError", "message": "x" * MAX_MESSAGE}),
        ("wordy", {"exception": "E" * MAX_NAME, "message": "\n".join(["line"] * 1000)[:MAX_MESSAGE]}),
        ("stops", {"exception": "Cancelled", "message": "hello"}),
    ],
)
def test_exceptions_of_a_tool_are_reported_with_class_and_text(ask: Ask, tool: str, detail: Any) -> None:
    assert ask(tool) == ("exception", detail)


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
    reports = tool_runner._reports
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


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("float('nan')", ["/value"]),
        ("[float('inf'), None, 1.5, {'a': (1, float('-inf'))}]", ["/value/0", "/value/3/a/1"]),
        ("{'a/b': float('nan')}", ["/value/a~1b"]),
    ],
)
def test_nan_and_infinity_are_invalid_output_with_their_path(ask: Ask, value: str, paths: list[str]) -> None:
    problems = [{"path": path, "message": "is NaN or infinite"} for path in paths]
    assert ask("anything", text=value) == ("invalid_output", problems)


@pytest.mark.parametrize("value", ["None", "[None, {'a': None}]", "{'a': {1.5, 2.5}, 'b': None}"])
def test_null_in_a_result_stays_null(ask: Ask, value: str) -> None:
    verdict, detail = ask("anything", text=value)
    assert verdict == "succeeded"
    assert "null" in json.dumps(detail)


def test_traceback_is_bounded_in_lines(ask: Ask, channel: RecordingChannel) -> None:
    ask("wordy")
    assert len([call for call in channel.calls if call[:2] == ("log", TRACEBACK)]) == MAX_TRACEBACK_LINES


def test_traceback_that_cannot_be_formatted_keeps_the_verdict(
    ask: Ask, channel: RecordingChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traceback.print_exception", object())
    assert ask("raises") == ("exception", {"exception": "KeyError", "message": "'hello'"})
    assert ("log", TRACEBACK, "no traceback (its text could not be read: TypeError)") in channel.calls


@pytest.mark.parametrize(
    ("tools", "retired"),
    [
        (["raises"] * 2, False),
        (["raises"] * MAX_FAILURES_IN_A_ROW, True),
        (["raises", "raises", "echo", "raises", "raises"], False),
        (["refuses"] * 5, False),
    ],
)
def test_process_retires_after_repeated_failures(
    ask: Ask, channel: RecordingChannel, tools: list[str], retired: bool
) -> None:
    for tool in tools:
        ask(tool)
    assert ("retire" in channel.calls) is retired


def test_cancelled_raised_by_the_tool_marks_the_run_as_interrupted(ask: Ask, channel: RecordingChannel) -> None:
    verdict, _ = ask("stops")
    assert verdict == "exception"
    assert "interrupted" in channel.calls


def test_exception_after_a_cancel_marks_the_run_as_interrupted(ask: Ask, channel: RecordingChannel) -> None:
    channel.cancelled = True
    ask("raises")
    assert "interrupted" in channel.calls


def test_exception_without_a_cancel_does_not_mark_the_run_as_interrupted(ask: Ask, channel: RecordingChannel) -> None:
    ask("raises")
    assert "interrupted" not in channel.calls


def test_invalid_input_raised_by_the_tool_names_the_field(ask: Ask) -> None:
    assert ask("refuses") == (
        "invalid_input",
        {"message": "/text: is not for me", "errors": [{"path": "/text", "message": "is not for me"}]},
    )


def test_output_that_does_not_match_the_model_is_invalid_output_with_its_path(ask: Ask) -> None:
    verdict, detail = ask("misfits")
    assert verdict == "invalid_output"
    assert detail == [{"path": "/text", "message": "Field required"}]


def test_result_that_json_cannot_represent_is_invalid_output(ask: Ask) -> None:
    verdict, detail = ask("nan")
    assert verdict == "invalid_output"
    assert "cannot be written as JSON" in json.dumps(detail)


def test_out_of_memory_retires_the_process(ask: Ask, channel: RecordingChannel) -> None:
    assert ask("greedy") == ("memory", None)
    assert "retire" in channel.calls


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "needs no_such_module: not installed"),
        ("import json.no_such_part", "needs json.no_such_part: not installed"),
        ("raise ModuleNotFoundError('no driver')", "ModuleNotFoundError: no driver"),
        ("raise ModuleNotFoundError(name='x' * 1000)", f"needs {'x' * MAX_NAME}: not installed"),
        ("class Own(ModuleNotFoundError): name = 'liar'\nraise Own('no driver')", "Own: no driver"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1/0", "ZeroDivisionError: division by zero"),
        ("", "AttributeError: module 'interlock_added_probe' has no attribute 'Probe'"),
        ("class Probe:\n def setup(self): raise OSError('no model')", "OSError: no model"),
    ],
)
def test_plugin_that_cannot_be_loaded_is_unavailable_and_its_process_retires(
    ask: Ask, channel: RecordingChannel, source: str, reason: str
) -> None:
    assert ask("echo", source=source) == ("unavailable", reason)
    assert channel.calls[-1] == "retire"
    assert {call[:2] for call in channel.calls[:-1]} == {("log", TRACEBACK)}


def test_failed_load_is_retried(ask: Ask) -> None:
    ask("echo", source="1/0")
    assert ask("echo", source=PLUGIN)[0] == "succeeded"


@pytest.mark.parametrize(
    ("fraction", "sent"), [(0.25, 0.25), (-1, 0.0), (7, 1.0), (math.nan, 0.0), (math.inf, 1.0), ("0.5", 0.5)]
)
def test_progress_stays_between_0_and_1(channel: RecordingChannel, fraction: Any, sent: float) -> None:
    WorkerContext("JOB", cast("Channel", channel)).progress(fraction, "x" * 300)
    assert channel.calls == [("progress", sent, "x" * 200)]


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
    assert context.logger is not logging.getLogger("interlock.job.JOB")
