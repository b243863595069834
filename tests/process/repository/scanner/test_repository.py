"""The scanner's own files and configuration, and the repository that it scans."""

import ast
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from tools.scanner import config
from tools.scanner.cli import main
from tools.scanner.config import ROOTS
from tools.scanner.engine.scan import find_files, scan_source
from tools.scanner.engine.tree import SyntaxTree, without_type_parameters
from tools.scanner.rules import RULES

from interlock.domain.job_status import TRANSITIONS, JobStatus
from interlock.domain.lifecycle import LifecycleState


def test_scanner_imports_only_the_standard_library_and_parses_on_python_3_11(root: Path) -> None:
    files = [root / "scripts" / "scan_execution_violations.py", *find_files([root / "tools" / "scanner"])]
    known = {*sys.stdlib_module_names, "tools"}
    own = [file for file in files if file.parent.name != "samples"]
    assert len(own) > 20
    for node in (node for file in own for node in ast.walk(ast.parse(file.read_text(), feature_version=(3, 11)))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= known
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] in known


NEWER = """
type Item = dict[str, Any]
type Pair[T] = tuple[T, T]


def first[T: (int, str)](items: list[T]) -> T:
    type = items[0]
    return type


class Box[T]:
    def put[U](self, item: U) -> None: ...
"""


def test_type_parameters_are_removed_without_moving_lines_or_columns() -> None:
    older = without_type_parameters(NEWER.encode()).decode()
    module, newer = ast.parse(older, feature_version=(3, 11)), ast.parse(NEWER)
    assert [node.lineno for node in module.body] == [node.lineno for node in newer.body]
    assert [len(line) for line in older.splitlines()] == [len(line) for line in NEWER.splitlines()]
    assert "def first" + " " * len("[T: (int, str)]") + "(items: list[T]) -> T:\n    type = items[0]\n" in older


def working_pythons() -> list[Path]:
    """Return the interpreters of this machine that the scanner supports, one for each version."""
    found = {f"3.{sys.version_info.minor}": Path(sys.executable)}
    for version, folder in itertools.product(("3.11", "3.12", "3.13"), os.get_exec_path()):
        python = Path(folder, f"python{version}")
        if version in found or not python.exists():
            continue
        if subprocess.call([python, "-c", ""], cwd="/", stderr=subprocess.DEVNULL) == 0:
            found[version] = python
    return list(found.values())


PYTHONS = working_pythons()


@pytest.mark.parametrize("python", PYTHONS[1:] or PYTHONS, ids=lambda python: python.name)
def test_command_finds_a_clean_repository_with_every_other_python(root: Path, python: Path) -> None:
    """Run the file that pre-commit and CI run, from another folder. A test below scans with the Python of the tests."""
    clean = run_command(root, python)
    assert (clean.returncode, clean.stderr) == (0, "")
    assert clean.stdout.splitlines()[-1].startswith("0 violations in ")


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: python.name)
def test_command_reports_the_same_with_every_supported_python(root: Path, python: Path) -> None:
    sample = root / "tools" / "scanner" / "samples" / "ilk004.py"
    broken = run_command(root, python, sample)
    assert broken.returncode == 1
    reported = re.findall(r"ilk004\.py:(\d+):\d+ ILK004", broken.stdout)
    here = scan_source(sample.read_bytes(), PurePosixPath(sample.relative_to(root)), RULES)
    assert reported == [str(each.line) for each in sorted(here) if each.code == "ILK004"]


def run_command(root: Path, python: Path, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [python, root / "scripts" / "scan_execution_violations.py", *paths]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


def test_repository_has_no_violation_and_few_waivers_and_each_file_is_parsed_once(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bytes] = []
    parse = SyntaxTree.parse

    def counted(source: bytes) -> SyntaxTree:
        parsed.append(source)
        return parse(source)

    monkeypatch.setattr(SyntaxTree, "parse", counted)
    code = main([])
    *waived, summary = capsys.readouterr().out.splitlines()
    assert code == 0
    assert parsed == [file.read_bytes() for file in find_files([root / name for name in ROOTS])]
    assert re.fullmatch(rf"0 violations in \d\d\d files \({len(RULES)} rules, {len(waived)} waivers\)", summary)
    others = [line for line in waived if " ILK004 waived: " not in line]
    assert [line.rpartition(" waived: ")[2] for line in others] == [
        "a new job: one that is refused never starts",
        "a new job, whose only write is its end",
    ]
    assert len(waived) <= 10


PATHS = (*config.PLUGIN_API, *config.PLUGIN_LOADERS, *config.ADAPTERS, *config.TABLE_FILES, *config.ITEM_MAPPING)
DEFINITIONS = (config.RUNNER_CLASS, config.METRICS, config.JOB_ENUM, *config.OUTCOMES, *config.ENDING_STEPS)


@pytest.mark.parametrize("pattern", PATHS)
def test_configured_path_matches_a_file(root: Path, pattern: str) -> None:
    assert list(root.glob(pattern))


def test_configured_classes_and_functions_are_defined(root: Path) -> None:
    sources = "\n".join(file.read_text() for name in ROOTS for file in (root / name).rglob("*.py"))
    assert set(DEFINITIONS) <= set(re.findall(r"^ *(?:class|def) (\w+)", sources, re.MULTILINE))


def test_configured_states_are_those_of_the_domain() -> None:
    assert set(config.LIFECYCLE_STATES) == set(LifecycleState)
    assert set(config.JOB_STATUSES) == set(JobStatus)
    assert set(config.FINAL_STATUSES) == {status for status in JobStatus if not TRANSITIONS[status]}
