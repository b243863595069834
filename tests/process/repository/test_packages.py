"""The wheels of the workspace's packages."""

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[3]
MEMBERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]


@pytest.mark.parametrize("member", MEMBERS)
def test_wheel_contains_the_marker_of_typed_packages(member: str, tmp_path: Path) -> None:
    """Type checkers ignore the annotations of a package without `py.typed` (PEP 561)."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT / member, capture_output=True, check=True, timeout=60)
    [wheel] = tmp_path.glob("*.whl")
    files = [Path(name) for name in ZipFile(wheel).namelist()]
    packages = {file.parts[0] for file in files if file.name == "__init__.py"}
    assert packages
    assert [package for package in packages if Path(package, "py.typed") not in files] == []
