"""ILK005: No code returns HTTP 500.

An execution returns 200 or 400; if a service that Interlock needs is down, it returns 503. A 500 means that we do not
know what happened. It appears nowhere: not as a status code, not in a table of them, not as an exception of the web
framework.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.facts import bindings
from tools.scanner.engine.nodes import Problem, holder_name, last, target_name, targets
from tools.scanner.engine.tree import SyntaxTree

_STATUS = re.compile(r"status(es)?(_?codes?)?(_by_\w+)?$|^code$|^HTTP", re.IGNORECASE)
_RESPONSE = re.compile(r"(response|envelope|error|exception|abort|reply|respond|answer|httpstatus)$", re.IGNORECASE)
_STATUS_LINE = re.compile(r"500( [A-Z][a-z]+.*)?$")
_MENTIONED = re.compile(r"500|internal_?server_?error", re.IGNORECASE)
_STATUSES = frozenset({401, 403, 404, 405, 409, 413, 415, 422, 429, 502, 503, 504})
"""Numbers that are rarely anything but an HTTP status."""

_NAMES = frozenset({"INTERNAL_SERVER_ERROR", "InternalServerError", "HTTP_500_INTERNAL_SERVER_ERROR",
                    "internal_server_error"})  # fmt: skip


def check(tree: SyntaxTree, _path: PurePosixPath) -> Iterator[Problem]:
    if _MENTIONED.search(tree.text):
        for node in (*_by_name(tree), *_values(tree), *_in_tables(tree)):
            yield node, "HTTP 500 must not be returned: use 400 or 503, with an error envelope"


def _by_name(tree: SyntaxTree) -> Iterator[ast.expr]:
    for node in tree.nodes(ast.Attribute, ast.Name, ast.Subscript):
        name = tree.text_of(node.slice) if isinstance(node, ast.Subscript) else last(tree.dotted(node))
        if name in _NAMES:
            yield node


def _values(tree: SyntaxTree) -> Iterator[ast.expr]:
    """Yield each 500 that is used as a status: by the name that it gets, in a response, or returned beside a body."""
    for target, value in bindings(tree):
        if _STATUS.search(holder_name(target)) and _is_500(tree, value):
            yield value
    for call in tree.nodes(ast.Call):
        if _RESPONSE.search(last(tree.dotted(call.func))):
            yield from (value for value in call.args if _is_500(tree, value))
    for result in tree.nodes(ast.Return):
        if isinstance(result.value, ast.Tuple):
            yield from (value for value in result.value.elts if _is_500(tree, value))


def _in_tables(tree: SyntaxTree) -> Iterator[ast.expr]:
    """Yield each 500 in a dictionary that is named after statuses, has errors as keys, or other statuses as values."""
    for table in tree.nodes(ast.Dict):
        found = [value for value in table.values if _is_500(tree, value)]
        if found and (
            any("error" in ast.unparse(key).lower() for key in table.keys if key)
            or any(tree.constant(value) in _STATUSES for value in table.values)
            or any(_STATUS.search(target_name(target)) for target in targets(next(tree.around(table, ast.stmt), None)))
        ):
            yield from found


def _is_500(tree: SyntaxTree, node: ast.expr) -> bool:
    value = tree.constant(node)
    return value == 500 or (isinstance(value, str) and bool(_STATUS_LINE.match(value)))
