"""pre-commit refuses planted violations, and its hooks run the commands of `make check`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.volume import FULL, volume

LIMIT_S = 280  # mypy without a cache is slow
pytestmark = [pytest.mark.xdist_group("pre-commit"), pytest.mark.timeout(LIMIT_S + 20)]

ROOT = Path(__file__).resolve().parents[3]
PRE_COMMIT = Path(sys.executable).with_name("pre-commit")
PACKAGES = ("layers/runtime", "layers/plugins", "client", "devkit")

PLANTED = {
    "execution-violations": (
        "functions/jobs/handler.py",
        "\n\ndef sneak(plugin: Any, tool: str) -> Any:\n    return plugin.run(tool, {}, None)\n",
        "ILK001",
    ),
    "ruff": ("layers/runtime/interlock/domain/times.py", "\nimport os\n", "F401"),
    "ruff-format": ("layers/runtime/interlock/domain/times.py", "\nodd = { 'a' :1 }\n", "would be reformatted"),
    "import-contracts": (
        "layers/runtime/interlock/domain/times.py",
        "\nfrom interlock.ports import Clock as Clock\n",
        "Each floor of the framework imports only floors below it BROKEN",
    ),
    "mypy": (
        "layers/runtime/interlock/domain/times.py",
        '\nhours: int = "twelve"\n',
        "Incompatible types in assignment",
    ),
}
"""By hook: the file to plant a violation in, the violation, and the text that the hook must print."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the tree in a separate git repository."""

    folder: Path

    def pre_commit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Import the packages of the copy, not the installed ones.
        path = os.pathsep.join(str(self.folder / package) for package in PACKAGES)
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "COVERAGE_"))}
        return subprocess.run(
            [str(PRE_COMMIT), "run", "--all-files", "--color", "never", *arguments],
            cwd=self.folder,
            env={**outside, "PYTHONPATH": path, "PRE_COMMIT_HOME": str(self.folder.parent / "home")},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = tmp_path_factory.mktemp("commit") / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    if FULL and (ROOT / ".mypy_cache").is_dir():  # saves time: mypy trusts it where the sources are equal
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return Copy(folder)


def hooks() -> Iterator[dict[str, Any]]:
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert hook["language"] == "system"
            yield hook


def test_every_hook_is_local_and_has_a_planted_violation() -> None:
    assert sorted(hook["id"] for hook in hooks()) == sorted(PLANTED)


def test_every_hook_runs_a_command_of_make_check() -> None:
    """`make check` shows that the tree passes, so the hooks pass if they run the same commands."""
    commands = (ROOT / "Makefile").read_text().replace("$(BIN)", ".venv/bin")
    missing = [hook["entry"] for hook in hooks() if f"\t{hook['entry']}" not in commands]
    assert missing == []


if FULL:

    def test_the_tree_passes_every_hook(tree: Copy) -> None:
        done = tree.pre_commit()
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("Passed") == len(PLANTED), done.stdout
        assert "Skipped" not in done.stdout


SLOW = {"execution-violations", "import-contracts", "mypy"}


@pytest.mark.parametrize("hook", volume(sample=[hook for hook in PLANTED if hook not in SLOW], full=list(PLANTED)))
def test_a_planted_violation_is_refused(tree: Copy, hook: str) -> None:
    name, violation, said = PLANTED[hook]
    file = tree.folder / name
    clean = file.read_text()
    file.write_text(clean + violation)
    try:
        done = tree.pre_commit(hook)
    finally:
        file.write_text(clean)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout
