"""`interlock new`: a separate plugin project outside the checkout, whose tests pass."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from string import Template

from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.project.errors import UsageError
from interlock_dev.project.paths import checkout

FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "gitignore.txt": ".gitignore",
    "plugin.py.txt": "{package}/plugin.py",
    "test_plugin.py.txt": "tests/test_plugin.py",
}
"""The files of `new_project`, and where they go."""

PACKAGES = ("layers/runtime", "client", "devkit")
"""The packages that a project depends on. No package index has them, so their wheels are built into the project."""

_NAME = re.compile("[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_MAX_NAME = 60


def create(path: Path, *, install: bool) -> int:
    """Create the project and, with `install`, its environment. Raise `UsageError`."""
    name = path.resolve().name
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise UsageError(f"{name!r} is not a name for a project: lower-case letters, digits and single hyphens")
    root = checkout()
    if root is None:
        raise UsageError("`interlock new` builds the packages of Interlock: run it from a checkout")
    if (path / "pyproject.toml").exists():
        _build_wheels(root, path / "wheels")
        sys.stdout.write(f"{path} is a project already: its wheels are new\n")
        return Exit.OK
    if path.exists() and any(path.iterdir()):
        raise UsageError(f"{path} is not empty: choose another folder")
    _write(path, name)
    _build_wheels(root, path / "wheels")
    if install:
        _install(root, path)
    sys.stdout.write(
        f"created {path}: one plugin with one tool, and its tests\n\n"
        f"  cd {path}\n  .venv/bin/interlock test\n  .venv/bin/interlock dev\n"
    )
    return Exit.OK


def _write(path: Path, name: str) -> None:
    package = name.replace("-", "_")
    words = package.split("_")
    values = {
        "name": name,
        "package": package,
        "class_name": "".join(word.capitalize() for word in words),
        "title": " ".join(words).capitalize(),
    }
    for source, target in FILES.items():
        text = (Path(__file__).with_name("new_project") / source).read_text()
        file = path / target.format(package=package)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(text).substitute(values))
    (path / package / "__init__.py").write_text(f'"""{values["title"]}."""\n')


def _build_wheels(root: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for left in folder.glob("interlock*.whl"):
        left.unlink()
    for package in PACKAGES:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder.resolve())]
        _run(command, root / package, "a package of Interlock cannot be built")


def _install(root: Path, path: Path) -> None:
    """Create the environment, with the versions that Interlock was tested with."""
    uv = str(root / ".uv" / "bin" / "uv")
    python = str(getattr(sys, "_base_executable", sys.executable))
    _run([uv, "venv", "--quiet", "--python", python], path, "the environment cannot be created")
    constraints = str(root / "requirements" / "dev.txt")
    command = [uv, "pip", "install", "--quiet", "-e", ".", "--group", "dev", "--constraints", constraints]
    _run([*command, "--python", ".venv/bin/python"], path, "the environment cannot be installed")


def _run(command: list[str], folder: Path, problem: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"{problem}: {done.stderr.strip() or done.stdout.strip()}", Exit.TOOL_FAILED)
