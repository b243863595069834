"""A plugin project outside the checkout: created, tested, checked, served, reloaded and built into the layer."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from interlock.plugins.index import PluginIndex
from interlock_dev.commands.cli import main
from interlock_dev.stack.client import Client
from tests.documented import code_block
from tests.stack.stacks import ROOT

pytestmark = pytest.mark.xdist_group("author-project")

# Without an active environment, into which `uv pip` would install the project.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "VIRTUAL_ENV"))}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authors") / "my-tools"
    assert main(["new", str(folder)]) == 0
    return folder


def interlock(project: Path, *arguments: str, environment: Mapping[str, str] = ENVIRONMENT) -> str:
    """Run the project's own command and return its output."""
    done = subprocess.run(
        [project / ".venv/bin/interlock", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def served(project: Path) -> Iterator[Client]:
    command = [str(project / ".venv/bin/interlock"), "dev", "--port", "0"]
    with (project / "stack.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        ready = process.stdout.readline() if process.stdout else ""
        assert ready.startswith("ready "), (project / "stack.log").read_text()
        yield Client(ready.split()[1], "dev-key")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_project_names_no_path_of_this_machine(project: Path) -> None:
    files = [file for file in project.rglob("*") if file.is_file() and ".venv" not in file.parts]
    assert len(files) > 5
    assert [file for file in files if str(ROOT).encode() in file.read_bytes()] == []


def test_wheels_are_installed_anew_whatever_uv_has_cached(project: Path) -> None:
    """uv caches a wheel by its path and version, and wheels of another checkout may have the same."""
    refreshed = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["uv"]["reinstall-package"]
    wheels = {wheel.name.split("-")[0].replace("_", "-") for wheel in (project / "wheels").glob("*.whl")}
    assert set(refreshed) == wheels


def test_tests_of_a_new_project_pass(project: Path) -> None:
    assert "3 passed" in interlock(project, "test")


def test_new_project_is_valid(project: Path) -> None:
    first, *_, last = interlock(project, "check").splitlines()
    assert first == "my_tools 0.1.0 is valid"
    assert re.fullmatch(r"adds 0\.\d MB to the layer of plugins: my-tools", last)


def test_project_is_served_and_reloaded_without_naming_its_plugins(project: Path, served: Client) -> None:
    listed = served.call("GET", "/v1/plugins").body["plugins"]
    assert [plugin["name"] for plugin in listed] == ["my_tools"]
    call = code_block("docs/plugins.md", "sh", "interlock new").splitlines()[-1]
    assert call.startswith('.venv/bin/interlock run my_tools.count text="one two three"')
    assert interlock(project, "run", "my_tools.count", "text=one two three") == '{"words": 3}\n'
    plugin = project / "my_tools" / "plugin.py"
    plugin.write_text(plugin.read_text().replace("words=len(input.text.split())", "words=7"))
    assert served.execute("my_tools", "count", {"text": "one"}).body["result"] == {"words": 7}


TUTORIAL = "docs/tutorial.md"


@pytest.fixture(scope="module")
def finished(project: Path) -> Path:
    """The project with the dependency, the plugin and the tests of the tutorial."""
    document = project / "pyproject.toml"
    [added] = code_block(TUTORIAL, "toml", "dependencies").splitlines()
    document.write_text(re.sub("^dependencies = .*$", added, document.read_text(), flags=re.MULTILINE))
    program, *arguments = code_block(TUTORIAL, "sh", "uv pip").split()
    assert program == "uv"
    subprocess.run(
        [str(ROOT / ".uv/bin/uv"), *arguments, "--quiet"], cwd=project, env=ENVIRONMENT, check=True, timeout=120
    )
    (project / "my_tools/plugin.py").write_text(code_block(TUTORIAL, "python", "QR codes"))
    (project / "tests/test_plugin.py").write_text(code_block(TUTORIAL, "python", "import pytest"))
    return project


def test_tutorial_ends_with_a_tested_plugin(finished: Path) -> None:
    for line in code_block(TUTORIAL, "sh", ".venv/bin/interlock test").splitlines():
        program, *arguments = line.split()
        assert program == ".venv/bin/interlock"
        printed = interlock(finished, *arguments)
        assert ("3 passed" if arguments == ["test"] else "is valid") in printed


def test_calls_of_the_tutorial_work_in_a_terminal_and_in_python(finished: Path, served: Client) -> None:
    for line in code_block(TUTORIAL, "sh", "interlock plugin my_tools").splitlines():
        interlock(finished, *line.split()[1:])
    png = (finished / "code.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    called = code_block(TUTORIAL, "python", "interlock_client").replace("http://127.0.0.1:3000", served.url)
    program = [str(finished / ".venv/bin/python"), "-c", f"{called}\nprint(png[:4])"]
    done = subprocess.run(
        program, cwd=finished, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == f"{png[:4]!r}\n", done.stderr


def test_project_is_built_into_the_layer_with_its_locked_dependencies(finished: Path, tmp_path: Path) -> None:
    project = finished
    command = ["make", "build-PluginLayer", f"ARTIFACTS_DIR={tmp_path}", f"PLUGINS={project}"]
    done = subprocess.run(
        command, cwd=ROOT / "layers/plugins", capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    layer = tmp_path / "python"
    assert {"my_tools", "ocr"} <= set(PluginIndex(layer / "interlock_index").names)
    assert (layer / "segno").is_dir()
    assert not (layer / "interlock").exists()
    assert not (layer / "pydantic").exists()
    locked = (project / "requirements.txt").read_text()
    assert re.findall(r"^([a-z]+)==", locked, re.MULTILINE) == ["segno"]
    assert "--hash=sha256:" in locked
    assert sys.prefix not in locked
