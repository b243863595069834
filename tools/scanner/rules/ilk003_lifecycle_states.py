"""ILK003: Lifecycle states are the five known ones, and job statuses are not among them.

Health, counters and clients know five lifecycle states; nothing handles a sixth. A value is a lifecycle state by its
name (`lifecycle`, `lifecycle_state`, `plugin_state`, the `state` of a plugin or its health), by its type
(`LifecycleState`), or by its key, also in DynamoDB's form. A job has a status, which has other values.
"""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from tools.scanner.config import JOB_ENUM, JOB_STATUSES, LIFECYCLE_STATES
from tools.scanner.engine.facts import Binding, bindings
from tools.scanner.engine.flow import Flow
from tools.scanner.engine.nodes import Problem, holder_name, last, parts, target_name
from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.engine.vocabulary import Value, Vocabulary, words

LIFECYCLE, JOB_STATUS = Value("lifecycle state"), Value("job status")

_CLASS = r"Lifecycle(State|Status|Phase|Stage)?$"
_TYPES = words((_CLASS, LIFECYCLE), (f"{JOB_ENUM}$", JOB_STATUS))
_RELATED = r"_?(transition|configuration|policy|rule|path|file|name|key|url|message|reason|at|ms)s?$"
"""Endings of names that mention a lifecycle but hold another value."""

_VOCABULARY = Vocabulary(
    names=(
        *words((rf"^(?!.*{_RELATED}).*(lifecycle[^.]*|(^|[.:])plugin_state)$", LIFECYCLE)),
        *words((r"(plugin|health)s?\.state$", LIFECYCLE), (r"(^|[._])job_status$|job\.status$", JOB_STATUS)),
        *_TYPES,
    ),
    types=_TYPES,
    same=re.compile(r"value|name|str|S|[A-Z][A-Z0-9_]*"),
)
_WORDS = re.compile(r"lifecycle|plugin_state|\.state|job_?status", re.IGNORECASE)
_ALIEN = "a lifecycle state is not a job status"
_STATUS_NAME = re.compile(r"(^|_)status$")


def check(tree: SyntaxTree, _path: PurePosixPath) -> Iterator[Problem]:
    if not _WORDS.search(tree.text):
        return
    for problems in (_enums, _members, _values_given):
        yield from problems(tree)


def _enums(tree: SyntaxTree) -> Iterator[Problem]:
    """Check enumerations of lifecycle states and of job statuses."""
    for definition in tree.nodes(ast.ClassDef):
        if not any("Enum" in target_name(base) for base in definition.bases):
            continue
        members = {
            node.targets[0].id: node
            for node in definition.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id[0] != "_"
        }
        if "lifecycle" in definition.name.lower():
            yield from _lifecycle_members(tree, definition, members)
        elif JOB_ENUM in definition.name:
            yield from ((node, _ALIEN) for name, node in members.items() if _is_alien(name))
    for call in tree.nodes(ast.Call):  # `Enum("LifecycleState", "LOADED READY")`
        if len(call.args) == 2 and "lifecycle" in (tree.text_of(call.args[0]) or "").lower():
            states = (
                re.findall(r"\w+", ast.unparse(call.args[1])) if last(tree.dotted(call.func)).endswith("Enum") else ()
            )
            yield from ((call, _unknown(state)) for state in states if state not in LIFECYCLE_STATES)


def _lifecycle_members(tree: SyntaxTree, enum: ast.ClassDef, members: dict[str, ast.Assign]) -> Iterator[Problem]:
    for name, node in members.items():
        text = tree.text_of(node.value) or name
        if name not in LIFECYCLE_STATES or text != name:
            yield node, _unknown(text if name in LIFECYCLE_STATES else name)
    missing = [state for state in LIFECYCLE_STATES if state not in members]
    if members and missing:
        yield enum, f"{enum.name} must also define {', '.join(missing)}"


def _is_alien(member: str) -> bool:
    """Return whether a member of the job statuses is a lifecycle state."""
    return member in LIFECYCLE_STATES and member.lower() not in JOB_STATUSES


def _members(tree: SyntaxTree) -> Iterator[Problem]:
    """Check `LifecycleState.X`, `LifecycleState("X")`, `LifecycleState["X"]`, and the same of job statuses."""
    for node in tree.nodes(ast.Attribute, ast.Call, ast.Subscript):
        match node:
            case ast.Attribute(value=owner, attr=member) if member.isupper():
                pass
            case (
                ast.Call(func=owner, args=[value])
                | ast.Subscript(value=ast.Name() | ast.Attribute() as owner, slice=value)
            ):
                member = tree.text_of(value) or ""
            case _:
                continue
        enum = last(tree.dotted(owner))
        if re.search(_CLASS, enum) and member and member not in LIFECYCLE_STATES:
            yield node, _unknown(member)
        elif enum == JOB_ENUM and _is_alien(member):
            yield node, _ALIEN


def _unknown(text: str) -> str:
    kind = "a job status, not" if text.lower() in JOB_STATUSES else "not"
    return f"{text!r} is {kind} a lifecycle state; use one of {', '.join(LIFECYCLE_STATES)}"


def _values_given(tree: SyntaxTree) -> Iterator[Problem]:
    """Check the values that are assigned to, or compared with, a lifecycle state or a job status."""
    flow = Flow(tree, _VOCABULARY)
    for target, value in (*bindings(tree), *_compared(tree), *_returned(tree, flow)):
        held, is_status = flow.holds(target), _STATUS_NAME.search(holder_name(target).lstrip(":#"))
        for part in parts(value):
            text, found = tree.constant(part), flow.value(part)
            if held and held.what == LIFECYCLE.what:
                if isinstance(text, str) and text not in LIFECYCLE_STATES:
                    yield part, _unknown(text)
                elif found == JOB_STATUS:
                    yield part, "a job status is not a lifecycle state"
            elif (held == JOB_STATUS and text in LIFECYCLE_STATES) or (is_status and found == LIFECYCLE):
                yield part, _ALIEN


def _compared(tree: SyntaxTree) -> Iterator[Binding]:
    for comparison in tree.nodes(ast.Compare):
        for left, right in pairwise([comparison.left, *comparison.comparators]):
            yield from (
                (one, other) for one, other in ((left, right), (right, left)) if not isinstance(one, ast.Constant)
            )
    for statement in tree.nodes(ast.Match):
        for case in statement.cases:
            values = (pattern for pattern in ast.walk(case.pattern) if isinstance(pattern, ast.MatchValue))
            yield from ((statement.subject, pattern.value) for pattern in values)


def _returned(tree: SyntaxTree, flow: Flow) -> Iterator[Binding]:
    for statement in tree.nodes(ast.Return):
        around = tree.function(statement)
        if statement.value and around and flow.annotated(around.returns) == LIFECYCLE:
            yield ast.Constant("lifecycle"), statement.value
