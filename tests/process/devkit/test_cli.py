"""A command that cannot be carried out prints one line and exits with status 2."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import interlock
from interlock_dev.commands.cli import main
from interlock_dev.project.paths import Project, RunningStack

HELP = """
import sys
from interlock_dev.commands.cli import main
assert main(["--help"]) == 0
print(sorted({"samcli", "moto", "boto3", "flask"} & set(sys.modules)))
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


def test_help_imports_no_slow_module() -> None:
    answer = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


# --- What a project knows of its stack ---


def running(port: int, pid: int) -> RunningStack:
    url = f"http://127.0.0.1:{port}"
    return RunningStack("http://127.0.0.1:3000", url, "id", "secret", "key", "table", "bucket", "arn", "index", pid)


def test_a_stack_is_found_while_it_answers(project: Path) -> None:
    here = Project(project)
    assert here.running() is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        published = running(server.getsockname()[1], os.getpid())
        here.publish(published)
        assert here.running() == published
        assert json.loads((project / ".interlock" / "dev.json").read_text())["table"] == "table"
    assert here.running() is None


def test_stack_removes_only_its_own_published_address(project: Path) -> None:
    here = Project(project)
    here.publish(running(1, os.getpid() + 1))
    here.withdraw()
    assert (project / ".interlock" / "dev.json").exists()
    here.publish(running(1, os.getpid()))
    here.withdraw()
    assert [*(project / ".interlock").iterdir()] == []


def test_commands_ignore_the_aws_account_and_the_proxy(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "of the developer")
    main(["dev", "--plugin", "nothing.py"])
    assert "of the developer" not in os.environ.values()
