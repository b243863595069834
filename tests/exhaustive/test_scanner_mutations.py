"""Mutation proof of the scanner: the real sources, each broken in one way that a rule forbids, are all caught; and
rewritten in ways that no rule forbids, none is.

A mutation works on a function's or class's normal form (`ast.unparse`), so that comments and line breaks do not
matter. One whose anchor is not there exactly once fails: it would prove nothing.
"""

import ast
import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from textwrap import indent

import pytest
from tools.scanner.engine.scan import scan_source
from tools.scanner.rules import RULES

from tests.volume import volume

ROOT = Path(__file__).resolve().parents[2]
INTERLOCK = "layers/runtime/interlock"
RUNNER = f"{INTERLOCK}/tools/tool_runner.py"
MESSAGES = f"{INTERLOCK}/tools/messages.py"
SERVICE = f"{INTERLOCK}/jobs/service.py"
JOBS = f"{INTERLOCK}/jobs/runner.py"
LIFECYCLE = f"{INTERLOCK}/domain/lifecycle.py"
HANDLERS = tuple(f"functions/{name}/handler.py" for name in ("authorize", "execute", "jobs", "run_job", "settle_jobs"))

RUN = "ToolRunner.run"

# Anchors, in a function's normal form.
START = r"\A(def .*:)$"
END = r"\Z"
TRYING = r"^    try:$"
UPDATING = r"^ {8}(self\.update_execution_metrics\(.*\))$"
RECORDING = r"^ {8}(self\._registry\.record\(.*\))$"
SETTLING = r"self\._store\.settle\(.*\)"

Scope = ast.Module | ast.ClassDef | ast.FunctionDef
Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class Mutation:
    """In `file`, within the class or function `scope` (empty: the module), what `pattern` matches once becomes
    `replacement`, which breaks the rule `code`."""

    file: str
    scope: str
    pattern: str
    replacement: Replacement
    code: str = ""

    def apply(self) -> str:
        """The mutated source. Fails the test if there is no such scope, or not exactly one match in it."""
        module = ast.parse((ROOT / self.file).read_text(encoding="utf-8"))
        scope = find(module, self.scope)
        if scope is None:
            pytest.fail(f"{self.file} has no {self.scope}: bring this mutation up to date")
        before = ast.unparse(scope)
        after, count = re.subn(self.pattern, self.replacement, before, flags=re.MULTILINE)
        if count != 1 or after == before:
            pytest.fail(f"{self.pattern!r} stands {count} times in {self.file} {self.scope}: bring it up to date")
        if isinstance(scope, ast.Module):
            return after
        replace(module, scope, ast.parse(after).body)
        return ast.unparse(module)


def find(module: ast.Module, dotted: str) -> Scope | None:
    """The class or function of a dotted name."""
    found: Scope | None = module
    for name in dotted.split(".") if dotted else ():
        inside = found.body if found else []
        definitions = (node for node in inside if isinstance(node, ast.ClassDef | ast.FunctionDef))
        found = next((node for node in definitions if node.name == name), None)
    return found


def replace(module: ast.Module, old: ast.stmt, new: list[ast.stmt]) -> None:
    for node in ast.walk(module):
        body = getattr(node, "body", None)
        if isinstance(body, list) and old in body:
            place = body.index(old)
            body[place : place + 1] = new


type Found = Counter[tuple[str, str]]
"""How often the scanner reports each code and message."""


def scanned(source: str, file: str) -> Found:
    """Scan a source as if it were the content of the file, waivers apart."""
    found = scan_source(source.encode(), PurePosixPath(file), RULES)
    return Counter((each.code, each.message) for each in found if not each.waiver)


@cache
def before(file: str) -> Found:
    """Scan the file as it is, in its normal form: without comments it has no waivers."""
    return scanned(ast.unparse(ast.parse((ROOT / file).read_text(encoding="utf-8"))), file)


Edits = Mapping[str, tuple[str, Replacement]]


def within(file: str, scope: str, code: str, edits: Edits) -> dict[str, Mutation]:
    """Mutations of one place that all break the same rule, or none."""
    return {name: Mutation(file, scope, pattern, replacement, code) for name, (pattern, replacement) in edits.items()}


def in_a_loop(match: re.Match[str]) -> str:
    return "    while True:\n" + indent(match[0], "    ")


BREAKING = {
    # --- The metrics of a run ---
    **within(
        RUNNER,
        RUN,
        "ILK002",
        {
            "the finally is dropped": (r"^    finally:", "    else:"),
            "the update is dropped": (UPDATING, "        pass"),
            "the update is another's": (r"self\.update_execution_metrics\(", "self.update("),
            "the update is behind the finally": (UPDATING, r"    \1"),
            "the update is in the try": (TRYING, "    try:\n        self.update_execution_metrics()"),
            "the update is under an if": (UPDATING, r"        if previous:\n            \1"),
            "the update is under an or": (UPDATING, r"        outcome.error or \1"),
            "the update is in a lambda": (UPDATING, r"        self._late = lambda: \1"),
            "the update is in a loop": (UPDATING, r"        for _ in (): \1"),
            "the update is in an except": (UPDATING, r"        try: pass\n        except KeyError: \1"),
            "the update comes twice": (UPDATING, r"        \1\n        \1"),
            "the finally returns": (UPDATING, r"        \1\n        return outcome"),
            "the finally raises first": (UPDATING, r"        raise KeyError\n        \1"),
            "an early return": (TRYING, "    if not call: return None\n    try:"),
            "an early raise": (TRYING, "    if not call: raise KeyError\n    try:"),
            "work before the try": (r"^    try:\n    (    .*)$", r"\1\n    try:\n        pass"),
            "work behind the try": (r"^    return outcome$", "    return self._invoke(call)"),
            "the try is in a loop": (r"^    try:\n(.*\n)*    return outcome", in_a_loop),
            "two tries": (TRYING, "    try: pass\n    finally: self.update_execution_metrics()\n    try:"),
            "no run": (r"^def run\(", "def execute("),
        },
    ),
    **within(
        RUNNER,
        "ToolRunner",
        "ILK002",
        {"no ToolRunner": (r"^class ToolRunner", "class Runner"), "a second run": (END, "\n    def run(self): ...")},
    ),
    **within(
        RUNNER,
        "ToolRunner.update_execution_metrics",
        "ILK002",
        {
            "nothing is recorded": (r"self\._registry\.record\(.*\)", "pass"),
            "a record is only logged": (r"self\._registry\.record\(", "logger.info("),
            "failures are not recorded": (RECORDING, r"        if not outcome.error: \1"),
            "failures are passed over": (TRYING, "    if outcome.error: return\n    try:"),
        },
    ),
    # --- The plugin's code, and the process that it runs in ---
    **within(
        RUNNER,
        "_run",
        "ILK002",
        {
            "the plugin is run twice": (r"^( *)(.*plugin\.run\(.*\))$", r"\1\2\n\1\2"),
            "the plugin is run by getattr": (r"plugin\.run\(", "getattr(plugin, 'run')("),
            "the plugin is run by a bound method": (r"^( *)(.*)plugin\.run\(", r"\1go = plugin.run\n\1\2go("),
        },
    ),
    **within(
        RUNNER,
        "ToolRunner._invoke",
        "ILK002",
        {
            "the plugin is run in the Lambda process": (r"^    (ending =)", r"    serve(b'', None)\n    \1"),
            "the plugin is loaded in the Lambda process": (
                r"^    (ending =)",
                r"    load_plugin_class(call.plugin.source)\n    \1",
            ),
        },
    ),
    **within(RUNNER, "", "ILK002", {"run is replaced": (END, "\nToolRunner.run = ToolRunner._invoke")}),
    # --- Failures, and what they show ---
    **within(
        RUNNER,
        RUN,
        "ILK004",
        {
            name: (r"except InterlockError as error:\n.*$", f"except Exception as error:\n        {body}")
            for name, body in {
                "a failure of the runner is swallowed": "outcome = None",
                "a failure of the runner gets a failure's name": "outcome = _failed()",
                "a failure of the runner is only logged": "logger.exception('failed')",
            }.items()
        },
    ),
    **within(
        RUNNER,
        "_run",
        "ILK004",
        {"what a tool raises is swallowed": (r"(except BaseException as error:\n)(.*\n?)+", r"\1        return b''")},
    ),
    **within(
        RUNNER,
        "serve",
        "ILK004",
        {"a failed load is swallowed": (r"(except BaseException as error:\n)( {8}.*\n)+", r"\1        return b''\n")},
    ),
    **within(
        MESSAGES,
        "exception_text",
        "ILK006",
        {
            "the job's error is a repr": (r"str\(error\)", "repr(error)"),
            "the job's error is a traceback": (r"str\(error\)", "traceback.format_exc()"),
        },
    ),
    # --- States, tools and boundaries of the ToolRunner ---
    **within(
        RUNNER,
        "ToolRunner.update_execution_metrics",
        "ILK003",
        {
            "a sixth state before a run": (TRYING, "    previous = 'STARTING'\n    try:"),
            "a sixth member before a run": (TRYING, "    previous = LifecycleState.STARTING\n    try:"),
            "a lifecycle is compared with a job": (TRYING, "    assert previous is not JobStatus.FAILED\n    try:"),
        },
    ),
    **within(
        MESSAGES,
        "encode_request",
        "ILK007",
        {"the worker gets a fallback tool": (r"call\.tool\.name", "call.tool.name or 'run'")},
    ),
    **within(RUNNER, "", "ILK009", {"boto3 in the ToolRunner": (r"^import logging$", "import logging, boto3")}),
    **within(
        RUNNER,
        RUN,
        "ILK008",
        {"the ToolRunner writes to the table": (TRYING, "    self._table.put_item(Item={})\n    try:")},
    ),
    # --- JobService ---
    **within(
        SERVICE,
        "JobService._write",
        "ILK008",
        {
            "a job ends past settle": (SETTLING, "self._store.change(before, after)"),
            "the wrong job is asked": (r"after\.finished", "before.finished"),
        },
    ),
    **within(
        SERVICE,
        "JobService._lost",
        "ILK008",
        {"a lost job ends past settle": (r"self\._write\(", "self._store.change(")},
    ),
    **within(
        SERVICE,
        "JobService.cancel",
        "ILK008",
        {"a cancelled job ends past settle": (r"self\._write\(", "self._store.change(")},
    ),
    **within(
        SERVICE,
        "JobService.settle",
        "ILK008",
        {
            "a job is created finished": (
                START,
                r"\1\n    self._store.create(replace(job, status=JobStatus.SUCCEEDED))",
            ),
            "the service writes to the table": (START, r"\1\n    self._client.update_item(Key={})"),
        },
    ),
    **within(
        SERVICE,
        "JobService._lost",
        "ILK004",
        {
            "the service swallows": (r"except \w+ as", "except Exception as"),
            "the service suppresses": (TRYING, "    with suppress(Exception): ...\n    try:"),
        },
    ),
    **within(
        SERVICE,
        "JobService.new",
        "ILK007",
        {
            "the service has a fallback tool": (r"tool=wanted\.tool", "tool=wanted.tool or 'analyze'"),
            "the service has a default tool": (r"wanted: NewJob\b", "wanted: NewJob, tool='analyze'"),
        },
    ),
    **within(
        SERVICE,
        "JobService.new",
        "ILK003",
        {
            "a job has a lifecycle": (r"status=JobStatus\.PENDING", "status=LifecycleState.LOADED"),
            "a job has a lifecycle's state": (r"status=JobStatus\.PENDING", "status=JobStatus.LOADED"),
        },
    ),
    **within(
        SERVICE,
        "JobService.cancel",
        "ILK003",
        {"a job is compared with a lifecycle": (r"JobStatus\.CANCELLING", "LifecycleState.RUNNING")},
    ),
    **within(
        SERVICE,
        "JobService.get",
        "ILK006",
        {"the service tells a traceback": (r"NotFound\(.*\)", "NotFound(traceback.format_exc())")},
    ),
    **within(
        SERVICE,
        "JobService.result",
        "ILK005",
        {"the service answers 500": (r"raise _of\(job, NotFinished\(.*\)\)", "return {'statusCode': 500}")},
    ),
    **within(
        SERVICE,
        "JobService.submit",
        "ILK001",
        {"the service runs the plugin": (START, r"\1\n    plugins[wanted.plugin].run(wanted.tool, input)")},
    ),
    **within(
        SERVICE,
        "",
        "ILK010",
        {"the service imports a plugin": (r"^from ulid import ULID$", "from interlock_plugins.ocr import Ocr")},
    ),
    **within(
        SERVICE, "", "ILK009", {"the service imports botocore": (r"^from ulid import ULID$", "import botocore.config")}
    ),
    # --- JobRunner ---
    **within(
        JOBS,
        "JobRunner._finish",
        "ILK008",
        {"the runner ends a job past settle": (SETTLING, "self._store.change(before, after)")},
    ),
    **within(
        JOBS,
        "JobRunner._run",
        "ILK001",
        {
            f"the runner goes around by {call}": (r"self\._runner\.run\(", call)
            for call in (
                "self._plugin.run(",
                "call.plugin.run(",
                "load_plugin(call).run(",
                "self._plugins[job.plugin].run(",
                "getattr(plugin, 'run')(",
                "functools.partial(plugin.run)(",
                "asyncio.to_thread(plugin.run, ",
                "executor.submit(plugin.run, ",
                "(lambda p: p.run)(plugin)(",
                "[p.run for p in plugins][0](",
                "(go := plugin.run)(",
                "Plugin.run(plugin, ",
            )
        },
    ),
    **within(
        JOBS,
        "JobRunner.run_pending",
        "ILK004",
        {"the runner swallows": (r"except InterlockError as error:\n.*$", "except Exception:\n        return None")},
    ),
    **within(
        JOBS,
        "Lease._keep",
        "ILK004",
        {
            "the lease swallows": (r"self\._failure = error", "self._failure = None"),
            "the heartbeat suppresses": (TRYING, "    with contextlib.suppress(Exception): self._beat()\n    try:"),
        },
    ),
    **within(
        JOBS,
        "JobRunner._call_of",
        "ILK007",
        {"the runner has a fallback tool": (r"job\.tool", "job.tool or 'analyze'")},
    ),
    **within(
        JOBS,
        "JobRunner.run_pending",
        "ILK003",
        {"the runner waits for a lifecycle": (r"JobStatus\.PENDING", "LifecycleState.LOADED")},
    ),
    **within(
        JOBS,
        "JobRunner._call_of",
        "ILK009",
        {"the runner imports boto3 late": (START, r"\1\n    client = __import__('boto3')")},
    ),
    **within(
        JOBS,
        "JobRunner._call_of",
        "ILK010",
        {"the runner loads a plugin": (START, r"\1\n    plugin_index.load_plugin_class(job)")},
    ),
    # --- What the three stand on ---
    **within(
        LIFECYCLE,
        "LifecycleState",
        "ILK003",
        {
            "a state is renamed": (r"LOADED = 'LOADED'", "READY = 'READY'"),
            "a state has another value": (r"LOADED = 'LOADED'", "LOADED = 'READY'"),
            "a state is added": (r"LOADED = 'LOADED'", r"\g<0>\n    IDLE = 'IDLE'"),
            "a state is dropped": (r"FAILED = 'FAILED'", "pass"),
        },
    ),
    **within(
        LIFECYCLE, "verdict", "ILK003", {"a verdict is none of the five": (r"LifecycleState\.INITIALIZED", "'READY'")}
    ),
    **within(
        f"{INTERLOCK}/http/responses.py",
        "",
        "ILK005",
        {"a service that is down answers 500": (r"(ErrorCode\.UNAVAILABLE: )503", r"\g<1>500")},
    ),
    **within(
        f"{INTERLOCK}/http/models.py",
        "ExecuteRequest",
        "ILK007",
        {"the request has a default tool": (r"(tool: .*default=)None", r"\1'analyze'")},
    ),
    **within(
        f"{INTERLOCK}/plugin.py",
        "Plugin.setup",
        "ILK001",
        {
            "a plugin runs itself": (END, "\n    self.run('a', {}, None)"),
            "a tool's method is called elsewhere": (END, "\n    self.tools()['a'].method(self)"),
        },
    ),
    **within(
        f"{INTERLOCK}/adapters/dynamo/jobs.py",
        "DynamoJobs.heartbeat",
        "ILK008",
        {"a heartbeat ends a job": (START, r"\1\n    status = JobStatus.FAILED.value")},
    ),
}

PLANTED = {
    "a plugin is run": ("ILK001", "return plugin.run(event['tool'], event['input'], context)"),
    "a plugin is run by another name": ("ILK001", "p = core.plugins['ocr']; return p.run(event)"),
    "a state is invented": ("ILK003", "lifecycle_state = 'WARM'"),
    "everything is caught": ("ILK004", "try: work()\n    except Exception: return {}"),
    "a 500 is answered": ("ILK005", "return {'statusCode': 500, 'body': ''}"),
    "a traceback is answered": ("ILK006", "return {'body': traceback.format_exc()}"),
    "a tool is assumed": ("ILK007", "tool = event.get('tool', 'analyze')"),
    "the table is written": ("ILK008", "table.update_item(Key={})"),
    "a client is made": ("ILK009", "import boto3"),
    "a plugin is imported": ("ILK010", "from interlock_plugins.ocr import Ocr"),
}

IN_HANDLERS = {
    f"{name} in {PurePosixPath(file).parent.name}": Mutation(file, "handler", START, rf"\1\n    {source}", code)
    for file in HANDLERS
    for name, (code, source) in PLANTED.items()
}

HARMLESS = {
    **within(
        RUNNER,
        RUN,
        "",
        {
            "a log line in the finally": (UPDATING, r"        logger.info('over')\n        \1"),
            "a log line behind the update": (UPDATING, r"        \1\n        logger.info('over')"),
            "a guard in the finally": (UPDATING, r"        try: \1\n        except OSError: logger.exception('lost')"),
            "a with in the finally": (UPDATING, r"        with self._lock: \1"),
            "a loop in the finally": (
                UPDATING,
                r"        for hook in hooks:\n            if hook: continue\n        \1",
            ),
            "the update is elsewhere": (r"self\.(update_execution_metrics)\(", r"self._metrics.\1("),
            "the try returns": (r"outcome = self\._invoke", "return self._invoke"),
            "another except": (r"^    finally:", "    except OSError: outcome = None\n    finally:"),
            "an except that makes an outcome": (
                r"^    finally:",
                "    except Exception as error: outcome = Outcome.failed(str(error))\n    finally:",
            ),
            "an except that raises": (
                r"^    finally:",
                "    except Exception:\n        logger.exception('x')\n        raise\n    finally:",
            ),
            "more preparation": (TRYING, "    name = call.plugin.name\n    assert name\n    try:"),
        },
    ),
    **within(RUNNER, "", "", {"another function": (END, "\ndef of(plugin):\n    return plugin.name, plugin.version")}),
    **within(RUNNER, "ToolRunner", "", {"another method": (END, "\n    def close(self): self._sandbox.close()")}),
    **within(RUNNER, "ToolRunner._invoke", "", {"a subprocess": (START, r"\1\n    subprocess.run(['true'])")}),
    **within(
        RUNNER,
        "ToolRunner.update_execution_metrics",
        "",
        {"a local name": (RECORDING, r"        name = call.plugin.name\n        \1")},
    ),
    **within(
        SERVICE,
        "JobService._write",
        "",
        {
            "the question is turned around": (
                r"if after\.finished:\n( .*)\n    else:\n( .*)",
                r"if not after.finished:\n\2\n    else:\n\1",
            )
        },
    ),
    **within(
        SERVICE,
        "JobService._lost",
        "",
        {
            "a settle of its own": (r"self\._write\(", "self._store.settle("),
            "a narrow except": (r"except \w+ as", "except (StaleJob, KeyError) as"),
        },
    ),
    **within(
        SERVICE,
        "JobService._settled",
        "",
        {
            "final statuses are named": (START, r"\1\n    final = (JobStatus.FAILED, JobStatus.SUCCEEDED)"),
            "a final status is compared": (START, r"\1\n    if job.status == JobStatus.CANCELLED: return job"),
            "a final status is listed": (START, r"\1\n    self._store.list(status=JobStatus.FAILED)"),
        },
    ),
    **within(
        SERVICE, "JobService.new", "", {"a tool that may be left out": (r"wanted: NewJob\b", r"\g<0>, tool=None")}
    ),
    **within(
        JOBS,
        "Lease._keep",
        "",
        {
            "a narrow suppress": (TRYING, "    with contextlib.suppress(KeyError): self._beat()\n    try:"),
            "a failure in the log": (
                r"( *)(self\._failure = error)",
                r"\1logger.warning('%r', error, exc_info=error)\n\1\2",
            ),
        },
    ),
    **within(JOBS, "JobRunner._run", "", {"another runner": (r"self\._runner\.run\(", "self._tool_runner.run(")}),
    **within(JOBS, "JobRunner._call_of", "", {"a field": (START, r"\1\n    name = getattr(plugin, 'name')")}),
    **within(
        LIFECYCLE,
        "LifecycleState",
        "",
        {"another order": (r"(LOADED = 'LOADED')\n    (INITIALIZED = 'INITIALIZED')", r"\2\n    \1")},
    ),
    **{
        f"{name} in {PurePosixPath(file).parent.name}": Mutation(file, "handler", START, rf"\1\n    {source}")
        for file in HANDLERS
        for name, source in {
            "a lifecycle": "lifecycle = LifecycleState.FAILED",
            "a status": "status = JobStatus.FAILED if event else None",
            "an error": "print(repr(event), file=sys.stderr)",
            "a number": "time.sleep(500)",
            "no tool": "tool = event.get('tool')",
            "a name": "plugin = event['plugin']; logger.info(plugin)",
        }.items()
    },
}

STEP = volume(sample=5, full=1)
SELECTED = dict(itertools.islice((BREAKING | IN_HANDLERS).items(), None, None, STEP))
SELECTED_HARMLESS = dict(itertools.islice(HARMLESS.items(), None, None, STEP))
ALL_FILES = sorted({mutation.file for mutation in (*BREAKING.values(), *IN_HANDLERS.values(), *HARMLESS.values())})


@pytest.mark.parametrize("file", ALL_FILES)
def test_unchanged_source_has_no_violation(file: str) -> None:
    assert scanned((ROOT / file).read_text(encoding="utf-8"), file) == Counter()


@pytest.mark.parametrize("mutation", SELECTED.values(), ids=SELECTED)
def test_planted_violation_is_reported(mutation: Mutation) -> None:
    found = scanned(mutation.apply(), mutation.file) - before(mutation.file)
    assert mutation.code in {code for code, _ in found}


@pytest.mark.parametrize("mutation", SELECTED_HARMLESS.values(), ids=SELECTED_HARMLESS)
def test_harmless_rewrite_is_not_reported(mutation: Mutation) -> None:
    assert scanned(mutation.apply(), mutation.file) - before(mutation.file) == Counter()


def test_every_rule_is_proved_on_the_real_sources() -> None:
    assert {mutation.code for mutation in BREAKING.values()} == set(RULES)
    assert {PurePosixPath(mutation.file).name for mutation in BREAKING.values()} > {
        "tool_runner.py",
        "service.py",
        "runner.py",
    }
    assert {PurePosixPath(mutation.file).parent.name for mutation in IN_HANDLERS.values()} == {
        folder.name for folder in (ROOT / "functions").iterdir() if (folder / "handler.py").exists()
    }
    assert len(BREAKING) >= 40


@pytest.mark.parametrize(
    "stale",
    [
        Mutation(RUNNER, "NoSuchClass.run", "x", "y", "ILK002"),
        Mutation(RUNNER, RUN, "no such text", "y", "ILK002"),
        Mutation(RUNNER, RUN, "call", "y", "ILK002"),
        Mutation(RUNNER, RUN, r"^    finally:", "    finally:", "ILK002"),
    ],
    ids=["no scope", "no anchor", "several anchors", "no change"],
)
def test_a_mutation_that_does_not_fit_the_source_fails(stale: Mutation) -> None:
    with pytest.raises(pytest.fail.Exception, match="up to date"):
        stale.apply()
