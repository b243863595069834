"""`run_tool`: runs of a tool in a test, in process and in the sandbox."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock import testing
from interlock.plugin import Plugin, ToolContext, tool
from interlock.testing import ToolFailed, ToolRun
from tests.documented import code_block
from tests.process.core.tested_plugin import Ask, Tested, Told, Unready

type RunTool = Callable[..., ToolRun]

SANDBOX = pytest.mark.parametrize("sandbox", [False, True], ids=["in process", "in the sandbox"])


def failure(run: Callable[..., ToolRun], *arguments: Any, **options: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        run(*arguments, **options)
    return caught.value


@SANDBOX
def test_run_returns_the_result_and_what_the_tool_reported(run_tool: RunTool, sandbox: bool) -> None:
    run = run_tool(Tested, "say", {"text": "hello"}, sandbox=sandbox)
    assert run.result == {"text": "hello"}
    assert run.progress == [(0.5, "half")]
    assert [(line.level, line.message) for line in run.log] == [("warning", "about to say hello")]
    assert run.execution_time_ms > 0


@SANDBOX
def test_files_of_the_input_are_bytes_or_paths(run_tool: RunTool, sandbox: bool, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"b")
    assert run_tool(Tested, "say", {"file": b"a", "more": [tmp_path / "file", b"c"]}, sandbox=sandbox).result == {
        "text": "abc"
    }


def test_first_tool_and_a_model_as_input_are_accepted(run_tool: RunTool) -> None:
    assert run_tool(Tested, input=Ask(text="hello", file=b"!")).result == {"text": "hello!"}


@SANDBOX
@pytest.mark.parametrize(
    ("tool", "input", "told"),
    [
        ("say", {"text": 1}, "ValidationError invalid_input"),
        ("no_such_tool", {}, "ValidationError unknown_tool"),
        ("refuse", {}, "ValidationError invalid_input"),
        ("fail", {"text": "way"}, "PluginError plugin_exception"),
        ("lie", {}, "PluginError invalid_output"),
    ],
)
def test_failure_has_type_and_code_of_the_envelope(
    run_tool: RunTool, sandbox: bool, tool: str, input: Any, told: str
) -> None:
    failed = failure(run_tool, Tested, tool, input, sandbox=sandbox)
    assert (f"{failed.type} {failed.code}", failed.status) == (told, "failed")
    assert failed.message


def test_exception_of_the_tool_is_the_cause_in_process(run_tool: RunTool) -> None:
    failed = failure(run_tool, Tested, "fail", {"text": "way"})
    assert isinstance(failed.__cause__, ValueError)
    assert (str(failed), dict(failed.details)) == ("plugin_exception: no way", {"exception": "ValueError"})


def test_traceback_of_the_worker_process_is_a_note(run_tool: RunTool) -> None:
    [note] = failure(run_tool, Tested, "fail", {"text": "way"}, sandbox=True).__notes__
    assert "in fail" in note
    assert note.endswith("ValueError: no way")


@SANDBOX
@pytest.mark.parametrize("how", [{"cancel_after_s": 0.2}, {"cancel_at": 0.2}], ids=["after a time", "at a progress"])
def test_cancelled_tool_is_stopped(run_tool: RunTool, sandbox: bool, how: dict[str, float]) -> None:
    run_tool(Tested, "finish", sandbox=sandbox)  # the plugin is loaded
    failed = failure(run_tool, Tested, "wait", sandbox=sandbox, **how)
    assert (failed.type, failed.code, failed.status) == ("ExecutionError", "cancelled", "cancelled")
    assert failed.run.progress == [(0.2, "waiting")]


def test_tool_sees_the_cancel(run_tool: RunTool) -> None:
    failed = failure(run_tool, Tested, "wait", cancel_at=0.2)
    assert [line.message for line in failed.run.log] == ["stopped with cancelled=True"]


def test_tool_that_finishes_in_spite_of_the_cancel_succeeds(run_tool: RunTool) -> None:
    assert run_tool(Tested, "finish", cancel_at=1.0).result == {"text": "finished"}


@SANDBOX
def test_tool_over_its_time_limit_is_stopped(run_tool: RunTool, sandbox: bool) -> None:
    run_tool(Tested, "finish", sandbox=sandbox)  # the plugin is loaded
    failed = failure(run_tool, Tested, "wait", sandbox=sandbox, timeout_s=0.2)
    assert (failed.code, failed.status, failed.details["timeout_s"]) == ("timeout", "timed_out", 0.2)


def test_crash_is_reported_in_the_sandbox(run_tool: RunTool) -> None:
    failed = failure(run_tool, Tested, "exit", sandbox=True)
    assert (failed.code, failed.details["exit_code"]) == ("plugin_crashed", 3)


@SANDBOX
def test_plugin_whose_setup_fails_is_unavailable(run_tool: RunTool, sandbox: bool) -> None:
    failed = failure(run_tool, Unready, "say", sandbox=sandbox)
    assert (failed.code, failed.details["reason"]) == ("plugin_unavailable", "OSError: no model")


def test_interrupt_of_the_developer_ends_the_test(run_tool: RunTool) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_tool(Tested, "interrupt")


def test_function_without_pytest_starts_a_sandbox() -> None:
    assert testing.run_tool(Tested, "say", {"text": "hello"}, sandbox=True).result == {"text": "hello"}


def test_run_leaves_directory_and_signal_handler_as_they_were(run_tool: RunTool) -> None:
    before = Path.cwd(), signal.getsignal(signal.SIGTERM), len([*Path("/proc/self/fd").iterdir()])
    run_tool(Tested, "say", {"text": "hello"})
    assert (Path.cwd(), signal.getsignal(signal.SIGTERM), len([*Path("/proc/self/fd").iterdir()])) == before


def test_tool_in_another_thread_is_cancelled_at_its_progress(run_tool: RunTool) -> None:
    failures: list[ToolFailed] = []
    thread = threading.Thread(
        target=lambda: failures.append(failure(run_tool, Tested, "wait", cancel_at=0.2, timeout_s=1))
    )
    thread.start()
    thread.join()
    assert [failed.code for failed in failures] == ["cancelled"]


def test_class_that_no_other_process_can_import_is_refused_in_the_sandbox(run_tool: RunTool) -> None:
    class Local(Plugin):
        name, version = "local", "1"

        @tool()
        def say(self, input: Ask, context: ToolContext) -> Told:
            return Told(text=input.text)

    assert run_tool(Local, "say", {"text": "hello"}).result == {"text": "hello"}
    with pytest.raises(ValueError, match="Local must be defined at the top of its module"):
        run_tool(Local, "say", sandbox=True)


def test_uploads_are_refused(run_tool: RunTool) -> None:
    with pytest.raises(ValueError, match="pass the file as bytes or Path"):
        run_tool(Tested, "say", {"file": {"upload_id": "x"}})


def test_example_of_the_documentation_passes(tmp_path: Path) -> None:
    (tmp_path / "word_count.py").write_text(code_block("README.md", "python", "pydantic"))
    (tmp_path / "test_word_count.py").write_text(code_block("docs/plugins.md", "python", "import pytest"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    tested = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert tested.stdout.splitlines()[-1].startswith("3 passed"), tested.stdout + tested.stderr
