"""A source file as a syntax tree that is parsed once, walked once, and resolves imports, aliases and constants."""

import ast
import io
import re
import sys
import tokenize
import warnings
from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar, overload

from tools.scanner.engine.nodes import FUNCTIONS, SCOPES, Function, Located, last

N = TypeVar("N", bound=ast.AST)
M = TypeVar("M", bound=ast.AST)
L = TypeVar("L", bound=ast.AST)

BUILTIN_EXCEPTIONS = frozenset({"Exception", "BaseException"})

_SHARED = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)
_LEAVES = frozenset(
    {str, bytes, int, float, complex, bool, type(None), type(...)}
    | {leaf for kind in _SHARED for leaf in kind.__subclasses__()}
)
"""Types of a node's fields that have no location: values, and objects that the parser shares."""

_DEPTH = 8
"""The longest chain of aliases that is followed. Ends cycles."""

_TYPE_STATEMENT = re.compile(rb"^([ \t]*)type (\w+)(?=\s*[=\[])", re.MULTILINE)
_TYPE_PARAMETERS = re.compile(rb"^([ \t]*(?:async )?(?:def|class) \w+)(\[.*?\])(?=[(:])", re.MULTILINE)


def without_type_parameters(source: bytes) -> bytes:
    """Return a source without the type parameters and type statements of PEP 695, which Python 3.11 cannot parse.
    Lines and columns stay the same; no rule looks at what is removed."""
    source = _TYPE_STATEMENT.sub(rb"\1\2     ", source)
    return _TYPE_PARAMETERS.sub(lambda found: found[1] + b" " * len(found[2]), source)


class SyntaxTree:
    """The nodes of one file by type, their parents, and the origins of its names."""

    def __init__(self, module: ast.Module, text: str) -> None:
        self.module = module
        self.text = text
        self._lines = text.split("\n")
        self._nodes: dict[type[ast.AST], list[ast.AST]] = {}
        self._parents: dict[ast.AST, ast.AST] = {}
        self._walk()

    @classmethod
    def parse(cls, source: bytes) -> "SyntaxTree":
        """Parse the content of a file. Raises SyntaxError or ValueError if it is not Python, RecursionError if it is
        nested too deeply."""
        if sys.version_info < (3, 12):  # noqa: UP036 - the scanner runs where only an older Python is installed
            source = without_type_parameters(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ruff reports invalid escapes in scanned files
            module = ast.parse(source)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        return cls(module, source.decode(encoding, "replace"))

    def _walk(self) -> None:
        queue: list[ast.AST] = [self.module]
        for node in queue:  # the queue grows in the loop
            self._nodes.setdefault(type(node), []).append(node)
            for value in vars(node).values():
                for child in value if isinstance(value, list) else (value,):
                    if type(child) not in _LEAVES:
                        self._parents[child] = node
                        queue.append(child)

    @overload
    def nodes(self, kind: type[N], /) -> Iterator[N]: ...
    @overload
    def nodes(self, kind: type[N], other: type[M], /) -> Iterator[N | M]: ...
    @overload
    def nodes(self, kind: type[N], other: type[M], third: type[L], /) -> Iterator[N | M | L]: ...
    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """Yield all nodes of exactly these types, of each type the outer nodes first."""
        for kind in kinds:
            yield from self._nodes.get(kind, ())

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """Yield all calls of functions with these names, however they were imported."""
        for name in names:
            yield from self._calls.get(name, ())

    @cached_property
    def _calls(self) -> dict[str, list[ast.Call]]:
        found: dict[str, list[ast.Call]] = {}
        for call in self.nodes(ast.Call):
            found.setdefault(last(self.dotted(call.func)), []).append(call)
        return found

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node that holds this one; None for the module."""
        return self._parents.get(node)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around this one, from its parent to the module."""
        while (above := self._parents.get(node)) is not None:
            yield above
            node = above

    def around(self, node: ast.AST, *kinds: type[N]) -> Iterator[N]:
        """Yield the nodes of these types around a node, innermost first."""
        return (above for above in self.ancestors(node) if isinstance(above, kinds))

    def scope(self, node: ast.AST) -> ast.AST:
        """Return the innermost function, lambda or module around a node. Comprehensions belong to their function."""
        return next(self.around(node, *SCOPES), self.module)

    def functions(self, node: ast.AST) -> Iterator[Function]:
        """Yield the functions around a node, innermost first."""
        return (above for above in self.ancestors(node) if isinstance(above, FUNCTIONS))

    def function(self, node: ast.AST) -> Function | None:
        """Return the innermost function around a node."""
        return next(self.functions(node), None)

    def column(self, node: Located) -> int:
        """Return the column of a node in characters, from 1. The parser counts bytes, from 0."""
        line = self._lines[node.lineno - 1] if node.lineno <= len(self._lines) else ""
        return len(line.encode()[: node.col_offset].decode("utf-8", "replace")) + 1

    @cached_property
    def imports(self) -> dict[str, str]:
        """Each imported name with its origin: `from traceback import format_exc as f` → `f: traceback.format_exc`."""
        found: dict[str, str] = {}
        for plain in self.nodes(ast.Import):
            for alias in plain.names:
                root = alias.name.partition(".")[0]
                found[alias.asname or root] = alias.name if alias.asname else root
        for source in self.nodes(ast.ImportFrom):
            for alias in source.names:
                found[alias.asname or alias.name] = f"{source.module or ''}.{alias.name}".lstrip(".")
        return found

    @cached_property
    def _assigned_once(self) -> dict[str, ast.expr]:
        """The value of every name that is assigned exactly once in the file, by a plain assignment."""
        values: dict[str, ast.expr | None] = {}
        for node in self.nodes(ast.Name):
            if not isinstance(node.ctx, ast.Load):
                above = self._parents[node]
                plain = isinstance(above, ast.Assign | ast.AnnAssign | ast.NamedExpr)
                value = getattr(above, "value", None) if plain else None
                values[node.id] = None if node.id in values else value
        values |= {argument.arg: None for argument in self.nodes(ast.arg)}
        return {name: value for name, value in values.items() if value is not None}

    def value(self, node: ast.expr | None) -> ast.expr | None:
        """Return the value of a name that is assigned once, and any other expression unchanged."""
        for _ in range(_DEPTH):
            if not isinstance(node, ast.Name) or node.id not in self._assigned_once:
                break
            node = self._assigned_once[node.id]
        return node

    def dotted(self, node: ast.AST | None, depth: int = _DEPTH) -> str:  # noqa: PLR0911 - one line for each kind
        """Return the dotted name of an expression with imports and aliases resolved: `traceback.format_exc`. Calls
        become `()`, indexes `[]`, and expressions without a name `?`."""
        match node:
            case ast.Name(id=name) if name in self.imports:
                return self.imports[name]
            case ast.Name(id=name):
                value = self._assigned_once.get(name)
                return self.dotted(value, depth - 1) if depth and self._is_alias(value) else name
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

    def _is_alias(self, value: ast.expr | None) -> bool:
        if isinstance(value, ast.Name) and value.id in BUILTIN_EXCEPTIONS:
            return True
        root = value
        while isinstance(root, ast.Attribute):
            root = root.value
        return isinstance(root, ast.Name) and root.id in self.imports

    def constant(self, node: ast.expr | None, depth: int = _DEPTH) -> object:
        """Return the value of a literal, of concatenated literals, or of a name that is assigned once to those. None
        if the value is not fixed in the text."""
        match self.value(node) if depth else None:
            case ast.Constant(value=value):
                return value
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                first, second = self.constant(left, depth - 1), self.constant(right, depth - 1)
                return first + second if isinstance(first, str) and isinstance(second, str) else None
            case ast.JoinedStr(values=parts):
                texts = [self.constant(part, depth - 1) for part in parts]
                return "".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else None
            case _:
                return None

    def text_of(self, node: ast.expr | None) -> str | None:
        """Return the fixed text of an expression, None if it is not fixed or not text."""
        value = self.constant(node)
        return value if isinstance(value, str) else None
