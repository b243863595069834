"""Questions about a whole file: what it binds, imports and logs."""

import ast
import re
from collections.abc import Iterator

from tools.scanner.engine.nodes import defaults, targets
from tools.scanner.engine.tree import SyntaxTree

Binding = tuple[ast.AST, ast.expr]
"""A target (for dictionaries and look-ups the key) and the value that it gets."""


def bindings(tree: SyntaxTree) -> Iterator[Binding]:
    """Yield all bindings of a file."""
    yield from assignments(tree)
    yield from substitutes(tree)
    yield from ((keyword, keyword.value) for keyword in tree.nodes(ast.keyword))
    for mapping in tree.nodes(ast.Dict):
        for key, value in zip(mapping.keys, mapping.values, strict=True):
            if key is not None:
                yield key, value
    for call in tree.calls("setattr"):
        if len(call.args) == 3:
            yield call.args[1], call.args[2]


def assignments(tree: SyntaxTree) -> Iterator[Binding]:
    """Yield the bindings of assignments: plain, annotated and `:=`, each part of an unpacked tuple by itself."""
    for node in tree.nodes(ast.Assign, ast.AnnAssign, ast.NamedExpr):
        for target in targets(node):
            yield from _pairs(target, node.value) if node.value else ()


def substitutes(tree: SyntaxTree) -> Iterator[Binding]:
    """Yield the values that replace a missing one: defaults of parameters, of `get`, `pop`, `setdefault`, `getattr`."""
    for function in tree.nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda):
        yield from defaults(function)
    for call in tree.calls("get", "pop", "setdefault", "getattr"):
        match call:
            case (
                ast.Call(func=ast.Attribute(), args=[key, value])
                | ast.Call(func=ast.Name(id="getattr"), args=[_, key, value])
            ):
                yield key, value


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[Binding]:
    match target, value:
        case ast.Tuple(elts=names) | ast.List(elts=names), ast.Tuple(elts=values) | ast.List(elts=values) if len(
            names
        ) == len(values):
            yield from (pair for inner in zip(names, values, strict=True) for pair in _pairs(*inner))
        case _:
            yield target, value


IMPORTERS = ("import_module", "__import__", "resolve_name", "run_module", "locate", "load_module")


def imported_modules(tree: SyntaxTree) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield every module that a file imports, by statement or by call, if the text fixes its name or how it begins."""
    for plain in tree.nodes(ast.Import):
        yield from ((plain, alias.name) for alias in plain.names)
    for source in tree.nodes(ast.ImportFrom):
        if source.level == 0:
            yield source, source.module or ""
    for call in tree.calls(*IMPORTERS):
        if call.args and (name := _start(tree, call.args[0])):
            yield call, name


def _start(tree: SyntaxTree, node: ast.expr) -> str:
    """Return the fixed text at the start of an expression."""
    match tree.value(node):
        case ast.JoinedStr(values=[first, *_]):
            return _start(tree, first)
        case ast.BinOp(left=left, op=ast.Add()):
            return tree.text_of(node) or _start(tree, left)
        case _:
            return tree.text_of(node) or ""


_LEVEL = r"(debug|info|warning|error|exception|critical|log)"
_WRITES = re.compile(
    rf"((.*[._])?(log|logger|logging)(\(\))?\.{_LEVEL}|sys\.stderr\.write|sys\.excepthook|traceback\.print_\w+)$",
    re.IGNORECASE,
)


def is_logging(tree: SyntaxTree, call: ast.Call) -> bool:
    """Return whether a call is a level's method of a logger, or writes to standard error."""
    function = tree.dotted(call.func)
    if function == "print":
        return any(keyword.arg == "file" and tree.dotted(keyword.value) == "sys.stderr" for keyword in call.keywords)
    return bool(_WRITES.match(function))


def is_logged(tree: SyntaxTree, node: ast.AST) -> bool:
    """Return whether a node is part of an argument of a logging call."""
    return any(isinstance(around, ast.Call) and is_logging(tree, around) for around in tree.ancestors(node))
