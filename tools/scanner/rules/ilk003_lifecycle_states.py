"""Where lifecycle states and job statuses are defined, assigned and compared, and which of them do not belong."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from tools.scanner.engine.tree import Located, SyntaxTree, bindings, last, target_name

STATES = ("LOADED", "INITIALIZED", "RUNNING", "FAILED", "UNAVAILABLE")
STATUSES = ("pending", "running", "cancelling", "succeeded", "failed", "timed_out", "cancelled")
JOB_ENUM = "JobStatus"

_LIFECYCLE_NAME = re.compile(r"lifecycle|^:?plugin_state$", re.IGNORECASE)
_HAS_LIFECYCLE = re.compile(r"(plugin|health)s?$", re.IGNORECASE)
"""Whose `state` is a lifecycle."""

_ABOUT_LIFECYCLE = re.compile(
    r"_?(transition|configuration|policy|rule|path|file|name|key|url|message|reason|at|ms)s?$", re.I
)
_LIFECYCLE_CLASS = re.compile(r"Lifecycle(State|Status|Phase|Stage)?$")
_STATUS_NAME = re.compile(r"(^|_)status$")
_JOB_STATUS_NAME = re.compile(r"(^|_)job_status$")
_MEMBER = re.compile(r"[A-Z][A-Z0-9_]*$")

_Problem = tuple[Located, str]


def problems(tree: SyntaxTree) -> Iterator[_Problem]:
    """Everything that is not one of the five states where one has to be, each place once."""
    seen: set[tuple[int, int]] = set()
    for node, message in (*_enums(tree), *_members(tree), *_Meetings(tree).problems()):
        place = (node.lineno, node.col_offset)
        if place not in seen:
            seen.add(place)
            yield node, message


def _enums(tree: SyntaxTree) -> Iterator[_Problem]:
    """Classes that define the states, or mix them into a job's statuses."""
    for definition in tree.nodes(ast.ClassDef):
        if not any("Enum" in target_name(base) for base in definition.bases):
            continue
        members = [
            (node.targets[0].id, node.value, node)
            for node in definition.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id[0] != "_"
        ]
        if "lifecycle" in definition.name.lower():
            yield from _lifecycle_members(tree, definition, members)
        elif JOB_ENUM in definition.name:
            for name, _, node in members:
                if name.lower() not in STATUSES and name in STATES:
                    yield node, f"{name} is a lifecycle state, not a job status"
    for call in tree.nodes(ast.Call):
        match call.args:
            case [ast.Constant(value=str(name)), names] if last(tree.dotted(call.func)).endswith("Enum"):
                found = re.findall(r"\w+", ast.unparse(names))
                if "lifecycle" in name.lower() and (alien := [state for state in found if state not in STATES]):
                    yield call, _unknown(alien[0])


def _lifecycle_members(
    tree: SyntaxTree, definition: ast.ClassDef, members: list[tuple[str, ast.expr, ast.Assign]]
) -> Iterator[_Problem]:
    for name, value, node in members:
        text = tree.text_of(value)
        if name not in STATES:
            yield node, _unknown(name)
        elif text is not None and text != name:
            yield node, _unknown(text)
    missing = [state for state in STATES if members and state not in {name for name, _, _ in members}]
    if missing:
        yield definition, f"{definition.name} lacks {', '.join(missing)}"


def _members(tree: SyntaxTree) -> Iterator[_Problem]:
    """`LifecycleState.X`, `LifecycleState("X")`, `LifecycleState["X"]`, and the same of a job's status."""
    for attribute in tree.nodes(ast.Attribute):
        if _MEMBER.match(attribute.attr):
            yield from _member(attribute, last(tree.dotted(attribute.value)), attribute.attr)
    for call in tree.nodes(ast.Call):
        if len(call.args) == 1 and (text := tree.text_of(call.args[0])) is not None:
            yield from _member(call, last(tree.dotted(call.func)), text)
    for index in tree.nodes(ast.Subscript):
        if (text := tree.text_of(index.slice)) is not None and isinstance(index.value, ast.Name | ast.Attribute):
            yield from _member(index, last(tree.dotted(index.value)), text)


def _member(node: ast.expr, class_name: str, member: str) -> Iterator[_Problem]:
    if _LIFECYCLE_CLASS.search(class_name) and member not in STATES:
        yield node, _unknown(member)
    elif class_name == JOB_ENUM and member in STATES and member.lower() not in STATUSES:
        yield node, f"{member} is a lifecycle state, not a job status"


def _unknown(state: object) -> str:
    if isinstance(state, str) and state.lower() in STATUSES and state not in STATES:
        return f"{state!r} is a job status, not a lifecycle state"
    return f"{state!r} is not one of the lifecycle states {', '.join(STATES)}"


class _Meetings:
    """What is compared with or assigned to a lifecycle, or to a job's status."""

    def __init__(self, tree: SyntaxTree) -> None:
        self._tree = tree
        self._typed = {
            (tree.scope(node), target_name(target))
            for node, target, types in self._annotations()
            if _speaks_of_lifecycle(types)
        }
        for node in tree.nodes(ast.Assign):
            if self._is_state(node.value):
                self._typed |= {(tree.scope(node), target_name(target)) for target in node.targets}
        self._fields = {
            target_name(node.target)
            for node in tree.nodes(ast.AnnAssign)
            if _speaks_of_lifecycle(node.annotation)
            and (isinstance(node.target, ast.Attribute) or isinstance(tree.parent(node), ast.ClassDef))
        }

    def _annotations(self) -> Iterator[tuple[ast.AST, ast.AST, ast.expr]]:
        for node in self._tree.nodes(ast.AnnAssign):
            yield node, node.target, node.annotation
        for argument in self._tree.nodes(ast.arg):
            if argument.annotation:
                yield argument, argument, argument.annotation

    def _is_state(self, node: ast.expr | None) -> bool:
        """A state given by the enum: `LifecycleState.X`, `LifecycleState(…)`."""
        match node:
            case ast.Attribute(value=owner, attr=member) if _MEMBER.match(member):
                return bool(_LIFECYCLE_CLASS.search(last(self._tree.dotted(owner))))
            case ast.Call(func=owner) | ast.Subscript(value=owner):
                return bool(_LIFECYCLE_CLASS.search(last(self._tree.dotted(owner))))
            case _:
                return False

    def _is_lifecycle(self, node: ast.AST) -> bool:
        """Something that holds a lifecycle: by its name, by its key, by its type."""
        match node:
            case ast.Attribute(value=inner, attr="value" | "name") | ast.Call(func=ast.Name(id="str"), args=[inner]):
                return self._is_lifecycle(inner)
            case ast.Attribute(value=owner, attr="state") if _HAS_LIFECYCLE.search(target_name(owner)):
                return True
        name = _holder_name(node)
        if self._is_typed(node) or (isinstance(node, ast.Subscript) and self._is_typed(node.value)):
            return True
        if isinstance(node, ast.Subscript) and name in ("", "S"):
            return self._is_lifecycle(node.value)
        return bool(_LIFECYCLE_NAME.search(name)) and not _ABOUT_LIFECYCLE.search(name)

    def _is_typed(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name | ast.arg):
            return (self._tree.scope(node), target_name(node)) in self._typed
        return isinstance(node, ast.Attribute | ast.keyword) and target_name(node) in self._fields

    @staticmethod
    def _is_status(node: ast.AST) -> bool:
        return bool(_STATUS_NAME.search(_holder_name(node).lstrip(":#")))

    @staticmethod
    def _is_job_status(node: ast.AST) -> bool:
        match node:
            case ast.Attribute(value=owner, attr="status"):
                return target_name(owner).endswith("job")
            case _:
                return bool(_JOB_STATUS_NAME.search(target_name(node)))

    def problems(self) -> Iterator[_Problem]:
        for target, value in self._meetings():
            if self._is_lifecycle(target):
                yield from self._in_lifecycle(value)
            elif self._is_status(target):
                yield from self._in_status(target, value)

    def _meetings(self) -> Iterator[tuple[ast.AST, ast.expr]]:
        """Each pair of something named and a value that it is given or compared with."""
        yield from bindings(self._tree)
        yield from self._returned()
        yield from self._compared()
        yield from self._asked_for()

    def _returned(self) -> Iterator[tuple[ast.AST, ast.expr]]:
        for statement in self._tree.nodes(ast.Return):
            around = next(self._tree.functions_around(statement), None)
            if statement.value and around and around.returns and _speaks_of_lifecycle(around.returns):
                yield ast.Name("lifecycle"), statement.value

    def _compared(self) -> Iterator[tuple[ast.AST, ast.expr]]:
        for comparison in self._tree.nodes(ast.Compare):
            for left, right in pairwise([comparison.left, *comparison.comparators]):
                yield from (
                    (one, other) for one, other in ((left, right), (right, left)) if not isinstance(one, ast.Constant)
                )
        for statement in self._tree.nodes(ast.Match):
            for case in statement.cases:
                values = (pattern for pattern in ast.walk(case.pattern) if isinstance(pattern, ast.MatchValue))
                yield from ((statement.subject, pattern.value) for pattern in values)

    def _asked_for(self) -> Iterator[tuple[ast.AST, ast.expr]]:
        """`item.get("lifecycle", "READY")`, `setattr(plugin, "lifecycle", "READY")`."""
        for call in self._tree.nodes(ast.Call):
            match call:
                case ast.Call(func=ast.Attribute(attr="get" | "pop" | "setdefault"), args=[key, default]):
                    yield key, default
                case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[_, key, value]):
                    yield key, value

    def _in_lifecycle(self, value: ast.expr) -> Iterator[_Problem]:
        for part in _values(value):
            text = self._tree.constant(part)
            if isinstance(text, str) and text not in STATES:
                yield part, _unknown(text)
            elif self._is_job_status(part) or JOB_ENUM in re.split(r"\W+", self._tree.dotted(part)):
                yield part, "a job's status is not a lifecycle state"

    def _in_status(self, target: ast.AST, value: ast.expr) -> Iterator[_Problem]:
        for part in _values(value):
            literal = self._is_job_status(target) and self._tree.constant(part) in STATES
            if literal or self._is_state(part):
                yield part, "a lifecycle state is not a job's status"


def _speaks_of_lifecycle(annotation: ast.expr) -> bool:
    """Whether a type has to do with lifecycle states; one of several values is typed by what it holds."""
    return any(_LIFECYCLE_CLASS.search(target_name(part)) for part in ast.walk(annotation))


def _holder_name(node: ast.AST) -> str:
    """The name of what holds a value: a variable's, an attribute's, or a key that is text."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else target_name(node)


def _values(node: ast.expr) -> Iterator[ast.expr]:
    """The single values in what is assigned or compared: of a collection each, of DynamoDB's `{"S": x}` the x."""
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
            for part in parts:
                yield from _values(part)
        case ast.Dict(keys=[ast.Constant(value="S")], values=[value]):
            yield from _values(value)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _values(body)
            yield from _values(orelse)
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "tuple" | "list"), args=[value]):
            yield from _values(value)
        case _:
            yield node
