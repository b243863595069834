"""ILK008: Only the store's settle writes a final status.

A job ends once, and is counted once, because one function writes its end, on condition of status and attempt. Only the
DynamoDB adapter calls DynamoDB's write operations. In the adapters a final status is passed on only in functions named
`settle…` and in the item mapping. Elsewhere no writing method of a store gets one. Comparing with a final status is
reading, and is allowed.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.config import ADAPTERS, ENDING_STEPS, FINAL_STATUSES, ITEM_MAPPING, JOB_ENUM, TABLE_FILES, matches
from tools.scanner.engine.facts import bindings
from tools.scanner.engine.flow import Flow
from tools.scanner.engine.nodes import Problem, given, holder_name, last, target_name
from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.engine.vocabulary import Value, Vocabulary

_PERHAPS_ENDED = Value("job that may be finished")
_ENDED_JOBS = Vocabulary(results=dict.fromkeys(ENDING_STEPS, _PERHAPS_ENDED))

_WRITES = frozenset({
    "put_item", "update_item", "delete_item", "transact_write_items", "batch_write_item", "batch_writer",
    "execute_statement", "batch_execute_statement", "execute_transaction",
})  # fmt: skip
_STORES = re.compile(r"(store|stores|jobs|table|repository)$")
_VERBS = re.compile(
    r"_?(put|save|update|change|write|set|create|insert|mark|store|move|transition|finish|complete|end)(_|$)"
)


def check(tree: SyntaxTree, path: PurePosixPath) -> Iterator[Problem]:
    if not matches(path, TABLE_FILES):
        yield from (
            (node, "only the DynamoDB adapter may write to the table: call the store") for node in _writes(tree)
        )
    if not matches(path, ADAPTERS):
        for node in _given_to_stores(tree):
            yield node, "a finished job must be written by the store's settle"
    elif not matches(path, ITEM_MAPPING):
        for node in _final_values(tree):
            if not any(around.name.lstrip("_").startswith("settle") for around in tree.functions(node)):
                yield node, "a final status must be written in settle"


def _writes(tree: SyntaxTree) -> Iterator[ast.expr]:
    for attribute in tree.nodes(ast.Attribute):
        if attribute.attr in _WRITES and isinstance(attribute.ctx, ast.Load):
            yield attribute
    for call in tree.calls("getattr", "__getattribute__", "methodcaller", "attrgetter"):
        if any(tree.text_of(argument) in _WRITES for argument in call.args):
            yield call


def _final_values(tree: SyntaxTree) -> Iterator[ast.expr]:
    yield from (node for node in tree.nodes(ast.Attribute) if _is_final_member(tree, node))
    for target, value in bindings(tree):
        name = holder_name(target)
        if (name == "S" or name.lstrip(":#").endswith("status")) and tree.text_of(value) in FINAL_STATUSES:
            yield value


def _given_to_stores(tree: SyntaxTree) -> Iterator[ast.expr]:
    """Yield final statuses, and jobs that may be finished, that are given to a writing method of a store."""
    flow = Flow(tree, _ENDED_JOBS)
    for call in tree.nodes(ast.Call):
        match call.func:
            case ast.Attribute(value=owner, attr=method) if _STORES.search(target_name(owner)) and _VERBS.match(method):
                for node in (inner for argument in (*call.args, *call.keywords) for inner in ast.walk(argument)):
                    if isinstance(node, ast.Attribute) and _is_final_member(tree, node):
                        yield node
                    elif isinstance(node, ast.keyword) and target_name(node).endswith("status"):
                        yield from (value for value in [node.value] if tree.text_of(value) in FINAL_STATUSES)
                # If there are several arguments, the first is the job as it is stored.
                for argument in given(call)[1:] or given(call):
                    if flow.value(argument) == _PERHAPS_ENDED and not _is_unfinished(tree, call, argument):
                        yield argument


def _is_final_member(tree: SyntaxTree, node: ast.Attribute) -> bool:
    """Return whether a node is a final status used as a value, not only compared, matched or used as an index."""
    if node.attr.lower() not in FINAL_STATUSES or last(tree.dotted(node.value)) != JOB_ENUM:
        return False
    for around in tree.ancestors(node):
        match around:
            case ast.Compare() | ast.MatchValue() | ast.Subscript():
                return False
            case ast.stmt() | ast.Call() | ast.Dict():
                break
    return True


def _is_unfinished(tree: SyntaxTree, node: ast.AST, job: ast.expr) -> bool:
    """Return whether `node` runs only if `job.finished` is false."""
    inner = node
    for around in tree.ancestors(node):
        if isinstance(around, ast.If):
            match around.test:
                case ast.UnaryOp(op=ast.Not(), operand=asked):
                    unfinished = around.body
                case asked:
                    unfinished = around.orelse
            if ast.unparse(asked) == f"{ast.unparse(job)}.finished" and inner in unfinished:
                return True
        inner = around
    return False
