"""The scanner: every rule by its samples, and the command as it is called: output, exit codes, waivers."""

import ast
import gc
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from textwrap import dedent
from typing import Any

import pytest
from tools.scanner.engine.older_grammar import without_type_parameters
from tools.scanner.engine.scan import PARALLEL_FROM, ROOTS, find_files
from tools.scanner.engine.scan import scan as scan_tree
from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.rules import RULES, Rule, Sample

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
HANDLER = "functions/execute/handler.py"

Scanned = subprocess.CompletedProcess[str]
Scan = Callable[..., Scanned]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project that breaks no rule."""
    for name, source in {
        HANDLER: "def handler(event, context):\n    return app.resolve(event, context)\n",
        "layers/runtime/interlock/tools/tool_runner.py": dedent(TOOL_RUNNER),
        "devkit/interlock_dev/__init__.py": "",
    }.items():
        plant(tmp_path, name, source)
    return tmp_path


def plant(tree: Path, name: str, source: str) -> None:
    file = tree / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")


@pytest.fixture
def scan(root: Path, tree: Path) -> Scan:
    """Runs the real command on the small project, away from the repository's folder."""

    def run(*arguments: str | Path) -> Scanned:
        script = root / "scripts" / "scan_execution_violations.py"
        command = [sys.executable, str(script), "--root", str(tree), *map(str, arguments)]
        return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)

    return run


# --- Rules by their samples ------------------------------------------------------------------------------------------


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(rule, sample, id=f"{rule.code}-{number}")
        for rule in RULES
        for number, sample in enumerate(getattr(rule, kind), 1)
    ]


@pytest.mark.parametrize(("rule", "sample"), cases("failing"))
def test_a_failing_sample_is_reported_on_its_bad_lines(rule: Rule, sample: Sample) -> None:
    found = list(rule.check(SyntaxTree.parse(sample.source.encode()), PurePosixPath(sample.path)))
    assert {violation.line for violation in found} == sample.bad_lines()
    assert {(violation.code, violation.path) for violation in found} == {(rule.code, sample.path)}


@pytest.mark.parametrize(("rule", "sample"), cases("passing"))
def test_a_passing_sample_is_not_reported(rule: Rule, sample: Sample) -> None:
    assert list(rule.check(SyntaxTree.parse(sample.source.encode()), PurePosixPath(sample.path))) == []


def test_every_rule_tells_what_it_is_for_and_has_samples_of_both_kinds() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == [f"ILK{number:03d}" for number in range(1, len(RULES) + 1)]
    for rule in RULES:
        assert rule.title
        assert rule.rationale.endswith(".")
        assert rule.failing
        assert rule.passing


# --- Evasions, planted in a project and looked for with the command ---------------------------------------------------

PLANTED = {
    "by an attribute": ("ILK001", "self.plugin.run(tool, input, context)"),
    "by a private attribute": ("ILK001", "self._plugin.run(tool, input, context)"),
    "by an alias": ("ILK001", "p = plugin; p.run(tool, input, context)"),
    "by a bound method": ("ILK001", "go = plugin.run; go(tool, input, context)"),
    "by getattr": ("ILK001", 'getattr(plugin, "run")(tool, input, context)'),
    "awaited": ("ILK001", "async def call():\n    await plugin.run(tool, input, context)"),
    "returned": ("ILK001", "def call():\n    return plugin.run(tool, input, context)"),
    "in a comprehension": ("ILK001", "[p.run(tool, input, context) for p in plugins]"),
    "in a generator": ("ILK001", "any(p.run(tool, input, context) for p in self._plugins.values())"),
    "in a lambda": ("ILK001", "lambda: plugin.run(tool, input, context)"),
    "by functools.partial": ("ILK001", "functools.partial(plugin.run, tool)"),
    "by asyncio.to_thread": ("ILK001", "asyncio.to_thread(plugin.run, tool, input, context)"),
    "by an executor": ("ILK001", "executor.submit(plugin.run, tool, input, context)"),
    "by run_tool": ("ILK001", "plugin.run_tool(tool, input, context)"),
    "by the tool's handler": ("ILK001", 'plugin.tools()["analyze"].method(plugin, input, context)'),
    "on what was loaded": ("ILK001", "load_plugin(name).run(tool, input, context)"),
    "on an instance": ("ILK001", "class Ocr(Plugin): ...\nOcr().run(tool, input, context)"),
    "on a typed parameter": ("ILK001", "def call(it: Plugin):\n    it.run(tool, input, context)"),
    "a sixth state": ("ILK003", 'plugin.lifecycle = "DRAINING"'),
    "a sixth state in the table": ("ILK003", 'item = {"lifecycle_state": {"S": "READY"}}'),
    "a job status as a lifecycle": ("ILK003", "plugin.lifecycle = JobStatus.RUNNING"),
    "a lifecycle as a job status": ("ILK003", "job.status = LifecycleState.RUNNING"),
    "a bare except": ("ILK004", "try:\n    work()\nexcept:\n    pass"),
    "a broad except that logs": ("ILK004", 'try:\n    work()\nexcept Exception:\n    log.exception("failed")'),
    "suppress": ("ILK004", "with contextlib.suppress(BaseException):\n    work()"),
    "an HTTP 500": ("ILK005", 'response = {"statusCode": 500}'),
    "an HTTP 500 by its name": ("ILK005", "status = HTTPStatus.INTERNAL_SERVER_ERROR"),
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


@pytest.mark.parametrize(("code", "source"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_evasion_is_found_by_the_command(tree: Path, scan: Scan, code: str, source: str) -> None:
    plant(tree, "functions/jobs/handler.py", source + "\n")
    scanned = scan()
    found = re.findall(r"^functions/jobs/handler\.py:(\d+):(\d+) (ILK\d{3}) \S.*$", scanned.stdout, re.MULTILINE)
    assert code in {found_code for _, _, found_code in found}
    assert scanned.returncode == 1


def test_a_clean_project_is_told_in_one_line(scan: Scan) -> None:
    scanned = scan()
    assert scanned.stdout == f"0 violations in 3 files ({len(RULES)} rules, 0 waivers)\n"
    assert (scanned.returncode, scanned.stderr) == (0, "")


def test_a_project_without_a_tool_runner_is_not_governed(tree: Path, scan: Scan) -> None:
    (tree / "layers/runtime/interlock/tools/tool_runner.py").unlink()
    scanned = scan()
    assert scanned.stdout.startswith("layers/runtime/interlock/tools/tool_runner.py:1:1 ILK002 ")
    assert scanned.returncode == 1
    assert scan("functions").returncode == 0  # a part of the project need not have one


def test_a_second_tool_runner_is_no_way_out(tree: Path, scan: Scan) -> None:
    plant(tree, "layers/runtime/interlock/fast/tool_runner.py", dedent(TOOL_RUNNER))
    assert "a second tool_runner.py" in scan().stdout


def test_paths_narrow_the_scan(tree: Path, scan: Scan) -> None:
    plant(tree, "functions/jobs/handler.py", "import boto3\n")
    assert scan("devkit", tree / HANDLER).stdout.startswith("0 violations in 2 files")
    assert scan("functions", "functions/jobs/handler.py").stdout.count("ILK009") == 1


def test_caches_and_hidden_folders_are_left_out_and_no_others(tree: Path, scan: Scan) -> None:
    for folder in (".venv", "__pycache__"):
        plant(tree, f"functions/{folder}/broken.py", "import boto3\n")
    assert scan().returncode == 0
    for folder in ("build", "node_modules", "venv"):
        plant(tree, f"functions/{folder}/broken.py", "import boto3\n")
    assert scan().stdout.count("ILK009") == 3


def test_links_are_followed_once(tree: Path, scan: Scan) -> None:
    plant(tree, "elsewhere/broken.py", "import boto3\n")
    (tree / "functions" / "linked").symlink_to(tree / "elsewhere")
    (tree / "elsewhere" / "again").symlink_to(tree / "functions")
    assert scan().stdout.count("ILK009") == 1


def test_columns_count_characters(tree: Path, scan: Scan) -> None:
    plant(tree, "functions/jobs/handler.py", 'größe = "日本"; plugin.run(tool)\n')
    assert "functions/jobs/handler.py:1:15 ILK001 " in scan().stdout


# --- What cannot be scanned ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [b"def broken(:\n", b"x = '\x00'\n", b"# coding: utf-8\nx = '\xff'\n", b"(" * 5000])
def test_a_file_that_is_not_python_is_a_violation(tree: Path, scan: Scan, source: bytes) -> None:
    (tree / HANDLER).write_bytes(source)
    scanned = scan()
    assert re.match(rf"{HANDLER}:\d+:\d+ ILK000 cannot be parsed", scanned.stdout)
    assert (scanned.returncode, scanned.stderr) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    [["functions/nowhere"], ["--format", "xml"], ["--no-such-option"], ["--explain", "ILK999"], ["--root", "nowhere"]],
)
def test_misuse_exits_2_and_says_why_on_standard_error(scan: Scan, arguments: list[str]) -> None:
    scanned = scan(*arguments)
    assert (scanned.returncode, scanned.stdout) == (2, "")
    assert scanned.stderr


def test_an_unreadable_file_is_misuse(tree: Path, scan: Scan) -> None:
    (tree / "functions" / "gone.py").symlink_to(tree / "nowhere.py")
    scanned = scan()
    assert scanned.returncode == 2
    assert "gone.py" in scanned.stderr or "nowhere.py" in scanned.stderr


# --- Waivers ---------------------------------------------------------------------------------------------------------


def test_a_waiver_with_a_reason_lets_a_violation_pass_and_is_counted(tree: Path, scan: Scan) -> None:
    plant(tree, "functions/jobs/handler.py", "import boto3  # interlock: allow ILK009 - measures its import\n")
    scanned = scan()
    assert scanned.stdout.splitlines() == [
        "functions/jobs/handler.py:1:1 ILK009 waived: measures its import",
        f"0 violations in 4 files ({len(RULES)} rules, 1 waiver)",
    ]
    assert scanned.returncode == 0


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
def test_a_waiver_that_is_not_one_waives_nothing(tree: Path, scan: Scan, comment: str, codes: set[str]) -> None:
    plant(tree, "functions/jobs/handler.py", f"import boto3  {comment}\n")
    scanned = scan()
    assert set(re.findall(r"ILK\d{3}(?= [^-])", scanned.stdout)) >= codes
    assert ("ILK099" in scanned.stdout) == ("ILK099" in codes)
    assert scanned.returncode == 1


def test_a_waiver_that_nothing_needs_is_a_violation(tree: Path, scan: Scan) -> None:
    plant(tree, "functions/jobs/handler.py", "x = 1\ny = 2  # interlock: allow ILK009 - no longer\n")
    assert "functions/jobs/handler.py:2:8 ILK099 " in scan().stdout


def test_a_waiver_holds_for_its_own_line_alone_and_only_as_a_comment(tree: Path, scan: Scan) -> None:
    text = '# interlock: allow ILK009 - the line above\nimport boto3\nx = "# interlock: allow ILK009 - text"\n'
    plant(tree, "functions/jobs/handler.py", text)
    assert re.findall(r":(\d+):\d+ (ILK\d{3})", scan().stdout) == [("1", "ILK099"), ("2", "ILK009")]


# --- Output ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def broken(tree: Path) -> Path:
    """The small project with two violations and a waived one."""
    source = "import boto3\nplugin.run(tool)\nimport botocore  # interlock: allow ILK009 - 100 % needed, here: only\n"
    plant(tree, "functions/jobs/handler.py", source)
    return tree


def test_json_is_one_document_with_places_and_counts(broken: Path, scan: Scan) -> None:
    document = json.loads(scan("--format", "json").stdout)
    first = document["violations"][0]
    assert first == {
        "path": "functions/jobs/handler.py",
        "line": 1,
        "column": 1,
        "code": "ILK009",
        "message": first["message"],
    }
    assert [found["code"] for found in document["violations"]] == ["ILK009", "ILK001"]
    assert [(found["line"], found["reason"]) for found in document["waived"]] == [(3, "100 % needed, here: only")]
    assert document["files"] == 4
    assert document["rules"] == [rule.code for rule in RULES]


def test_github_annotations_are_workflow_commands(broken: Path, scan: Scan) -> None:
    lines = scan("--format", "github").stdout.splitlines()
    command = re.compile(r"::(error|notice) file=functions/jobs/handler\.py,line=(\d+),col=\d+,title=(ILK\d{3})::(.+)")
    parsed = [match.groups() for line in lines if (match := command.fullmatch(line))]
    assert [(level, line, code) for level, line, code, _ in parsed] == [
        ("error", "1", "ILK009"),
        ("error", "2", "ILK001"),
        ("notice", "3", "ILK009"),
    ]
    assert parsed[2][3] == "waived: 100 %25 needed, here: only"
    assert len(lines) == len(parsed) + 1  # and the summary


def test_sarif_names_rules_places_and_suppressions(broken: Path, scan: Scan) -> None:
    log = json.loads(scan("--format", "sarif").stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert {rule.code for rule in RULES} < {rule["id"] for rule in rules}
    assert all(rule["shortDescription"]["text"] and rule["fullDescription"]["text"] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "functions/jobs/handler.py"
        assert place["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
        assert place["region"]["startColumn"] >= 1
    lines = [result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in run["results"]]
    assert lines == [1, 2, 3]
    waived = [result["suppressions"] for result in run["results"] if "suppressions" in result]
    assert waived == [[{"kind": "inSource", "justification": "100 % needed, here: only"}]]


@pytest.mark.parametrize("form", ["text", "github", "json", "sarif"])
def test_exit_codes_do_not_depend_on_the_format(tree: Path, scan: Scan, form: str) -> None:
    assert scan("--format", form).returncode == 0
    plant(tree, "functions/jobs/handler.py", "import boto3\n")
    assert scan("--format", form).returncode == 1


def test_rules_are_listed_and_explained_with_their_samples(scan: Scan) -> None:
    listed = scan("--list-rules").stdout.splitlines()
    assert listed == [f"{rule.code} {rule.title}" for rule in RULES]
    for rule in RULES:
        explained = scan("--explain", rule.code.lower())
        assert explained.returncode == 0
        assert explained.stdout.startswith(f"{rule.code} {rule.title}\n")
        assert "Refused:" in explained.stdout
        assert "Fine:" in explained.stdout


# --- The scanner itself, and the tree ---------------------------------------------------------------------------------


def test_the_scanner_needs_the_standard_library_alone_and_an_old_grammar(root: Path) -> None:
    """It runs before anything is installed, on Python 3.11 and later."""
    files = [root / "scripts" / "scan_execution_violations.py", *(root / "tools" / "scanner").glob("*/*.py")]
    known = {*sys.stdlib_module_names, "tools"}
    for file in files:
        module = ast.parse(file.read_text(), feature_version=(3, 11))
        for node in ast.walk(module):
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


class Box[
    T,  # of what is in it

]:
    def put[U](self, item: U) -> None: ...
"""


def test_type_parameters_are_taken_out_for_an_older_python_and_nothing_moves() -> None:
    older = without_type_parameters(NEWER.encode()).decode()
    module = ast.parse(older, feature_version=(3, 11))
    assert len(older.splitlines()) == len(NEWER.splitlines())
    newer = ast.parse(NEWER)
    assert [(node.lineno, type(node).__name__) for node in module.body if not isinstance(node, ast.Assign)] == [
        (node.lineno, type(node).__name__) for node in newer.body if not isinstance(node, ast.TypeAlias)
    ]
    assert "def first" + " " * len("[T: (int, str)]") + "(items: list[T]) -> T:\n    type = items[0]\n" in older
    assert without_type_parameters(b"x = (\n") == b"x = (\n"


def working_pythons() -> list[Path]:
    """The other interpreters of this machine that the scanner promises to run on, one a version."""
    found: dict[str, Path] = {}
    for version, folder in itertools.product(("3.11", "3.12", "3.13"), os.get_exec_path()):
        python = Path(folder, f"python{version}")
        if version not in found and python.exists() and not subprocess.call([python, "-c", ""]):
            found[version] = python
    return list(found.values())


@pytest.mark.parametrize("python", working_pythons(), ids=lambda python: python.name)
def test_the_scanner_finds_the_same_with_every_python_it_promises(root: Path, python: Path) -> None:
    script = str(root / "scripts" / "scan_execution_violations.py")
    commands = ([by, script, "--format", "json"] for by in (sys.executable, str(python)))
    mine, its = (subprocess.run(command, capture_output=True, check=False) for command in commands)
    assert json.loads(its.stdout) == json.loads(mine.stdout)


def test_a_large_tree_is_scanned_by_several_processes_with_the_same_findings(tree: Path, scan: Scan) -> None:
    count = PARALLEL_FROM + 1
    for number in range(count):
        plant(tree, f"functions/many/f{number:04}.py", "def sneak(plugin):\n    return plugin.run()\n")
    scanned = scan("functions/many")
    *found, summary = scanned.stdout.splitlines()
    assert [line.partition(":")[0] for line in found] == [f"functions/many/f{number:04}.py" for number in range(count)]
    assert {line.split()[1] for line in found} == {"ILK001"}
    assert summary == f"{count} violations in {count} files ({len(RULES)} rules, 0 waivers)"
    assert (scanned.returncode, scanned.stderr) == (1, "")


def test_scanning_costs_little_more_than_parsing(root: Path) -> None:
    """Whatever the machine: under a second here, and under ten on 2,000 files, where parsing takes a fifth of that."""
    sources = [file.read_bytes() for file in find_files([root / name for name in ROOTS])]
    paths = [root / name for name in ROOTS]

    def cost(work: Callable[[], object]) -> float:
        gc.collect()
        began = time.process_time()
        work()
        return time.process_time() - began

    scans, parses = lambda: scan_tree(paths, RULES, root), lambda: list(map(ast.parse, sources))
    assert min(cost(scans) / cost(parses) for _ in range(3)) < 6


def test_the_tree_has_no_violation_and_no_waiver(root: Path) -> None:
    script = root / "scripts" / "scan_execution_violations.py"
    scanned = subprocess.run([sys.executable, str(script)], cwd="/", capture_output=True, text=True, check=False)
    *found, summary = scanned.stdout.splitlines()
    assert found == []
    assert re.fullmatch(rf"0 violations in \d\d+ files \({len(RULES)} rules, 0 waivers\)", summary)
    assert (scanned.returncode, scanned.stderr) == (0, "")
