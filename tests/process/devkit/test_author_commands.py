"""`interlock new`, `check` and `test` in projects without a virtual environment."""

import ast
import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from interlock_dev.commands.authors import new
from interlock_dev.commands.cli import main
from interlock_dev.project.errors import UsageError
from interlock_dev.project.paths import PluginProject, Project
from tests.process.core.plugin_files import HEAD, plugin_class

WRONG = """
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool

class In(BaseModel):
    limit: float = float("inf")

class Wrong(Plugin):
    name, version = "Wrong", 1

    @tool(timeout_s=0)
    async def say(self, input: In, context: ToolContext) -> In: ...

class Other(Plugin):
    name, version = "other", "1"

    @tool()
    def tell(self, input: In, context: ToolContext) -> In: ...
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project without wheels and without a virtual environment."""
    monkeypatch.setattr(new, "_build_wheels", lambda _root, folder: folder.mkdir(exist_ok=True))
    assert main(["new", str(tmp_path / "my-tools"), "--no-install"]) == 0
    return tmp_path / "my-tools"


def test_new_project_has_a_plugin_a_test_and_a_read_me(project: Path) -> None:
    files = {str(file.relative_to(project)) for file in project.rglob("*") if file.is_file()}
    package = {"my_tools/__init__.py", "my_tools/plugin.py"}
    assert files == {"pyproject.toml", "README.md", ".gitignore", "tests/test_plugin.py", *package}
    for file in project.rglob("*.py"):
        ast.parse(file.read_text())
    document = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    assert document["entry-points"]["interlock.plugins"] == {"my_tools": "my_tools.plugin:MyTools"}
    assert len((project / "README.md").read_text().splitlines()) <= 25


def test_project_is_recognized_with_its_package(project: Path) -> None:
    found = Project.find(project / "tests").plugins
    assert found is not None
    assert (found.name, found.sources) == ("my-tools", [project / "my_tools"])
    assert found.has("my_tools.plugin")
    assert not found.has("my_tools_too.plugin")


def test_template_of_a_project_is_the_devkits(project: Path) -> None:
    assert Project.find(project).template(built=False).name == "template.yaml"
    with pytest.raises(UsageError, match="what the checkout has built"):
        Project.find(project).template(built=True)


def test_deploy_in_a_project_names_the_commands_for_the_checkout(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert f"run `make build PLUGINS={project}`" in complaint(capsys, "deploy", "--yes")


def test_folder_without_entry_points_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert PluginProject.at(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("[project")
    with pytest.raises(UsageError, match="is not valid"):
        PluginProject.at(tmp_path)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("name", ["My-Tools", "1st", "a--b", "a.b", "-a", "x" * 61])
def test_name_that_is_not_valid_is_refused(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not a name for a project" in complaint(capsys, "new", str(tmp_path / name))
    assert not (tmp_path / name).exists()


def test_folder_with_files_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    folder = tmp_path.rename(tmp_path.with_name("mine"))
    assert "is not empty" in complaint(capsys, "new", str(folder))
    assert [file.name for file in folder.iterdir()] == ["mine.txt"]


def test_second_call_replaces_the_wheels_only(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "README.md").write_text("changed")
    assert main(["new", str(project)]) == 0
    assert "its wheels are new" in capsys.readouterr().out
    assert (project / "README.md").read_text() == "changed"


def test_check_reports_a_valid_plugin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.py").write_text(HEAD + plugin_class("good"))
    assert main(["check", str(tmp_path / "good.py")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "good 1.0.0 is valid",
        "  say: 5 s, 512 MiB",
        "    input   text: string",
        "    output  text: string",
    ]


def test_check_reports_all_mistakes_of_all_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    assert main(["check", str(tmp_path / "wrong.py")]) == 1
    head, *problems = capsys.readouterr().out.splitlines()
    assert head == "wrong cannot be loaded"
    assert [(problem.split(":")[0].strip(), problem.rpartition(" [")[2]) for problem in problems] == [
        ("plugin class Wrong", "class Wrong]"),
        ("plugin 'Wrong'", "class Wrong]"),
        ("tool 'say'", "class Wrong]"),
        ("tool 'say'", "class Wrong]"),
        ("tool 'tell'", "class Other]"),
    ]


def test_check_as_json_has_the_manifest_and_all_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.py").write_text(HEAD + plugin_class("good"))
    assert main(["check", str(tmp_path / "good.py"), "--json"]) == 0
    good = json.loads(capsys.readouterr().out)
    [plugin] = good["plugins"]
    assert (good["valid"], good["layer"], plugin["name"], plugin["problems"]) == (True, None, "good", [])
    assert list(plugin["tools"][0]["input_schema"]["properties"]) == ["text"]
    (tmp_path / "wrong.py").write_text(WRONG)
    assert main(["check", str(tmp_path / "wrong.py"), "--json"]) == 1
    wrong = json.loads(capsys.readouterr().out)
    assert (wrong["valid"], wrong["plugins"][0]["valid"], len(wrong["plugins"][0]["problems"])) == (False, False, 5)


def test_check_of_a_project_that_is_not_installed_names_the_fix(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "my-tools is not installed: run `uv pip install -e .`" in complaint(capsys, "check", str(project))


def test_check_of_a_missing_file_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "gone.py: there is no such file" in complaint(capsys, "check", str(tmp_path / "gone.py"))


def test_test_returns_the_status_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_good(): pass\ndef test_bad(): assert False\n")
    assert main(["test", str(tmp_path), "--", "-q", "-k", "good"]) == 0
    assert main(["test", str(tmp_path), "--", "-q"]) == 1


def test_test_of_a_missing_folder_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not a folder with tests" in complaint(capsys, "test", str(tmp_path / "gone"))


def test_failed_step_is_reported_with_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "no hatchling")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(UsageError, match="a package of Interlock cannot be built: no hatchling"):
        new.create(tmp_path / "my-tools", install=False)
