"""What makes a ToolRunner count every run: the shape of its `run`, of its metrics, and where the plugin is run."""

import ast
from collections.abc import Iterator, Sequence
from itertools import takewhile

from tools.scanner.engine.log_lines import is_logging
from tools.scanner.engine.tree import (
    FUNCTIONS,
    LOOPS,
    TRIES,
    Function,
    Located,
    SyntaxTree,
    last,
    own_nodes,
    target_name,
)
from tools.scanner.engine.violation import METRICS
from tools.scanner.rules.ilk001_plugin_invocation import invocations

_Problem = tuple[Located, str]
_Try = ast.Try | ast.TryStar

_GUARDED = frozenset({"run", METRICS})

_WAYS_OUT = (ast.Return, ast.Raise, ast.Yield, ast.YieldFrom)
_LEAVES = (*_WAYS_OUT, ast.Break, ast.Continue)


def problems(tree: SyntaxTree) -> Iterator[_Problem]:
    """All that is wrong with a tool_runner.py, and where."""
    runners = [node for node in tree.module.body if isinstance(node, ast.ClassDef) and node.name == "ToolRunner"]
    if len(runners) != 1:
        where = runners[-1] if runners else ast.Pass(lineno=1, col_offset=0)
        yield where, f"the module has {len(runners)} classes ToolRunner, not one"
        return
    methods = [node for node in runners[0].body if isinstance(node, FUNCTIONS)]
    runs = [method for method in methods if method.name == "run"]
    if len(runs) != 1:
        yield runs[-1] if runs else runners[0], f"ToolRunner has {len(runs)} methods run, not one"
        return
    yield from ways_around(tree)
    yield from _work(tree, runs[0])
    for method in methods:
        if method.name == METRICS:
            yield from _metrics(tree, method)
    yield from _plugin_calls(tree, runners[0])


def _work(tree: SyntaxTree, run: Function) -> Iterator[_Problem]:
    """What is wrong with the outermost level of `run`."""
    tries = [statement for statement in run.body if isinstance(statement, TRIES) and statement.finalbody]
    if len(tries) != 1:
        message = f"run has {len(tries)} try statements with a finally at its outermost level, not one"
        yield tries[-1] if tries else run, message
        return
    work = tries[0]
    position = run.body.index(work)
    yield from _outside((*run.body[:position], *run.body[position + 1 :]))
    for node in own_nodes(*run.body[:position]):
        if isinstance(node, _WAYS_OUT):
            yield node, "a way out of run before its try: this run would not be counted"
    yield from _final(tree, work)
    for call in _calls(*work.body, *work.handlers, *work.orelse):
        if _is_update(call):
            yield call, f"{METRICS} is called outside the finally: this run would count twice"


def _outside(statements: Sequence[ast.stmt]) -> Iterator[_Problem]:
    """Work that is not within the `try`: a method of the ToolRunner that is given something, or a `run`."""
    for call in _calls(*statements):
        own = isinstance(call.func, ast.Attribute) and target_name(call.func.value) in ("self", "cls") and call.args
        if own or target_name(call.func) == "run":
            yield call, "work outside the try: if it fails, this run is not counted"


def _final(tree: SyntaxTree, work: _Try) -> Iterator[_Problem]:
    """What is wrong with the `finally`."""
    updates = [statement for statement in _always(work.finalbody) if _is_update_statement(statement)]
    if len(updates) != 1:
        yield work.finalbody[0], f"the finally always calls {METRICS} {len(updates)} times, not once"
    for node in own_nodes(*work.finalbody):
        if isinstance(node, _LEAVES) and not _stays_inside(tree, node, work):
            yield node, "leaves the finally early: it swallows the outcome, or skips the metrics"


def _stays_inside(tree: SyntaxTree, node: ast.AST, work: _Try) -> bool:
    """Whether a `break` or `continue` belongs to a loop within the `finally`."""
    between = takewhile(lambda around: around is not work, tree.ancestors(node))
    return isinstance(node, ast.Break | ast.Continue) and any(isinstance(around, LOOPS) for around in between)


def _always(statements: Sequence[ast.stmt], *, loops: bool = False) -> Iterator[ast.stmt]:
    """The statements that are reached whatever the run was: those at this level, in a `with`, in the body or the
    `finally` of a guarding `try`, and if wanted in a `for`."""
    for statement in statements:
        yield statement
        match statement:
            case ast.With(body=body) | ast.AsyncWith(body=body):
                yield from _always(body, loops=loops)
            case ast.Try(body=body, finalbody=final) | ast.TryStar(body=body, finalbody=final):
                yield from _always((*body, *final), loops=loops)
            case ast.For(body=body) | ast.AsyncFor(body=body) if loops:
                yield from _always(body, loops=loops)


def _is_update(call: ast.Call) -> bool:
    return target_name(call.func) == METRICS


def _is_update_statement(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Await(value=ast.Call() as call)) | ast.Expr(value=ast.Call() as call):
            return _is_update(call)
        case _:
            return False


def _calls(*nodes: ast.AST) -> list[ast.Call]:
    return [node for node in own_nodes(*nodes) if isinstance(node, ast.Call)]


def _metrics(tree: SyntaxTree, method: Function) -> Iterator[_Problem]:
    """What is wrong with the method that counts: it has to count, whatever the run was."""
    records = next((statement for statement in _always(method.body, loops=True) if _records(tree, statement)), None)
    if records is None:
        yield method, f"{METRICS} does not always record the run"
        return
    for node in own_nodes(*method.body):
        if isinstance(node, ast.Return | ast.Raise) and node.lineno < records.lineno:
            yield node, f"a way out of {METRICS} before it records the run"


def _records(tree: SyntaxTree, statement: ast.stmt) -> bool:
    """A statement that is a call, whatever the values are, and not one of a logger."""
    match statement:
        case ast.Expr(value=value) | ast.Return(value=ast.expr() as value):
            call = value.value if isinstance(value, ast.Await) else value
            return isinstance(call, ast.Call) and not is_logging(tree, call)
        case _:
            return False


def ways_around(tree: SyntaxTree) -> Iterator[_Problem]:
    """What puts another function in the place of the ToolRunner's `run` or of its metrics."""
    for attribute in tree.nodes(ast.Attribute):
        if isinstance(attribute.ctx, ast.Store) and _is_guarded(tree, attribute.value, attribute.attr):
            yield attribute, f"{attribute.attr} is replaced"
    for call in tree.calls("setattr"):
        if len(call.args) > 1 and _is_guarded(tree, call.args[0], tree.text_of(call.args[1])):
            yield call, f"{tree.text_of(call.args[1])} is replaced"
    for definition in tree.nodes(ast.ClassDef):
        if any(last(tree.dotted(base)) == "ToolRunner" for base in definition.bases):
            methods = (node for node in definition.body if isinstance(node, FUNCTIONS) and node.name in _GUARDED)
            yield from ((method, f"{method.name} is replaced in a subclass") for method in methods)


def _is_guarded(tree: SyntaxTree, owner: ast.expr, name: str | None) -> bool:
    around = tree.class_around(owner)
    of_runner = target_name(owner) == "ToolRunner" or (around is not None and around.name == "ToolRunner")
    return name == METRICS or (name in _GUARDED and of_runner)


def _plugin_calls(tree: SyntaxTree, runner: ast.ClassDef) -> Iterator[_Problem]:
    """What is wrong with where the plugin is run: in one place, plainly, and not in the process of the ToolRunner."""
    found = [node for node, _ in invocations(tree)]
    if not found:
        yield runner, "no plugin is run in this file"
    for again in found[1:]:
        yield again, "the plugin is run in a second place"
    for node in found[:1]:
        above = tree.parent(node)
        if not (isinstance(node, ast.Attribute) and isinstance(above, ast.Call) and above.func is node):
            yield node, "the plugin is not run by a plain call of its run"
    workers = _worker_functions(tree, found)
    for name in (node for node in ast.walk(runner) if isinstance(node, ast.Name)):
        if name.id in workers or name.id.startswith("load_plugin"):
            yield name, f"{name.id} runs plugin code: it belongs to the worker process, not to the ToolRunner's"


def _worker_functions(tree: SyntaxTree, found: Sequence[ast.expr]) -> set[str]:
    """The module's functions through which plugin code is loaded or run."""
    functions = [node for node in tree.module.body if isinstance(node, FUNCTIONS)]
    inside = {around.name for node in found for around in tree.functions_around(node) if around in functions}
    names = {
        function.name: {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} for function in functions
    }
    workers = inside | {name for name, used in names.items() if any(use.startswith("load_plugin") for use in used)}
    size = -1
    while size != (size := len(workers)):
        workers |= {name for name, used in names.items() if used & workers}
    return workers
