"""Fixtures of the scanner's tests."""

from pathlib import Path
from textwrap import dedent

import pytest
from tools.scanner.cli import main

from tests.process.repository.scanner.project import HANDLER, RUNNER, TOOL_RUNNER, Scan, Scanned, plant


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project without a violation, as the working directory."""
    for name, source in {
        HANDLER: "def handler(event, context):\n    return app.resolve(event, context)\n",
        RUNNER: dedent(TOOL_RUNNER),
        "devkit/interlock_dev/__init__.py": "",
    }.items():
        plant(tmp_path, name, source)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scan(tree: Path, capsys: pytest.CaptureFixture[str]) -> Scan:
    """Run the scanner on the small project."""

    def run(*arguments: str | Path) -> Scanned:
        try:
            code = main([*map(str, arguments)], root=tree)
        except SystemExit as exit_:  # argparse refused the arguments
            code = int(exit_.code or 0)
        return Scanned(code, *capsys.readouterr())

    return run
