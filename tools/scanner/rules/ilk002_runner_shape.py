"""ILK002: ToolRunner.run updates the metrics in its finally.

A run that is not counted makes the registry report wrong figures. `run` has one `try` at its outermost level, and all
work is inside it. Its `finally` calls `update_execution_metrics` once on every path and never exits early, which would
swallow the outcome. `run` does not exit before the `try`. One place of the file runs the plugin, in functions of the
worker process, which the class does not call. No subclass or assignment replaces these methods.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from tools.scanner.config import METRICS, RUNNER_CLASS, RUNNER_FILE
from tools.scanner.engine.facts import is_logging
from tools.scanner.engine.nodes import FUNCTIONS, Function, Problem, last, own_nodes, target_name
from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.rules.ilk001_plugin_invocation import invocations

_Try = ast.Try | ast.TryStar

_GUARDED = frozenset({"run", METRICS})
_EXITS = (ast.Return, ast.Raise, ast.Yield, ast.YieldFrom)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def check(tree: SyntaxTree, path: PurePosixPath) -> Iterator[Problem]:
    yield from _replacements(tree)
    if path.name != RUNNER_FILE:
        return
    runners = [node for node in tree.module.body if isinstance(node, ast.ClassDef) and node.name == RUNNER_CLASS]
    if len(runners) != 1:
        where = runners[-1] if runners else ast.Pass(lineno=1, col_offset=0)
        yield where, f"the module must define {RUNNER_CLASS} exactly once, not {len(runners)} times"
        return
    methods = [node for node in runners[0].body if isinstance(node, FUNCTIONS)]
    runs = [method for method in methods if method.name == "run"]
    if len(runs) != 1:
        yield runs[-1] if runs else runners[0], f"{RUNNER_CLASS} must define run exactly once, not {len(runs)} times"
        return
    yield from _run(tree, runs[0])
    for method in methods:
        if method.name == METRICS:
            yield from _metrics(tree, method)
    yield from _plugin_calls(tree, runners[0])


def _run(tree: SyntaxTree, run: Function) -> Iterator[Problem]:
    """Check the outermost level of `run`."""
    tries = [statement for statement in run.body if isinstance(statement, _Try) and statement.finalbody]
    if len(tries) != 1:
        where = tries[-1] if tries else run
        yield where, f"run must have exactly one try with a finally at its outermost level, not {len(tries)}"
        return
    work = tries[0]
    position = run.body.index(work)
    for call in _calls(*run.body[:position], *run.body[position + 1 :]):
        own = isinstance(call.func, ast.Attribute) and target_name(call.func.value) in ("self", "cls") and call.args
        if own or target_name(call.func) == "run":
            yield call, "this work is outside the try: if it fails, the run is not counted; move it into the try"
    for node in own_nodes(*run.body[:position]):
        if isinstance(node, _EXITS):
            yield node, "run exits before its try: the run is not counted; move this into the try"
    yield from _finally(tree, work)
    for call in _calls(*work.body, *work.handlers, *work.orelse):
        if _is_update(call):
            yield call, f"{METRICS} is called outside the finally: the run is counted twice; remove this call"


def _finally(tree: SyntaxTree, work: _Try) -> Iterator[Problem]:
    updates = [statement for statement in _always(work.finalbody) if _is_update(_called(statement))]
    if len(updates) != 1:
        yield work.finalbody[0], f"the finally must call {METRICS} once on every path, not {len(updates)} times"
    for node in own_nodes(*work.finalbody):
        loop = next(tree.around(node, *_LOOPS), None)
        in_loop = isinstance(node, ast.Break | ast.Continue) and loop is not None and work in tree.ancestors(loop)
        if isinstance(node, (*_EXITS, ast.Break, ast.Continue)) and not in_loop:
            yield node, "this leaves the finally early and swallows the outcome or skips the metrics; remove it"


def _always(statements: Sequence[ast.stmt], *, loops: bool = False) -> Iterator[ast.stmt]:
    """Yield the statements that run on every path: those at this level, in a `with`, in a `try` and its `finally`, and
    with `loops` also in a `for`."""
    for statement in statements:
        yield statement
        match statement:
            case ast.With(body=body) | ast.AsyncWith(body=body):
                yield from _always(body, loops=loops)
            case ast.Try(body=body, finalbody=final) | ast.TryStar(body=body, finalbody=final):
                yield from _always((*body, *final), loops=loops)
            case ast.For(body=body) | ast.AsyncFor(body=body) if loops:
                yield from _always(body, loops=loops)


def _called(statement: ast.stmt) -> ast.Call | None:
    """Return the call that a statement consists of, awaited or not."""
    match statement:
        case ast.Expr(value=value) | ast.Return(value=ast.expr() as value):
            call = value.value if isinstance(value, ast.Await) else value
            return call if isinstance(call, ast.Call) else None
        case _:
            return None


def _is_update(call: ast.Call | None) -> bool:
    return call is not None and target_name(call.func) == METRICS


def _calls(*nodes: ast.AST) -> list[ast.Call]:
    return [node for node in own_nodes(*nodes) if isinstance(node, ast.Call)]


def _metrics(tree: SyntaxTree, method: Function) -> Iterator[Problem]:
    """Check that the method counts the run, whatever its outcome."""
    for statement in _always(method.body, loops=True):
        call = _called(statement)
        if call is not None and not is_logging(tree, call):
            break
    else:
        yield method, f"{METRICS} must record the run on every path"
        return
    for node in own_nodes(*method.body):
        if isinstance(node, ast.Return | ast.Raise) and node.lineno < statement.lineno:
            yield node, f"{METRICS} exits before it records the run"


def _replacements(tree: SyntaxTree) -> Iterator[Problem]:
    """Yield the code that replaces the ToolRunner's `run` or its metrics by another function."""
    for attribute in tree.nodes(ast.Attribute):
        if isinstance(attribute.ctx, ast.Store) and _is_guarded(tree, attribute.value, attribute.attr):
            yield attribute, f"{attribute.attr} must not be replaced"
    for call in tree.calls("setattr"):
        if len(call.args) > 1 and _is_guarded(tree, call.args[0], tree.text_of(call.args[1])):
            yield call, f"{tree.text_of(call.args[1])} must not be replaced"
    for definition in tree.nodes(ast.ClassDef):
        if any(last(tree.dotted(base)) == RUNNER_CLASS for base in definition.bases):
            for method in definition.body:
                if isinstance(method, FUNCTIONS) and method.name in _GUARDED:
                    yield method, f"{method.name} must not be replaced in a subclass"


def _is_guarded(tree: SyntaxTree, owner: ast.expr, name: str | None) -> bool:
    around = next(tree.around(owner, ast.ClassDef), None)
    of_runner = target_name(owner) == RUNNER_CLASS or (around is not None and around.name == RUNNER_CLASS)
    return name == METRICS or (name in _GUARDED and of_runner)


def _plugin_calls(tree: SyntaxTree, runner: ast.ClassDef) -> Iterator[Problem]:
    """Check that a plugin is run in one place, by a plain call, and not in the ToolRunner's own process."""
    found = [node for node, _ in invocations(tree)]
    if not found:
        yield runner, "this file must run the plugin"
    for again in found[1:]:
        yield again, "the plugin must be run in one place only"
    for node in found[:1]:
        above = tree.parent(node)
        if not (isinstance(node, ast.Attribute) and isinstance(above, ast.Call) and above.func is node):
            yield node, "the plugin must be run by a plain call of its run"
    workers = _worker_functions(tree, found)
    for name in (node for node in ast.walk(runner) if isinstance(node, ast.Name)):
        if name.id in workers or name.id.startswith("load_plugin"):
            yield name, f"{name.id} runs plugin code: call it in the worker process, not in {RUNNER_CLASS}"


def _worker_functions(tree: SyntaxTree, found: Sequence[ast.expr]) -> set[str]:
    """Return the module's functions that load or run plugin code, directly or through others."""
    functions = [node for node in tree.module.body if isinstance(node, FUNCTIONS)]
    names = {each.name: {node.id for node in ast.walk(each) if isinstance(node, ast.Name)} for each in functions}
    workers = {around.name for node in found for around in tree.functions(node) if around in functions}
    workers |= {name for name, used in names.items() if any(use.startswith("load_plugin") for use in used)}
    size = -1
    while size != (size := len(workers)):
        workers |= {name for name, used in names.items() if used & workers}
    return workers


def check_project(paths: Sequence[PurePosixPath]) -> Iterator[tuple[PurePosixPath, str]]:
    runners = [path for path in paths if path.name == RUNNER_FILE]
    if not runners:
        yield PurePosixPath(RUNNER_FILE), "this file does not exist: no run is governed"
    for second in runners[1:]:
        yield second, f"this is a second {RUNNER_FILE}: only {runners[0]} may govern runs"
