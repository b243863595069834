"""Helpers for single nodes of a syntax tree."""

import ast
from collections.abc import Iterator
from typing import Protocol

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.Module)


class Located(Protocol):
    """A node with a place in its file: `lineno` counts from 1, `col_offset` in bytes from 0."""

    lineno: int
    col_offset: int


Problem = tuple[Located, str]
"""A node that breaks a rule, and the message: what is wrong and the fix."""


def last(dotted: str) -> str:
    """Return the last name of a dotted name, without calls and indexes: `self._plugin.run()` → `run`."""
    return dotted.replace("()", "").replace("[]", "").rpartition(".")[2]


def target_name(node: ast.AST | None) -> str:
    """Return the name of a variable, attribute, parameter or constant key; empty for anything else."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Call(func=ast.Attribute(attr="get" | "pop"), args=[ast.Constant(value=str(key)), *_]):
            return key
        case _:
            return ""


def holder_name(node: ast.AST | None) -> str:
    """Return the name under which a value is kept: that of `target_name`, or a key that is text."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else target_name(node)


def targets(node: ast.AST | None) -> list[ast.expr]:
    """Return the targets of an assignment, plain, annotated or `:=`; none for anything else."""
    match node:
        case ast.Assign(targets=found):
            return found
        case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
            return [target]
        case _:
            return []


def given(call: ast.Call) -> list[ast.expr]:
    """Return all arguments of a call, by position and by keyword."""
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def parts(node: ast.AST | None) -> Iterator[ast.expr]:
    """Yield the single values in an expression: members of a collection, both branches of a choice, and the x of
    DynamoDB's `{"S": x}`."""
    match node:
        case ast.Tuple(elts=inner) | ast.List(elts=inner) | ast.Set(elts=inner) | ast.BoolOp(values=inner):
            yield from (part for each in inner for part in parts(each))
        case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
            yield from (*parts(one), *parts(other))
        case (
            ast.Call(func=ast.Name(id="frozenset" | "set" | "tuple" | "list"), args=[value])
            | ast.Dict(keys=[ast.Constant(value="S")], values=[value])
            | ast.Starred(value=value)
        ):
            yield from parts(value)
        case ast.expr():
            yield node


def own_nodes(*roots: ast.AST) -> Iterator[ast.AST]:
    """Yield these nodes and those below that run with them: not the bodies of nested functions, lambdas and classes."""
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def parameters(function: Function | ast.Lambda) -> list[ast.arg]:
    """Return the parameters of a function in order, without `*args` and `**kwargs`."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def defaults(function: Function | ast.Lambda) -> Iterator[tuple[ast.arg, ast.expr]]:
    """Yield each parameter that has a default, with the default."""
    positional = [*function.args.posonlyargs, *function.args.args]
    values = function.args.defaults
    yield from zip(positional[len(positional) - len(values) :], values, strict=True)
    for parameter, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is not None:
            yield parameter, default
