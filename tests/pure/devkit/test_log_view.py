"""The lines that `interlock dev` shows for the logs of its processes."""

import json
from typing import Any

import pytest

from interlock_dev.project.log_view import LogView


def shown(*written: str | dict[str, Any], level: str = "info", quiet: bool = False) -> list[str]:
    view = LogView(level=level, quiet=quiet)
    logs = (one if isinstance(one, str) else json.dumps(one) for one in written)
    return [line.text for log in logs for line in view.lines(log)]


OUTPUT = {"level": "INFO", "message": "plugin output", "job_id": "01M8M2PEC5AXETZTFE20S8JZZF", "stream": "stdout"}
ACCESS = {
    "request_id": "r",
    "time": "2026-11-29T16:37:31.121Z",
    "method": "POST",
    "route": "/v1/execute",
    "status": "200",
    "latency_ms": "149",
    "tenant": "dev",
}


def test_output_of_a_plugin_is_shown_without_its_envelope() -> None:
    assert shown(OUTPUT | {"line": "  two words"}) == ["  S8JZZF |   two words"]


def test_request_is_one_line() -> None:
    [line] = shown(ACCESS)
    assert line.split(maxsplit=1)[1] == "POST   /v1/execute 200 149 ms dev"


@pytest.mark.parametrize(
    "written", ["START RequestId: 1 Version: $LATEST", "END RequestId: 1", "REPORT RequestId: 1", ""]
)
def test_reports_of_the_emulator_are_left_out(written: str) -> None:
    assert shown(written) == []


def test_metrics_are_left_out() -> None:
    assert shown({"_aws": {}, "plugin": "ocr"}, level="debug") == []


def test_reports_of_the_emulator_are_shown_for_debugging() -> None:
    assert shown("END RequestId: 1", level="debug") == ["END RequestId: 1"]


def test_warning_is_shown_with_its_fields() -> None:
    record = {"timestamp": "t", "level": "WARNING", "message": "output was left out", "logger": "l", "lines": 3}
    assert shown(record) == ["WARNING output was left out  lines=3"]
    assert shown(record, level="error") == []


def test_chatter_of_libraries_is_shown_for_debugging_only() -> None:
    record = {"level": "INFO", "message": "Found credentials", "logger": "botocore.credentials"}
    assert shown(record) == []
    assert shown(record, level="debug") == ["INFO Found credentials"]


@pytest.mark.parametrize(
    "stack", ["Traceback:\n  in tool\nValueError: no", ["Traceback:\n", "  in tool\n", "ValueError: no"]]
)
def test_traceback_of_a_record_is_shown_by_line(stack: Any) -> None:
    record = {"level": "ERROR", "message": "plugin failed", "job_id": "JOB", "stack_trace": stack}
    assert shown(record) == [
        "ERROR plugin failed  job_id=JOB",
        "  JOB    | Traceback:",
        "  JOB    |   in tool",
        "  JOB    | ValueError: no",
    ]


def test_quiet_leaves_out_requests_and_output() -> None:
    assert shown(ACCESS, OUTPUT | {"line": "x"}, "reloaded a.py", quiet=True) == ["reloaded a.py"]


@pytest.mark.parametrize("written", ["plain text", "{not JSON", "[1]", '{"level": 3, "message": "odd"}'])
def test_other_lines_are_shown(written: str) -> None:
    assert len(shown(written)) == 1
