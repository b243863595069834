"""ILK007: No fixed name replaces a missing tool.

A request without a tool means the first tool of the plugin's manifest. A fixed name in the code would run a tool that
nobody asked for, on a plugin that may not have it. None as a default is fine, and so is the manifest.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.facts import substitutes
from tools.scanner.engine.nodes import Problem, holder_name, last, target_name, targets
from tools.scanner.engine.tree import SyntaxTree

_NAMES = frozenset({"tool", "tool_name"})
_DEFAULT = re.compile(r"(default|fallback)_?tool", re.IGNORECASE)


def check(tree: SyntaxTree, _path: PurePosixPath) -> Iterator[Problem]:
    if "tool" not in tree.text:
        return
    for values in (_substitutes, _choices, _options, _fields, _mappings, _under_conditions):
        for value in values(tree):
            if _is_fixed(tree, value):
                yield value, "a fixed name must not replace a missing tool: use the first tool of the manifest"


def _is_tool(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and node.attr == "name":
        return _is_tool(node.value)
    name = target_name(node)
    return name in _NAMES or name.endswith(("_tool", "_tool_name"))


def _is_fixed(tree: SyntaxTree, node: ast.expr) -> bool:
    """Return whether an expression is fixed text or the name of a default."""
    return tree.text_of(node) is not None or bool(_DEFAULT.search(last(tree.dotted(node))))


def _substitutes(tree: SyntaxTree) -> Iterator[ast.expr]:
    """`def execute(tool="analyze")`, `body.get("tool", "analyze")`."""
    for target, value in substitutes(tree):
        name = tree.text_of(target) if isinstance(target, ast.expr) else holder_name(target)
        if name in _NAMES:
            yield value


def _choices(tree: SyntaxTree) -> Iterator[ast.expr]:
    """`tool or "analyze"`, `tool if tool else "analyze"`."""
    for choice in tree.nodes(ast.BoolOp):
        if isinstance(choice.op, ast.Or) and any(map(_is_tool, choice.values[:-1])):
            yield from choice.values
    for choice_if in tree.nodes(ast.IfExp):
        branches = (choice_if.body, choice_if.orelse)
        if any(map(_is_tool, branches)):
            yield from branches


def _options(tree: SyntaxTree) -> Iterator[ast.expr]:
    """`parser.add_argument("--tool", default="analyze")`."""
    for call in tree.calls("add_argument"):
        if any((tree.text_of(flag) or "").lstrip("-").replace("-", "_") in _NAMES for flag in call.args):
            yield from (keyword.value for keyword in call.keywords if keyword.arg == "default")


def _fields(tree: SyntaxTree) -> Iterator[ast.expr]:
    """Yield the defaults of fields of a class: `tool: str = "analyze"`, `tool: str = Field(default="analyze")`."""
    for field in tree.nodes(ast.AnnAssign, ast.Assign):
        if not isinstance(tree.parent(field), ast.ClassDef) or _NAMES.isdisjoint(map(target_name, targets(field))):
            continue
        match field.value:
            case ast.Call(args=args, keywords=keywords):
                values = [*args[:1], *(k.value for k in keywords if k.arg in ("default", "default_factory"))]
                yield from (value.body if isinstance(value, ast.Lambda) else value for value in values)
            case ast.expr() as value:
                yield value


def _mappings(tree: SyntaxTree) -> Iterator[ast.expr]:
    """`{"tool": "analyze", **body}` and `{"tool": "analyze"} | body`."""
    for mapping in tree.nodes(ast.Dict):
        above = tree.parent(mapping)
        merged = isinstance(above, ast.BinOp) and isinstance(above.op, ast.BitOr) and above.left is mapping
        for position, (key, value) in enumerate(zip(mapping.keys, mapping.values, strict=True)):
            if key and tree.text_of(key) in _NAMES and (merged or None in mapping.keys[position:]):
                yield value


def _under_conditions(tree: SyntaxTree) -> Iterator[ast.expr]:
    """`if not tool: tool = "analyze"`, and the same in an `except` or a `case`."""
    for condition in tree.nodes(ast.If):
        if any(map(_is_tool, ast.walk(condition.test))):
            yield from _assigned_tools((*condition.body, *condition.orelse))
    for handler in tree.nodes(ast.ExceptHandler):
        yield from _assigned_tools(handler.body)
    for case in tree.nodes(ast.match_case):
        subject = getattr(tree.parent(case), "subject", None)
        if subject and _is_tool(subject):
            yield from _assigned_tools(case.body)


def _assigned_tools(statements: Iterable[ast.stmt]) -> Iterator[ast.expr]:
    for statement in statements:
        if isinstance(statement, ast.Assign) and any(map(_is_tool, statement.targets)):
            yield statement.value
