"""The part of the ToolRunner that runs in the worker process: from a request to a verdict."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from interlock.domain.events import TRACEBACK
from interlock.sandbox import Channel
from interlock.tools import worker_plugin
from interlock.tools.messages import MAX_MESSAGE, MAX_NAME
from interlock.tools.tool_runner import serve
from interlock.tools.worker_plugin import MAX_FAILURES_IN_A_ROW, load
from tests.pure.core.probe_plugin import PLUGIN, Ask, RecordingChannel


def test_cancel_is_armed_only_while_the_tool_runs(ask: Ask, channel: RecordingChannel) -> None:
    assert ask("echo") == ("succeeded", {"text": "hello|1|JOB"})
    assert channel.calls == [
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
    monkeypatch.setattr(worker_plugin, "_plugins", [])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "upload-0").write_bytes(b"hello")
    code = {"module": "files", "class_name": "Files", "path": str(file)}
    assert load(json.dumps(code).encode(), cast("Channel", channel)) is None
    request = {
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


CONFIGURED = """
from pydantic import BaseModel
from interlock.plugin import Plugin, tool
class Settings(BaseModel):
    region: str
class In(BaseModel):
    pass
class Out(BaseModel):
    text: str
class Probe(Plugin):
    name, version, settings = "probe", "1", Settings
    config: Settings
    def setup(self):
        self.ready = self.config.region
    @tool()
    def read(self, input: In, context) -> Out:
        return Out(text=self.ready)
"""


def test_plugin_has_its_settings_before_it_is_set_up(ask: Ask, channel: RecordingChannel, tmp_path: Path) -> None:
    (tmp_path / "configured.py").write_text(CONFIGURED)
    code = {"module": "configured", "class_name": "Probe", "path": str(tmp_path / "configured.py")}
    settings = {"settings": {"region": "eu-west-1"}}
    assert load(json.dumps(code | settings).encode(), cast("Channel", channel)) is None
    assert ask("read") == ("succeeded", {"text": "eu-west-1"})


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


@pytest.mark.parametrize(
    ("tools", "retired"),
    [
        (["raises"] * 2, False),
        (["raises"] * MAX_FAILURES_IN_A_ROW, True),
        (["raises", "raises", "echo", "raises", "raises"], False),
        (["refuses"] * 5, False),
        (["asks"] * 5, False),
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


def test_invalid_input_without_usable_details_is_still_invalid_input(ask: Ask) -> None:
    assert ask("tampers") == ("invalid_input", {"message": "/text: is not for me", "errors": []})


def test_lone_surrogates_in_the_text_of_an_exception_are_replaced(ask: Ask) -> None:
    assert ask("stops", text="half \ud800 a character") == (
        "exception",
        {"exception": "Cancelled", "message": "half ? a character"},
    )


def test_output_that_does_not_match_the_model_is_invalid_output_with_its_path(ask: Ask) -> None:
    verdict, detail = ask("misfits")
    assert verdict == "invalid_output"
    assert detail == [{"path": "/text", "message": "Field required"}]


def test_result_that_json_cannot_represent_is_invalid_output(ask: Ask) -> None:
    verdict, detail = ask("nan")
    assert verdict == "invalid_output"
    assert detail == [{"path": "/n", "message": "is NaN or infinite"}]


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
def test_plugin_that_cannot_be_loaded_is_unavailable(
    ask: Ask, channel: RecordingChannel, source: str, reason: str
) -> None:
    assert ask("echo", source=source) == ("unavailable", reason)
    assert {call[:2] for call in channel.calls} == {("log", TRACEBACK)}


def test_failed_load_is_retried(ask: Ask) -> None:
    ask("echo", source="1/0")
    assert ask("echo", source=PLUGIN)[0] == "succeeded"
