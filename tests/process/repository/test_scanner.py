"""The scanner: its rules by their samples, its command line, waivers, output, and the repository itself."""

import ast
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from textwrap import dedent
from types import ModuleType

import pytest
from tools.scanner import config
from tools.scanner.cli import main
from tools.scanner.config import ROOTS
from tools.scanner.engine.scan import find_files, scan_source
from tools.scanner.engine.scan import scan as scan_tree
from tools.scanner.engine.tree import SyntaxTree, without_type_parameters
from tools.scanner.rules import RULES

from interlock.domain.job_status import TRANSITIONS, JobStatus
from interlock.domain.lifecycle import LifecycleState
from tests.process.repository.scanner_samples import Sample, samples_of

TOOL_RUNNER = """
    class ToolRunner:
        def run(self, call):
            try:
                return self._sandbox.run(call)
            finally:
                self.update_execution_metrics(call)

        def update_execution_metrics(self, call):
            self._registry.record(call)


    def serve(plugin, request):
        return plugin.run(request.tool, request.input)
"""
RUNNER = "layers/runtime/interlock/tools/tool_runner.py"
HANDLER = "functions/execute/handler.py"
OTHER_HANDLER = "functions/jobs/handler.py"


@dataclass(frozen=True, slots=True)
class Scanned:
    """The exit code and the output of a run of the scanner."""

    code: int
    stdout: str
    stderr: str


Scan = Callable[..., Scanned]


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


def plant(tree: Path, name: str, source: str) -> None:
    """Write a file of the project."""
    file = tree / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")


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


# --- Samples of the rules --------------------------------------------------------------------------------------------

SAMPLES = {
    f"{code}-{'violation' if sample.bad_lines else 'harmless'}-{number}": (code, rule, sample)
    for code, rule in RULES.items()
    for number, sample in enumerate(samples_of(code), 1)
}


@pytest.mark.parametrize(("code", "rule", "sample"), SAMPLES.values(), ids=SAMPLES)
def test_sample_is_reported_on_its_bad_lines_only(code: str, rule: ModuleType, sample: Sample) -> None:
    found = scan_source(sample.source.encode(), sample.path, {code: rule})
    assert {each.line for each in found} == sample.bad_lines
    assert {(each.code, each.path) for each in found} <= {(code, str(sample.path))}


def test_every_rule_has_an_explanation_and_samples_of_both_kinds() -> None:
    assert list(RULES) == [f"ILK{number:03d}" for number in range(1, len(RULES) + 1)]
    for code, rule in RULES.items():
        title, _, reason = (rule.__doc__ or "").partition("\n\n")
        assert re.fullmatch(rf"{code}: .+\.", title)
        assert reason.strip().endswith(".")
        assert {bool(sample.bad_lines) for sample in samples_of(code)} == {True, False}


# --- Violations planted in a project ---------------------------------------------------------------------------------

PLANTED = {
    "plugin.run by an attribute": ("ILK001", "self.plugin.run(tool, input, context)"),
    "plugin.run by a private attribute": ("ILK001", "self._plugin.run(tool, input, context)"),
    "plugin.run by an alias": ("ILK001", "p = plugin; p.run(tool, input, context)"),
    "plugin.run by a bound method": ("ILK001", "go = plugin.run; go(tool, input, context)"),
    "plugin.run by getattr": ("ILK001", 'getattr(plugin, "run")(tool, input, context)'),
    "plugin.run awaited": ("ILK001", "async def call():\n    await plugin.run(tool, input, context)"),
    "plugin.run returned": ("ILK001", "def call():\n    return plugin.run(tool, input, context)"),
    "plugin.run in a comprehension": ("ILK001", "[p.run(tool, input, context) for p in plugins]"),
    "plugin.run in a generator": ("ILK001", "any(p.run(tool, input, context) for p in self._plugins.values())"),
    "plugin.run in a lambda": ("ILK001", "lambda: plugin.run(tool, input, context)"),
    "plugin.run by functools.partial": ("ILK001", "functools.partial(plugin.run, tool)"),
    "plugin.run by asyncio.to_thread": ("ILK001", "asyncio.to_thread(plugin.run, tool, input, context)"),
    "plugin.run by an executor": ("ILK001", "executor.submit(plugin.run, tool, input, context)"),
    "plugin.run_tool": ("ILK001", "plugin.run_tool(tool, input, context)"),
    "a tool's handler": ("ILK001", 'plugin.tools()["analyze"].method(plugin, input, context)'),
    "run of a loaded plugin": ("ILK001", "load_plugin(name).run(tool, input, context)"),
    "run of an instance": ("ILK001", "class Ocr(Plugin): ...\nOcr().run(tool, input, context)"),
    "run of a typed parameter": ("ILK001", "def call(it: Plugin):\n    it.run(tool, input, context)"),
    "a sixth state": ("ILK003", 'plugin.lifecycle = "DRAINING"'),
    "a sixth state in the table": ("ILK003", 'item = {"lifecycle_state": {"S": "READY"}}'),
    "a job status as a lifecycle state": ("ILK003", "plugin.lifecycle = JobStatus.RUNNING"),
    "a lifecycle state as a job status": ("ILK003", "job.status = LifecycleState.RUNNING"),
    "a bare except": ("ILK004", "try:\n    work()\nexcept:\n    pass"),
    "a broad except that logs": ("ILK004", 'try:\n    work()\nexcept Exception:\n    log.exception("failed")'),
    "a broad except that calls _failed": ("ILK004", "try:\n    work()\nexcept Exception:\n    code = _failed()"),
    "suppress(BaseException)": ("ILK004", "with contextlib.suppress(BaseException):\n    work()"),
    "HTTP 500": ("ILK005", 'response = {"statusCode": 500}'),
    "HTTP 500 by its name": ("ILK005", "status = HTTPStatus.INTERNAL_SERVER_ERROR"),
    "a traceback": ("ILK006", 'body = {"detail": traceback.format_exc()}'),
    "a repr": ("ILK006", "try:\n    work()\nexcept ValueError as error:\n    respond(repr(error))"),
    "a fallback tool": ("ILK007", 'tool = event["tool"] or "analyze"'),
    "a fallback tool in get": ("ILK007", 'tool = event.get("tool", "analyze")'),
    "a fallback tool in a model": ("ILK007", 'class Request(BaseModel):\n    tool: str = "analyze"'),
    "a fallback tool in a signature": ("ILK007", 'def execute(plugin, tool="analyze"): ...'),
    "a write past the store": ("ILK008", "table.put_item(Item=item)"),
    "a final status past settle": ("ILK008", "store.update(job, status=JobStatus.SUCCEEDED)"),
    "boto3": ("ILK009", "import boto3"),
    "botocore within a function": ("ILK009", "def late():\n    from botocore.config import Config"),
    "a plugin package": ("ILK010", "from interlock_plugins.ocr import Ocr"),
    "a plugin package by name": ("ILK010", 'importlib.import_module("interlock_plugins.ocr")'),
    "a plugin by its entry point": ("ILK010", 'entry_points(group="interlock.plugins")["ocr"].load()'),
}


@pytest.mark.parametrize(("code", "source"), PLANTED.values(), ids=PLANTED)
def test_violation_planted_in_a_project_is_reported(tree: Path, scan: Scan, code: str, source: str) -> None:
    plant(tree, OTHER_HANDLER, source + "\n")
    scanned = scan()
    assert code in re.findall(rf"^{OTHER_HANDLER}:\d+:\d+ (ILK\d{{3}}) \S.*$", scanned.stdout, re.MULTILINE)
    assert scanned.code == 1


def test_clean_project_is_summarized_in_one_line(scan: Scan) -> None:
    assert scan() == Scanned(0, f"0 violations in 3 files ({len(RULES)} rules, 0 waivers)\n", "")


def test_project_without_a_tool_runner_is_reported(tree: Path, scan: Scan) -> None:
    (tree / RUNNER).unlink()
    scanned = scan()
    assert scanned.stdout.startswith("tool_runner.py:1:1 ILK002 ")
    assert scanned.code == 1


def test_part_of_a_project_needs_no_tool_runner(tree: Path, scan: Scan) -> None:
    (tree / RUNNER).unlink()
    assert scan("functions").code == 0


def test_second_tool_runner_is_reported(tree: Path, scan: Scan) -> None:
    plant(tree, "layers/runtime/interlock/fast/tool_runner.py", dedent(TOOL_RUNNER))
    assert "this is a second tool_runner.py" in scan().stdout


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


# --- The scanner's own files, and the repository ---------------------------------------------------------------------


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


@pytest.mark.parametrize("python", working_pythons(), ids=lambda python: python.name)
def test_command_reports_the_same_with_every_supported_python(root: Path, python: Path) -> None:
    """Run the file that pre-commit and CI run, from another folder."""
    command = [str(python), str(root / "scripts" / "scan_execution_violations.py")]
    clean = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert (clean.returncode, clean.stderr) == (0, "")
    assert clean.stdout.splitlines()[-1].startswith("0 violations in ")
    sample = root / "tools" / "scanner" / "samples" / "ilk004.py"
    broken = subprocess.run([*command, str(sample)], cwd="/", capture_output=True, text=True, check=False)
    assert broken.returncode == 1
    reported = re.findall(r"ilk004\.py:(\d+):\d+ ILK004", broken.stdout)
    here = scan_source(sample.read_bytes(), PurePosixPath(sample.relative_to(root)), RULES)
    assert reported == [str(each.line) for each in sorted(here) if each.code == "ILK004"]


def test_each_file_is_parsed_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [root / name for name in ROOTS]
    parsed: list[bytes] = []
    parse = SyntaxTree.parse

    def counted(source: bytes) -> SyntaxTree:
        parsed.append(source)
        return parse(source)

    monkeypatch.setattr(SyntaxTree, "parse", counted)
    scan_tree(paths, RULES, root, whole=True)
    assert parsed == [file.read_bytes() for file in find_files(paths)]


def test_repository_has_no_violation_and_few_waivers(capsys: pytest.CaptureFixture[str]) -> None:
    code = main([])
    *waived, summary = capsys.readouterr().out.splitlines()
    assert code == 0
    assert re.fullmatch(rf"0 violations in \d\d\d files \({len(RULES)} rules, {len(waived)} waivers\)", summary)
    assert all(" ILK004 waived: " in line for line in waived)
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
