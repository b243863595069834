"""A source file as a syntax tree that is parsed once, walked once, and knows what its names stand for."""

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from functools import cached_property
from typing import Protocol, TypeVar, overload

from tools.scanner.engine.older_grammar import KNOWS_TYPE_PARAMETERS, without_type_parameters

N = TypeVar("N", bound=ast.AST)
M = TypeVar("M", bound=ast.AST)
L = TypeVar("L", bound=ast.AST)

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.Module)
TRIES = (ast.Try, ast.TryStar)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
BUILTIN_EXCEPTIONS = frozenset({"Exception", "BaseException"})

_SHARED = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)
_LEAVES = frozenset(
    {str, bytes, int, float, complex, bool, type(None), type(...)}
    | {leaf for kind in _SHARED for leaf in kind.__subclasses__()}
)
"""What is in a node and is no node with a place of its own: values, and what the parser uses one object for."""

_DEPTH = 8
"""How many names deep an alias is followed: enough for any honest one, and a cycle ends."""


class Located(Protocol):
    """A node with a place in its file: `lineno` counts from 1, `col_offset` in bytes from 0."""

    lineno: int
    col_offset: int


class SyntaxTree:
    """The nodes of one file by type, their parents, and the imports and constants that its names stand for."""

    def __init__(self, module: ast.Module, source: bytes) -> None:
        self.module = module
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        self.text = source.decode(encoding, "replace")
        self._nodes: dict[type[ast.AST], list[ast.AST]] = {}
        self._parents: dict[ast.AST, ast.AST] = {}
        self._walk()

    @classmethod
    def parse(cls, source: bytes) -> "SyntaxTree":
        """Parses a file's content. Raises SyntaxError or ValueError if it is not Python, RecursionError if too deep."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in a scanned file is not the scanner's to report
            try:
                return cls(ast.parse(source), source)
            except SyntaxError:
                if KNOWS_TYPE_PARAMETERS:
                    raise
            return cls(ast.parse(without_type_parameters(source)), source)

    def _walk(self) -> None:
        nodes, parents = self._nodes, self._parents
        queue: list[ast.AST] = [self.module]
        for node in queue:  # and those that are put behind it meanwhile
            nodes.setdefault(type(node), []).append(node)
            for value in vars(node).values():
                for child in value if isinstance(value, list) else (value,):
                    if type(child) not in _LEAVES:
                        parents[child] = node
                        queue.append(child)

    @overload
    def nodes(self, kind: type[N], /) -> Iterator[N]: ...
    @overload
    def nodes(self, kind: type[N], other: type[M], /) -> Iterator[N | M]: ...
    @overload
    def nodes(self, kind: type[N], other: type[M], third: type[L], /) -> Iterator[N | M | L]: ...
    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """All nodes of exactly these types, in each the outer ones first."""
        for kind in kinds:
            yield from self._nodes.get(kind, ())

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """All calls of functions of these names, whatever they are called on or imported as."""
        for name in names:
            yield from self._calls.get(name, ())

    @cached_property
    def _calls(self) -> dict[str, list[ast.Call]]:
        found: dict[str, list[ast.Call]] = {}
        for call in self.nodes(ast.Call):
            found.setdefault(last(self.dotted(call.func)), []).append(call)
        return found

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds this one; None for the module."""
        return self._parents.get(node)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around this one, from its parent to the module."""
        while (above := self._parents.get(node)) is not None:
            yield above
            node = above

    def scope(self, node: ast.AST) -> ast.AST:
        """The innermost function, lambda or module around a node. Comprehensions count as part of their function."""
        return next((above for above in self.ancestors(node) if isinstance(above, SCOPES)), self.module)

    def functions_around(self, node: ast.AST) -> Iterator[Function]:
        """The functions around a node, innermost first."""
        return (above for above in self.ancestors(node) if isinstance(above, FUNCTIONS))

    def class_around(self, node: ast.AST) -> ast.ClassDef | None:
        """The innermost class around a node."""
        return next((above for above in self.ancestors(node) if isinstance(above, ast.ClassDef)), None)

    def column(self, node: Located) -> int:
        """The column of a node in characters, from 1 (the parser counts bytes)."""
        lines = self._lines
        line = lines[node.lineno - 1] if node.lineno <= len(lines) else ""
        return len(line.encode()[: node.col_offset].decode("utf-8", "replace")) + 1

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def imports(self) -> dict[str, str]:
        """What each imported name stands for: `from traceback import format_exc as f` → `f: traceback.format_exc`."""
        found: dict[str, str] = {}
        for plain in self.nodes(ast.Import):
            for alias in plain.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        for source in self.nodes(ast.ImportFrom):
            for alias in source.names:
                found[alias.asname or alias.name] = f"{source.module or ''}.{alias.name}".lstrip(".")
        return found

    @cached_property
    def _assigned_once(self) -> dict[str, ast.expr]:
        """The value of every name that is assigned exactly once in the file, and by a plain assignment."""
        values: dict[str, ast.expr | None] = {}
        for node in self.nodes(ast.Name):
            if isinstance(node.ctx, ast.Load):
                continue
            above = self._parents[node]
            plain = isinstance(above, ast.Assign | ast.AnnAssign | ast.NamedExpr)
            value = getattr(above, "value", None) if plain else None
            values[node.id] = None if node.id in values else value
        for argument in self.nodes(ast.arg):
            values[argument.arg] = None
        return {name: value for name, value in values.items() if value is not None}

    def value(self, node: ast.expr | None) -> ast.expr | None:
        """What an expression stands for: a name assigned once stands for its value, anything else for itself."""
        for _ in range(_DEPTH):
            if not isinstance(node, ast.Name) or node.id not in self._assigned_once:
                break
            node = self._assigned_once[node.id]
        return node

    def dotted(self, node: ast.AST | None, depth: int = _DEPTH) -> str:  # noqa: PLR0911 - one line for each kind
        """The dotted name of an expression, imports and aliases resolved: `traceback.format_exc`, `self.plugin.run`.
        A call shows as `()`, an index as `[]`, what has no name as `?`."""
        match node:
            case ast.Name(id=name) if name in self.imports:
                return self.imports[name]
            case ast.Name(id=name):
                value = self._assigned_once.get(name)
                known = isinstance(value, ast.Name | ast.Attribute) and self._root(value) in self.imports
                aliased = known or (isinstance(value, ast.Name) and value.id in BUILTIN_EXCEPTIONS)
                return self.dotted(value, depth - 1) if aliased and depth else name
            case ast.Attribute(value=value, attr=attribute):
                return f"{self.dotted(value)}.{attribute}"
            case ast.Call(func=function):
                return f"{self.dotted(function)}()"
            case ast.Subscript(value=value):
                return f"{self.dotted(value)}[]"
            case ast.Await(value=value):
                return self.dotted(value)
            case _:
                return "?"

    @staticmethod
    def _root(node: ast.expr) -> str:
        while isinstance(node, ast.Attribute):
            node = node.value
        return node.id if isinstance(node, ast.Name) else ""

    def constant(self, node: ast.expr | None, depth: int = _DEPTH) -> object:
        """The value of an expression that is fixed in the text: a literal, literals joined, a name assigned once to
        such. None where it is not fixed (and for None)."""
        match self.value(node) if depth else None:
            case ast.Constant(value=value):
                return value
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                first, second = self.constant(left, depth - 1), self.constant(right, depth - 1)
                return first + second if isinstance(first, str) and isinstance(second, str) else None
            case ast.JoinedStr(values=parts):
                texts = [self.constant(part, depth - 1) for part in parts]
                return "".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else None
            case ast.FormattedValue(value=value):
                return self.constant(value, depth - 1)
            case _:
                return None

    def text_of(self, node: ast.expr | None) -> str | None:
        """The fixed text of an expression, None where it is not fixed or not text."""
        value = self.constant(node)
        return value if isinstance(value, str) else None


def last(dotted: str) -> str:
    """The last name of a dotted one: `self._plugin.run` → `run`; calls and indexes count with their name."""
    return dotted.replace("()", "").replace("[]", "").rpartition(".")[2]


def target_name(node: ast.AST | None) -> str:
    """The name that an expression is known by: of a variable, attribute, parameter or constant key; else empty."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Call(func=ast.Attribute(attr="get" | "pop"), args=[ast.Constant(value=str(key)), *_]):
            return key
        case _:
            return ""


def own_nodes(*roots: ast.AST) -> Iterator[ast.AST]:
    """The nodes below these that run with them: bodies of nested functions, lambdas and classes are left out."""
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def arguments(function: Function | ast.Lambda) -> list[ast.arg]:
    """All parameters of a function, in order, `*args` and `**kwargs` left out."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def defaults(function: Function | ast.Lambda) -> Iterator[tuple[ast.arg, ast.expr]]:
    """Each parameter that has a default, with it."""
    positional = [*function.args.posonlyargs, *function.args.args]
    given = function.args.defaults
    yield from zip(positional[len(positional) - len(given) :], given, strict=True)
    for parameter, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is not None:
            yield parameter, default


def bindings(tree: SyntaxTree) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Every name given a value in one step: assignments, walrus, keyword arguments, defaults, dictionary entries.
    The first of each pair is the target (for a dictionary its key), the second the value."""
    for assign in tree.nodes(ast.Assign):
        for target in assign.targets:
            yield from _pairs(target, assign.value)
    for node in tree.nodes(ast.AnnAssign, ast.NamedExpr):
        if node.value is not None:
            yield node.target, node.value
    for keyword in tree.nodes(ast.keyword):
        yield keyword, keyword.value
    for mapping in tree.nodes(ast.Dict):
        for key, value in zip(mapping.keys, mapping.values, strict=True):
            if key is not None:
                yield key, value
    for function in tree.nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda):
        yield from defaults(function)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        for inner_target, inner_value in zip(target.elts, value.elts, strict=False):
            yield from _pairs(inner_target, inner_value)
    else:
        yield target, value
