"""ILK004: A broad except re-raises or makes an outcome.

`except:`, `except Exception`, `except BaseException` and `suppress(Exception)` catch failures that nobody expected.
Every path through such a handler raises, makes an outcome (one of the types in `config.OUTCOMES`, or a call of a
function of the same file that returns one), uses the caught error's `.info`, stores the error itself in an attribute,
or builds a document with the key `error` or `outcome`. A log line is enough only in `update_execution_metrics`, where a
failure must not hide the tool's. A `return` in a `finally` and an `__exit__` that returns True swallow everything too.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tools.scanner.config import METRICS, OUTCOME_KEYS, OUTCOMES
from tools.scanner.engine.facts import is_logging
from tools.scanner.engine.flow import Flow
from tools.scanner.engine.nodes import Problem, own_nodes, parts
from tools.scanner.engine.tree import BUILTIN_EXCEPTIONS, SyntaxTree
from tools.scanner.engine.vocabulary import Value, Vocabulary, words

_OUTCOME = words((rf"(^|\.)({'|'.join(OUTCOMES)})(\.\w+)?$", Value("outcome")))
_OUTCOMES = Vocabulary(names=_OUTCOME, types=_OUTCOME)


def check(tree: SyntaxTree, _path: PurePosixPath) -> Iterator[Problem]:
    for handler in tree.nodes(ast.ExceptHandler):
        if _is_broad(tree, handler.type) and not _Handler(tree, handler).reports(handler.body):
            caught = f"except {ast.unparse(handler.type)}" if handler.type else "a bare except"
            yield handler, f"{caught} must re-raise or make an outcome on every path"
    for call in tree.calls("suppress"):
        if any(_is_broad(tree, argument) for argument in call.args):
            yield call, "this suppresses every exception: name the ones that are expected"
    for work in tree.nodes(ast.Try, ast.TryStar):
        returns = (node for node in own_nodes(*work.finalbody) if isinstance(node, ast.Return))
        yield from ((node, "a return in a finally swallows every exception") for node in returns)
    for result in tree.nodes(ast.Return):
        around = tree.function(result)
        if around and around.name in ("__exit__", "__aexit__") and tree.constant(result.value) is True:
            yield result, f"{around.name} must not return True: it swallows every exception"


def _is_broad(tree: SyntaxTree, caught: ast.expr | None) -> bool:
    types = [tree.dotted(part).removeprefix("builtins.") for part in parts(tree.value(caught))]
    return caught is None or not BUILTIN_EXCEPTIONS.isdisjoint(types)


class _Handler:
    """The body of one `except`."""

    def __init__(self, tree: SyntaxTree, handler: ast.ExceptHandler) -> None:
        self._tree = tree
        self._handler = handler
        self._flow = Flow(tree, _OUTCOMES)

    def reports(self, body: Iterable[ast.stmt]) -> bool:
        """Return whether every path through these statements raises or makes an outcome."""
        return any(map(self._reports, body))

    def _reports(self, statement: ast.stmt) -> bool:  # noqa: PLR0911 - one line for each kind of statement
        match statement:
            case ast.Raise():
                return True
            case ast.If(body=body, orelse=orelse):
                return self.reports(body) and self.reports(orelse)
            case ast.With(body=body) | ast.AsyncWith(body=body):
                return self.reports(body)
            case ast.Try(body=body, handlers=handlers, finalbody=final):
                return all(map(self.reports, (body, *(inner.body for inner in handlers)))) or self.reports(final)
            case ast.Match(cases=cases):
                complete = any(isinstance(c.pattern, ast.MatchAs) and c.pattern.pattern is None for c in cases)
                return complete and all(self.reports(case.body) for case in cases)
            case ast.For() | ast.AsyncFor() | ast.While() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return False
            case _:
                return any(map(self._is_report, own_nodes(statement)))

    def _is_report(self, node: ast.AST) -> bool:
        caught = self._handler.name
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr="info"):
                return name == caught
            case ast.Call() if is_logging(self._tree, node):
                return any(around.name == METRICS for around in self._tree.functions(node))
            case ast.Call():
                return self._flow.value(node) is not None
            case ast.Assign(targets=[ast.Attribute()], value=ast.Name(id=name)):
                return name == caught
            case ast.Dict(keys=keys):
                return any(self._tree.text_of(key) in OUTCOME_KEYS for key in keys)
            case _:
                return False
