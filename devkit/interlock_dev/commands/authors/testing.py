"""`interlock test`: the tests of a plugin project, by pytest."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from interlock_dev.project.errors import UsageError


def run_tests(path: Path, arguments: Sequence[str]) -> int:
    """Run pytest in the folder and return its exit status. Raise `UsageError`."""
    if not path.is_dir():
        raise UsageError(f"{path} is not a folder with tests")
    if find_spec("pytest") is None:
        raise UsageError("pytest is not installed: run `uv pip install --group dev`")
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=path, check=False).returncode
