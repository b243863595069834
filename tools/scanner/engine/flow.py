"""Follow values through a file: which expressions are a plugin, a lifecycle state, a caught exception, …

The analysis works by scope and ignores the order of statements: a name that is a plugin anywhere in its function is a
plugin everywhere in it. It repeats until it learns nothing new, so it finds an alias of an alias of a loop variable.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property, partial

from tools.scanner.engine.facts import assignments
from tools.scanner.engine.nodes import (
    FUNCTIONS,
    SCOPES,
    Function,
    defaults,
    last,
    parameters,
    parts,
    target_name,
    targets,
)
from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.engine.vocabulary import Value, Vocabulary, look_up

_CONTAINERS = re.compile(
    r"^(list|tuple|set|frozenset|dict|deque|defaultdict|(Mutable)?(Mapping|Sequence)|Iterable|Iterator|Collection"
    r"|Generator|List|Tuple|Set|Dict)$"
)
_SAME = frozenset({"cast", "copy", "deepcopy", "replace", "closing", "nullcontext", "type", "ref", "proxy",
                   "run_until_complete"})  # fmt: skip
_ANY_OF = frozenset({"list", "tuple", "set", "frozenset", "dict", "sorted", "reversed", "iter", "enumerate", "zip",
                     "filter", "chain", "values", "items", "islice"})  # fmt: skip
_ONE_OF = frozenset({"next", "get", "pop", "popitem", "popleft", "setdefault", "choice", "min", "max", "__getitem__"})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def one_of(value: Value | None) -> Value | None:
    """Return the value of a member of a collection."""
    return Value(value.what) if value and value.many else None


def many_of(value: Value | None) -> Value | None:
    """Return the value of a collection of these."""
    return Value(value.what, many=True) if value else None


class Flow:
    """The values of one vocabulary in one file."""

    def __init__(self, tree: SyntaxTree, vocabulary: Vocabulary) -> None:
        self._tree = tree
        self._vocabulary = vocabulary
        self._named = partial(look_up, vocabulary.names)
        self._names: dict[tuple[ast.AST, str], Value] = {}
        self._attributes: dict[str, Value] = {}
        self._results: dict[str, Value] = dict(vocabulary.results)
        self._lambdas: dict[str, ast.Lambda] = {}
        size = -1
        while size != (size := len(self._names) + len(self._attributes) + len(self._results) + len(self._lambdas)):
            self._learn()

    def value(self, node: ast.AST | None) -> Value | None:  # noqa: PLR0911 - one line for each kind of expression
        """Return the value of an expression, None if the vocabulary does not know it."""
        match node:
            case ast.Name():
                return self._of_name(node)
            case ast.Attribute():
                return self._of_attribute(node)
            case ast.Call():
                return self._of_call(node)
            case ast.Subscript(value=owner, slice=index):
                return self._of_subscript(self.value(owner), index)
            case ast.Await(value=inner) | ast.NamedExpr(value=inner) | ast.Starred(value=inner):
                return self.value(inner)
            case ast.IfExp() | ast.BoolOp():
                return self.first(parts(node))
            case ast.List(elts=values) | ast.Tuple(elts=values) | ast.Set(elts=values) | ast.Dict(values=values):
                return many_of(self.first(values))
            case (
                ast.ListComp(elt=inner)
                | ast.SetComp(elt=inner)
                | ast.GeneratorExp(elt=inner)
                | ast.DictComp(value=inner)
            ):
                return many_of(self.value(inner))
            case _:
                return None

    def holds(self, target: ast.AST) -> Value | None:
        """Return the value that a target of a binding holds: a variable, parameter, keyword or key."""
        match target:
            case ast.keyword(arg=str(name)):
                return self._attributes.get(name) or self._named(name)
            case ast.Constant(value=str(name)):
                return self._named(name)
            case ast.arg(arg=name):
                return self._names.get((self._tree.scope(target), name)) or self._named(name)
            case ast.Name(id=name):
                return self._named(name) or self.value(target)
            case _:
                return self.value(target)

    def first(self, nodes: Iterable[ast.AST]) -> Value | None:
        """Return the first value of these expressions that the vocabulary knows."""
        return next((value for node in nodes if (value := self.value(node))), None)

    def _of_name(self, node: ast.Name) -> Value | None:
        for scope in self._scopes(node):
            if value := self._names.get((scope, node.id)):
                return value
        return self._named(node.id) or self._named(self._tree.imports.get(node.id, ""))

    def _scopes(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the scopes around a node, innermost first. A comprehension is a scope, except for `:=` in it."""
        walrus = node in targets(self._tree.parent(node)) and isinstance(self._tree.parent(node), ast.NamedExpr)
        return self._tree.around(node, *(SCOPES if walrus else (*SCOPES, *_COMPREHENSIONS)))

    def _of_attribute(self, node: ast.Attribute) -> Value | None:
        if self._vocabulary.same.fullmatch(node.attr) and (value := self.value(node.value)):
            return value
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") and node.attr in self._attributes:
            return self._attributes[node.attr]
        return self._named(f"{target_name(node.value)}.{node.attr}")

    def _of_subscript(self, owner: Value | None, index: ast.expr) -> Value | None:
        if isinstance(index, ast.Slice):
            return owner
        text = self._tree.text_of(index) or ""
        same = owner if self._vocabulary.same.fullmatch(text) else None
        return one_of(owner) or same or self._named(text)

    def _of_call(self, node: ast.Call) -> Value | None:
        function, given = node.func, node.args
        name = function.attr if isinstance(function, ast.Attribute) else last(self._tree.dotted(function))
        if name == "super":
            around = next(self._tree.around(node, ast.ClassDef), None)
            return self._names.get((self._tree.module, around.name)) if around else None
        if name == "getattr" and len(given) > 1:
            return self._under_key(given[1])
        same = name in _SAME or self._vocabulary.same.fullmatch(name)
        if same or name in _ANY_OF | _ONE_OF:
            value = self.first([function.value, *given] if isinstance(function, ast.Attribute) else given)
            if name in _ONE_OF:
                return one_of(value) or (self._under_key(given[0]) if given else None)
            return value if same else many_of(value)
        return self._results.get(name) or self.value(function)

    def _under_key(self, node: ast.expr) -> Value | None:
        """Return the value under a constant key: `state["plugin"]` is a plugin."""
        return self._named(self._tree.text_of(node) or "")

    def annotated(self, annotation: ast.expr | None) -> Value | None:
        """Return the value of a variable with this annotation."""
        match annotation:
            case ast.Constant(value=str(text)):
                try:
                    return self.annotated(ast.parse(text, mode="eval").body)
                except SyntaxError:
                    return None
            case ast.Subscript(value=outer, slice=inner):
                parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                value = next((found for part in parts if (found := self.annotated(part))), None)
                name = last(self._tree.dotted(outer))
                return many_of(value) if _CONTAINERS.match(name) else value if name != "Callable" else None
            case ast.BinOp(left=left, right=right):
                return self.annotated(left) or self.annotated(right)
            case ast.Name() | ast.Attribute():
                name = last(self._tree.dotted(annotation))
                own = self._names.get((self._tree.module, name))
                return own or (look_up(self._vocabulary.types, name) if name[:1].isupper() else None)
            case _:
                return None

    def _learn(self) -> None:
        self._learn_bindings()
        for function in self._tree.nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda):
            self._learn_function(function)
        for call in self._tree.nodes(ast.Call):
            self._learn_call(call)
        for definition in self._tree.nodes(ast.ClassDef):
            self._learn_class(definition)

    def _learn_bindings(self) -> None:
        for target, value in assignments(self._tree):
            self._assign(target, value)
        for annotated in self._tree.nodes(ast.AnnAssign):
            self._bind(annotated.target, self.annotated(annotated.annotation))
        for item in self._tree.nodes(ast.withitem):
            self._bind(item.optional_vars, self.value(item.context_expr))
        for loop in self._tree.nodes(ast.For, ast.AsyncFor, ast.comprehension):
            self._bind(loop.target, one_of(self.value(loop.iter)))
        for pattern in self._tree.nodes(ast.MatchAs):
            if isinstance(pattern.pattern, ast.MatchClass):
                self._know(self._tree.scope(pattern), pattern.name, self.value(pattern.pattern.cls))
        for handler in self._tree.nodes(ast.ExceptHandler):
            self._know(self._tree.scope(handler), handler.name, self._vocabulary.caught)

    def _know(self, scope: ast.AST, name: str | None, value: Value | None) -> None:
        if name and value:
            self._names.setdefault((scope, name), value)

    def _bind(self, target: ast.AST | None, value: Value | None) -> None:
        match target if value else None:
            case ast.Name(id=name) as node:
                self._know(self._home(node), name, value)
                if value and isinstance(self._tree.parent(self._tree.parent(node) or node), ast.ClassDef):
                    self._attributes.setdefault(name, value)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if value:
                self._attributes.setdefault(name, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for inner in targets:
                    self._bind(inner, value)
            case ast.Starred(value=inner) | ast.Subscript(value=inner):
                self._bind(inner, many_of(value))

    def _home(self, node: ast.Name) -> ast.AST:
        """Return the scope that a name is bound in."""
        scope = next(self._scopes(node))
        declared = (each for each in self._tree.nodes(ast.Global) if node.id in each.names)
        return self._tree.module if any(self._tree.scope(each) is scope for each in declared) else scope

    def _assign(self, target: ast.AST, value: ast.expr) -> None:
        match target, value:
            case ((ast.Tuple() | ast.List()), _):
                self._bind(target, one_of(self.value(value)))
            case ast.Name(id=name), ast.Lambda(body=body):
                self._lambdas.setdefault(name, value)
                if found := self.value(body):
                    self._results.setdefault(name, found)
            case _:
                self._bind(target, self.value(value))

    def _learn_function(self, function: Function | ast.Lambda) -> None:
        for parameter in parameters(function):
            self._know(function, parameter.arg, self.annotated(parameter.annotation))
        for parameter, default in defaults(function):
            self._know(function, parameter.arg, self.value(default))
            if found := self._results.get(last(self._tree.dotted(default))):  # the default is a function
                self._results.setdefault(parameter.arg, found)
        if isinstance(function, ast.Lambda):
            return
        if result := self.annotated(function.returns) or self.first(self._returned.get(function, ())):
            self._results.setdefault(function.name, result)
            if any(last(self._tree.dotted(d)) in ("property", "cached_property") for d in function.decorator_list):
                self._attributes.setdefault(function.name, result)

    @cached_property
    def _returned(self) -> dict[Function, list[ast.expr]]:
        found: dict[Function, list[ast.expr]] = {}
        for node in self._tree.nodes(ast.Return):
            around = self._tree.function(node)
            if around and node.value:
                found.setdefault(around, []).append(node.value)
        return found

    @cached_property
    def _functions(self) -> dict[str, Function]:
        return {each.name: each for each in self._tree.nodes(ast.FunctionDef, ast.AsyncFunctionDef)}

    def _learn_call(self, call: ast.Call) -> None:
        for function, takes in self._called(call.func):
            by_name = {parameter.arg: parameter for parameter in takes}
            passed = [*zip(takes, call.args, strict=False)]
            passed += [(by_name[k.arg], k.value) for k in call.keywords if k.arg in by_name]
            for parameter, value in passed:
                self._know(function, parameter.arg, self.value(value))
        # `map(lambda p: …, plugins)`: the lambda gets what the call gets.
        lambdas = [each for each in call.args if isinstance(each, ast.Lambda)]
        handed = self.first(each for each in call.args if each not in lambdas) if lambdas else None
        for each in lambdas:
            for parameter in parameters(each):
                self._know(each, parameter.arg, one_of(handed) or handed)
        match call:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[ast.Name() as tested, types]):
                candidates = types.elts if isinstance(types, ast.Tuple) else [types]
                self._bind(tested, next((found for c in candidates if (found := self.annotated(c))), None))

    def _called(self, function: ast.expr) -> Iterator[tuple[ast.AST, list[ast.arg]]]:
        """Yield the functions of this file that a call may invoke, with the parameters that receive its arguments."""
        match function:
            case ast.Lambda():
                yield function, parameters(function)
            case ast.Name(id=name):
                local = self._functions.get(name) or self._lambdas.get(name)
                if local:
                    yield local, parameters(local)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if name in self._functions:
                yield self._functions[name], parameters(self._functions[name])[1:]

    def _learn_class(self, definition: ast.ClassDef) -> None:
        value = self.first(definition.bases)
        if definition.name in self._vocabulary.bases:
            value = value or self._named(definition.name)
        self._know(self._tree.module, definition.name, value)
        for method in definition.body if value else ():
            if isinstance(method, FUNCTIONS) and (takes := parameters(method)):
                self._know(method, takes[0].arg, value)
