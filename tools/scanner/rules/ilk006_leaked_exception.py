"""ILK006: No traceback and no repr of an exception leaves the service.

A traceback shows paths and values to a caller, a repr shows internals; an envelope has a code and a sentence.
`traceback.format_*`, `sys.exc_info()`, `__traceback__`, and `repr(error)`, `ascii(error)` or `{error!r}` of an
exception may be given to a logger or written to standard error, directly or through a name that is only logged.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.facts import is_logged
from tools.scanner.engine.flow import Flow
from tools.scanner.engine.nodes import Problem, target_name, targets
from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.engine.vocabulary import Value, Vocabulary, words

_EXCEPTION = Value("exception")
_EXCEPTIONS = Vocabulary(
    names=words((r"\.__(cause|context)__$", _EXCEPTION)),
    types=words((r"(Exception|Error)$", _EXCEPTION)),
    results={"exception": _EXCEPTION},
    caught=_EXCEPTION,
)
_MENTIONED = re.compile(r"traceback|exc_info|formatException")
_FORMATTERS = re.compile(
    r"^(traceback\.(format_\w+|TracebackException|StackSummary|extract_tb|walk_tb)(\.\w+)*|sys\.exc_info"
    r"|(.*\.)?formatException)$"
)


def check(tree: SyntaxTree, _path: PurePosixPath) -> Iterator[Problem]:
    for what, found in (("a traceback", _tracebacks), ("the repr of an exception", _reprs)):
        for node in found(tree):
            if not _is_only_logged(tree, node):
                yield node, f"{what} must go to a log only: give the caller a code and a sentence"


def _tracebacks(tree: SyntaxTree) -> Iterator[ast.expr]:
    if _MENTIONED.search(tree.text):
        yield from (call for call in tree.nodes(ast.Call) if _FORMATTERS.match(tree.dotted(call.func)))
        for attribute in tree.nodes(ast.Attribute):
            if attribute.attr == "__traceback__" and isinstance(attribute.ctx, ast.Load):
                yield attribute


def _reprs(tree: SyntaxTree) -> Iterator[ast.expr]:
    flow = Flow(tree, _EXCEPTIONS)
    for node in (*tree.nodes(ast.Call), *tree.nodes(ast.FormattedValue, ast.BinOp)):
        if flow.first(_represented(tree, node)):
            yield node


def _represented(tree: SyntaxTree, node: ast.expr) -> list[ast.expr]:  # noqa: PLR0911 - one line each
    """Return the values that an expression formats with `repr` or `ascii`."""
    match node:
        case ast.FormattedValue(value=value, conversion=114 | 97):  # !r and !a
            return [value]
        case ast.Call(func=ast.Name(id="repr" | "ascii"), args=[value]):
            return [value]
        case ast.Call(func=ast.Attribute(value=value, attr="__repr__")):
            return [value]
        case ast.Call(func=ast.Attribute(value=text, attr="format")) if "!r" in (tree.text_of(text) or ""):
            return node.args
        case ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="repr"), *values]):
            return values
        case ast.BinOp(left=left, op=ast.Mod(), right=right) if "%r" in (tree.text_of(left) or ""):
            return right.elts if isinstance(right, ast.Tuple) else [right]
        case _:
            return []


def _is_only_logged(tree: SyntaxTree, node: ast.AST) -> bool:
    """Return whether an expression is logged, kept in a name that is only logged, or tested."""
    if is_logged(tree, node):
        return True
    for around in tree.ancestors(node):
        if names := [target_name(target) for target in targets(around)]:
            reads = [name for name in tree.nodes(ast.Name) if name.id in names and isinstance(name.ctx, ast.Load)]
            reads = [name for name in reads if tree.scope(name) is tree.scope(node)]
            return all(names) and bool(reads) and all(is_logged(tree, read) for read in reads)
        if isinstance(around, ast.stmt):
            return isinstance(around, ast.If | ast.While | ast.Assert)
    return False
