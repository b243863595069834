"""A command that cannot be carried out prints one line and exits with status 2."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import interlock
from interlock_dev.commands.cli import main
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.remote import deploy
from interlock_dev.project.errors import UsageError
from interlock_dev.project.paths import Project, RunningStack

HELP = """
import sys
from interlock_dev.commands.cli import main
assert main(["--help"]) == 0
print(sorted({"samcli", "moto", "boto3", "flask", "httpx", "rich.progress"} & set(sys.modules)))
"""


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Restore the environment variables, which a command changes for its process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "template.yaml").write_text("Resources: {}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert captured.out == ""
    assert line.startswith("interlock")
    return line


def test_missing_plugin_file_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no such file or folder" in complaint(capsys, "dev", "--plugin", "nothing.py")


def test_plugin_that_is_not_a_python_file_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "plugin.txt").touch()
    assert "neither a .py file nor a package" in complaint(capsys, "dev", "--plugin", "plugin.txt")


def test_plugin_folder_without_init_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "folder").mkdir()
    assert "has no __init__.py" in complaint(capsys, "dev", "--plugin", "folder")


def test_port_in_use_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} cannot be used" in complaint(capsys, "dev", "--port", str(port))


def test_missing_build_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "run `make build` first" in complaint(capsys, "dev", "--built")
    (project / "event.json").write_text("{}")
    assert "run `make build` first" in complaint(capsys, "invoke", "jobs", "-e", "event.json", "--built")


def test_built_and_in_process_together_are_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--in-process" in complaint(capsys, "dev", "--built", "--in-process")


def test_missing_template_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no template.yaml" in complaint(capsys, "dev")


def test_unreadable_event_file_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read" in complaint(capsys, "invoke", "jobs", "-e", "nothing.json")
    (project / "broken.json").write_text("{")
    assert "is not JSON" in complaint(capsys, "invoke", "jobs", "-e", "broken.json")


@pytest.mark.parametrize("port", ["-1", "65536", "x", "", "1_0", "8080.0"])
def test_an_invalid_port_is_reported(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "dev", "--port", port)
    assert line.startswith("interlock dev: Invalid value for '--port': ")
    assert line.endswith(". See `interlock dev --help`.")


@pytest.mark.parametrize("key", ["", "two words", "schl\N{LATIN SMALL LETTER U WITH DIAERESIS}ssel", "line\nbreak"])
def test_key_that_no_header_can_hold_is_reported(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "'--api-key': An API key has printable ASCII characters" in complaint(capsys, "dev", "--api-key", key)


def test_invoke_on_a_port_without_a_stack_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "event.json").write_text("{}")
    assert main(["invoke", "jobs", "-e", "event.json", "--port", "4000"]) == Exit.UNREACHABLE
    assert "no local stack runs on port 4000" in capsys.readouterr().err


def test_deployment_stops_at_the_first_step_that_fails(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [["touch", "built"], ["false"], ["touch", "deployed"]]
    monkeypatch.setattr(deploy, "plan", lambda *_: steps)
    assert main(["deploy", "--yes"]) == Exit.TOOL_FAILED
    shown = capsys.readouterr()
    assert "\n  touch built\n  false\n  touch deployed\n" in shown.out
    assert shown.err == "interlock: false ended with status 1\n"
    assert sorted(file.name for file in project.iterdir()) == ["built", "template.yaml"]


def test_deployment_without_a_terminal_needs_an_answer(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "add --yes, or --dry-run" in complaint(capsys, "deploy")


@pytest.mark.parametrize("parameter", ["", "x", "=x"])
def test_an_invalid_parameter_is_reported(parameter: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "dev", "--parameter", parameter) == (
        f"interlock dev: Invalid value for '--parameter': {parameter!r} is not of the form NAME=VALUE. "
        "See `interlock dev --help`."
    )


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [(("dve",), "Did you mean 'dev'?"), (("keys", "lst"), "Did you mean 'list'?"), (("dev", "--prot"), "--port")],
)
def test_misspelled_word_gets_a_suggestion(
    arguments: tuple[str, ...], suggestion: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suggestion in complaint(capsys, *arguments)


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"interlock {interlock.__version__}\n"


def test_bare_command_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert "plugins" in captured.out
    assert captured.err == ""


def test_shell_completion_completes_commands() -> None:
    environment = {
        **os.environ,
        "_INTERLOCK_COMPLETE": "complete_bash",
        "COMP_WORDS": "interlock pl",
        "COMP_CWORD": "1",
    }
    program = str(Path(sys.executable).with_name("interlock"))
    answer = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
    assert answer.stdout.split() == ["plugins", "plugin"]


def test_help_imports_no_slow_module() -> None:
    answer = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


# --- The running stack of a project ---


@contextmanager
def stack_on(port: int, *, pid: int | None = None) -> Iterator[RunningStack]:
    """The published addresses of a stack with its API on this port. Only its AWS endpoint accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as aws:
        endpoint = f"http://127.0.0.1:{aws.getsockname()[1]}"
        url = f"http://127.0.0.1:{port}"
        yield RunningStack(url, endpoint, "id", "secret", "key", "table", "bucket", "arn", "index", pid or os.getpid())


def test_a_stack_is_found_while_it_answers(project: Path) -> None:
    here = Project(project)
    assert here.running() is None
    with stack_on(4000) as published:
        here.publish(published)
        assert here.running() == here.running(4000) == published
        assert here.running(4001) is None
        assert json.loads((project / ".interlock" / "dev-4000.json").read_text())["table"] == "table"
    assert here.running() is None


def test_second_stack_does_not_take_over_from_the_first(project: Path) -> None:
    here = Project(project)
    with stack_on(3000) as first, stack_on(4000) as second:
        here.publish(first)
        here.publish(second)
        assert here.running() == first
        assert here.running(4000) == second


def test_several_stacks_off_the_default_port_must_be_chosen_from(project: Path) -> None:
    here = Project(project)
    with stack_on(4000) as first, stack_on(4001) as second:
        here.publish(first)
        here.publish(second)
        with pytest.raises(UsageError, match="on the ports 4000, 4001: choose one"):
            here.running()
        assert here.running(4001) == second


def test_file_of_a_killed_stack_is_removed_by_the_next(project: Path) -> None:
    here = Project(project)
    with stack_on(4000) as killed:
        here.publish(killed)
    with stack_on(4001) as following:
        here.publish(following)
    assert [file.name for file in (project / ".interlock").iterdir()] == ["dev-4001.json"]


def test_stack_removes_only_its_own_published_address(project: Path) -> None:
    here = Project(project)
    with stack_on(4000, pid=os.getpid() + 1) as other, stack_on(4001) as own:
        here.publish(other)
        here.publish(own)
        here.withdraw()
        assert [file.name for file in (project / ".interlock").iterdir()] == ["dev-4000.json"]


def test_commands_ignore_the_aws_account_and_the_proxy(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "of the developer")
    main(["dev", "--plugin", "nothing.py"])
    assert "of the developer" not in os.environ.values()
