"""The rules: each by its samples, and by violations planted in a project."""

import re
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest
from tools.scanner.engine.scan import scan_source
from tools.scanner.rules import RULES

from tests.process.repository.scanner.project import OTHER_HANDLER, RUNNER, TOOL_RUNNER, Scan, plant
from tests.process.repository.scanner.samples import Sample, samples_of

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
