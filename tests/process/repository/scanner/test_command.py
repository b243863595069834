"""The scanner's command line: files, waivers, output and exit codes."""

import re
from pathlib import Path

import pytest
from tools.scanner.rules import RULES

from tests.process.repository.scanner.project import HANDLER, OTHER_HANDLER, Scan, Scanned, plant


def test_clean_project_is_summarized_in_one_line(scan: Scan) -> None:
    assert scan() == Scanned(0, f"0 violations in 3 files ({len(RULES)} rules, 0 waivers)\n", "")


def test_only_the_given_paths_are_scanned(tree: Path, scan: Scan) -> None:
    plant(tree, OTHER_HANDLER, "import boto3\n")
    assert scan("devkit", tree / HANDLER).stdout.startswith("0 violations in 2 files")


def test_file_that_is_given_twice_is_scanned_once(tree: Path, scan: Scan) -> None:
    plant(tree, OTHER_HANDLER, "import boto3\n")
    assert scan("functions", OTHER_HANDLER).stdout.count("ILK009") == 1


@pytest.mark.parametrize(
    ("folder", "code"), [(".venv", 0), ("__pycache__", 0), ("build", 1), ("node_modules", 1), ("venv", 1)]
)
def test_only_caches_and_hidden_folders_are_skipped(tree: Path, scan: Scan, folder: str, code: int) -> None:
    plant(tree, f"functions/{folder}/broken.py", "import boto3\n")
    assert scan().code == code


def test_linked_folders_are_scanned_once(tree: Path, scan: Scan) -> None:
    plant(tree, "elsewhere/broken.py", "import boto3\n")
    (tree / "functions" / "linked").symlink_to(tree / "elsewhere")
    (tree / "elsewhere" / "again").symlink_to(tree / "functions")
    assert scan().stdout.count("ILK009") == 1


def test_columns_count_characters(tree: Path, scan: Scan) -> None:
    plant(tree, OTHER_HANDLER, 'größe = "日本"; plugin.run(tool)\n')
    assert f"{OTHER_HANDLER}:1:15 ILK001 " in scan().stdout


# --- Files and arguments that cannot be scanned ----------------------------------------------------------------------


@pytest.mark.parametrize("source", [b"def broken(:\n", b"x = '\x00'\n", b"# coding: utf-8\nx = '\xff'\n", b"(" * 5000])
def test_file_that_cannot_be_parsed_is_a_violation(tree: Path, scan: Scan, source: bytes) -> None:
    (tree / HANDLER).write_bytes(source)
    scanned = scan()
    assert re.match(rf"{HANDLER}:\d+:\d+ ILK000 Python \S+ cannot parse this file: ", scanned.stdout)
    assert (scanned.code, scanned.stderr) == (1, "")


@pytest.mark.parametrize("arguments", [["functions/nowhere"], ["--format", "xml"], ["--no-such-option"]])
def test_wrong_arguments_exit_2_with_a_message_on_standard_error(scan: Scan, arguments: list[str]) -> None:
    scanned = scan(*arguments)
    assert (scanned.code, scanned.stdout) == (2, "")
    assert arguments[-1] in scanned.stderr


def test_broken_link_exits_2(tree: Path, scan: Scan) -> None:
    (tree / "functions" / "gone.py").symlink_to(tree / "nowhere.py")
    scanned = scan()
    assert scanned.code == 2
    assert "nowhere.py: cannot be scanned: No such file" in scanned.stderr


# --- Waivers ---------------------------------------------------------------------------------------------------------


def test_waiver_with_a_reason_permits_a_violation_and_is_counted(tree: Path, scan: Scan) -> None:
    plant(tree, OTHER_HANDLER, "import boto3  # interlock: allow ILK009 - measures its import\n")
    scanned = scan()
    assert scanned.stdout.splitlines() == [
        f"{OTHER_HANDLER}:1:1 ILK009 waived: measures its import",
        f"0 violations in 4 files ({len(RULES)} rules, 1 waiver)",
    ]
    assert scanned.code == 0


@pytest.mark.parametrize(
    ("comment", "codes"),
    [
        ("# interlock: allow ILK009", {"ILK009", "ILK099"}),
        ("# interlock: allow ILK009 -", {"ILK009", "ILK099"}),
        ("# interlock: allow - because", {"ILK009", "ILK099"}),
        ("# interlock: allow everything - because", {"ILK009", "ILK099"}),
        ("# interlock: allow ILK001 - another rule", {"ILK009", "ILK099"}),
        ("# interlock: allowed", {"ILK009"}),
    ],
)
def test_malformed_waiver_permits_nothing(tree: Path, scan: Scan, comment: str, codes: set[str]) -> None:
    plant(tree, OTHER_HANDLER, f"import boto3  {comment}\n")
    scanned = scan()
    assert set(re.findall(r":\d+:\d+ (ILK\d{3}) ", scanned.stdout)) == codes
    assert scanned.code == 1


def test_unused_waiver_is_a_violation(tree: Path, scan: Scan) -> None:
    plant(tree, OTHER_HANDLER, "x = 1\ny = 2  # interlock: allow ILK009 - no longer\n")
    assert f"{OTHER_HANDLER}:2:8 ILK099 this line does not break ILK009" in scan().stdout


def test_waiver_is_a_comment_on_the_line_of_the_violation(tree: Path, scan: Scan) -> None:
    text = '# interlock: allow ILK009 - the line above\nimport boto3\nx = "# interlock: allow ILK009 - text"\n'
    plant(tree, OTHER_HANDLER, text)
    assert re.findall(r":(\d+):\d+ (ILK\d{3})", scan().stdout) == [("1", "ILK099"), ("2", "ILK009")]


# --- Output ----------------------------------------------------------------------------------------------------------


def test_github_format_prints_workflow_commands(tree: Path, scan: Scan) -> None:
    waived = "import botocore  # interlock: allow ILK009 - 100 % needed, here: only"
    plant(tree, OTHER_HANDLER, f"import boto3\nplugin.run(tool)\n{waived}\n")
    *lines, summary = scan("--format", "github").stdout.splitlines()
    command = re.compile(r"::(error|notice) file=functions/jobs/handler\.py,line=(\d+),col=\d+,title=(ILK\d{3})::(.+)")
    found = [command.fullmatch(line) for line in lines]
    assert [each and each.group(1, 2, 3) for each in found] == [
        ("error", "1", "ILK009"),
        ("error", "2", "ILK001"),
        ("notice", "3", "ILK009"),
    ]
    assert lines[2].endswith("::waived: 100 %25 needed, here: only")
    assert summary.startswith("2 violations in 4 files")


@pytest.mark.parametrize("form", ["text", "github"])
def test_exit_code_does_not_depend_on_the_format(tree: Path, scan: Scan, form: str) -> None:
    assert scan("--format", form).code == 0
    plant(tree, OTHER_HANDLER, "import boto3\n")
    assert scan("--format", form).code == 1
