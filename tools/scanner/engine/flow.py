"""Which expressions of a file stand for a plugin or for a declared tool: by name, by type, or by where they came from.

The analysis is by scope and does not follow the order of statements: a name that is a plugin anywhere in its function
is one everywhere in it. It goes on until nothing new is learnt, so an alias of an alias of a loop variable is found.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto

from tools.scanner.engine.tree import FUNCTIONS, Function, SyntaxTree, arguments, defaults, last


class Kind(Enum):
    """What an expression stands for. A plugin's class counts as the plugin."""

    PLUGIN = auto()
    PLUGINS = auto()
    TOOL = auto()
    TOOLS = auto()


_ELEMENT = {Kind.PLUGINS: Kind.PLUGIN, Kind.TOOLS: Kind.TOOL}
_COLLECTION = {element: collection for collection, element in _ELEMENT.items()}

_NAMES = (
    (re.compile(r"plugin(_?(obj|object|instance|class|cls|\d+))?$", re.IGNORECASE), Kind.PLUGIN),
    (re.compile(r"plugins$", re.IGNORECASE), Kind.PLUGINS),
    (re.compile(r"(^|_)(tool|spec)$|(Tool|Spec)$"), Kind.TOOL),
    (re.compile(r"(^|_)(tools|specs)$"), Kind.TOOLS),
)
_CONTAINERS = re.compile(
    r"^(list|tuple|set|frozenset|dict|deque|defaultdict|Mapping|MutableMapping|Sequence|MutableSequence|Iterable"
    r"|Iterator|Collection|Generator|List|Tuple|Set|Dict)$"
)
_SAME = frozenset({"cast", "copy", "deepcopy", "closing", "nullcontext", "type", "ref", "proxy", "run_until_complete"})
_ANY_OF = frozenset({"list", "tuple", "set", "frozenset", "dict", "sorted", "reversed", "iter", "enumerate", "zip",
                     "filter", "chain", "values", "items", "islice"})  # fmt: skip
_ONE_OF = frozenset({"next", "get", "pop", "popitem", "popleft", "setdefault", "choice", "min", "max", "__getitem__"})


def kind_of_name(name: str) -> Kind | None:
    """What a name says by itself: `ocr_plugin` is a plugin, `plugins` are several, `spec` is a declared tool."""
    return next((kind for pattern, kind in _NAMES if pattern.search(name)), None)


def _element(kind: Kind | None) -> Kind | None:
    return _ELEMENT.get(kind) if kind else None


def _collection(kind: Kind | None) -> Kind | None:
    return _COLLECTION.get(kind, kind) if kind else None


class PluginValues:
    """The plugins, tools and collections of them in one file."""

    def __init__(self, tree: SyntaxTree) -> None:
        self._tree = tree
        self._names: dict[tuple[ast.AST, str], Kind] = {}
        self._attributes: dict[str, Kind] = {}
        self._results: dict[str, Kind] = {}
        self._functions: dict[str, Function | ast.Lambda] = {}
        self._returned: dict[Function, list[ast.expr]] = {}
        self._learnt = False

    def kind(self, node: ast.AST) -> Kind | None:
        """What an expression stands for, None if for nothing of interest. Analyses the file when first asked."""
        if not self._learnt:
            self._learnt = True
            self._prepare()
            size = -1
            while size != (size := self._known()):
                self._learn()
        return self._kind(node)

    def _prepare(self) -> None:
        for function in self._tree.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
            self._functions[function.name] = function
        for node in self._tree.nodes(ast.Return):
            around = next(self._tree.functions_around(node), None)
            if around and node.value:
                self._returned.setdefault(around, []).append(node.value)

    def _known(self) -> int:
        return len(self._names) + len(self._attributes) + len(self._results)

    def _kind(self, node: ast.AST | None) -> Kind | None:  # noqa: PLR0911 - one line for each kind of expression
        match node:
            case ast.Name():
                return self._kind_of_variable(node)
            case ast.Attribute(value=value, attr=attribute):
                return self._kind_of_attribute(value, attribute)
            case ast.Call():
                return self._kind_of_call(node)
            case ast.Subscript(value=value, slice=index):
                kind = self._kind(value)
                return kind if isinstance(index, ast.Slice) else _element(kind) or self._kind_of_text(index)
            case ast.Await(value=value) | ast.NamedExpr(value=value) | ast.Starred(value=value):
                return self._kind(value)
            case ast.IfExp(body=body, orelse=orelse):
                return self._first((body, orelse))
            case ast.BoolOp(values=values):
                return self._first(values)
            case ast.List(elts=values) | ast.Tuple(elts=values) | ast.Set(elts=values) | ast.Dict(values=values):
                return _collection(self._first(values))
            case (
                ast.ListComp(elt=value)
                | ast.SetComp(elt=value)
                | ast.GeneratorExp(elt=value)
                | ast.DictComp(value=value)
            ):
                return _collection(self._kind(value))
            case _:
                return None

    def _first(self, nodes: Iterable[ast.AST]) -> Kind | None:
        return next((kind for node in nodes if (kind := self._kind(node))), None)

    def _kind_of_variable(self, node: ast.Name) -> Kind | None:
        for scope in self._scopes(node):
            if kind := self._names.get((scope, node.id)):
                return kind
        imported = self._tree.imports.get(node.id, "")
        if imported.startswith("interlock_plugins."):
            return Kind.PLUGIN
        return kind_of_name(node.id) or kind_of_name(last(imported))

    def _scopes(self, node: ast.AST) -> Iterator[ast.AST]:
        scope = self._tree.scope(node)
        while scope is not self._tree.module:
            yield scope
            scope = self._tree.scope(scope)
        yield scope

    def _kind_of_attribute(self, value: ast.expr, attribute: str) -> Kind | None:
        if attribute in ("__class__", "__self__"):
            return self._kind(value)
        if isinstance(value, ast.Name) and value.id in ("self", "cls") and attribute in self._attributes:
            return self._attributes[attribute]
        return kind_of_name(attribute)

    def _kind_of_call(self, node: ast.Call) -> Kind | None:
        function, given = node.func, node.args
        name = function.attr if isinstance(function, ast.Attribute) else last(self._tree.dotted(function))
        if name == "super":
            around = self._tree.class_around(node)
            return self._names.get((self._tree.module, around.name)) if around else None
        if name == "getattr" and len(given) > 1:
            return self._kind_of_text(given[1])
        if name in _SAME | _ANY_OF | _ONE_OF:
            kind = self._first([function.value, *given] if isinstance(function, ast.Attribute) else given)
            if name in _ONE_OF:
                return _element(kind) or (self._kind_of_text(given[0]) if given else None)
            return kind if name in _SAME else _collection(kind)
        return self._results.get(name) or self._kind(function)

    def _kind_of_text(self, node: ast.expr) -> Kind | None:
        """What is kept under a fixed key: `state["plugin"]` is a plugin."""
        return kind_of_name(self._tree.text_of(node) or "")

    def _learn(self) -> None:
        for learn in (self._learn_assignments, self._learn_loops, self._learn_functions, self._learn_calls,
                      self._learn_classes, self._learn_matches):  # fmt: skip
            learn()

    def _bind(self, target: ast.AST | None, kind: Kind | None) -> None:
        if kind is None:
            return
        match target:
            case ast.Name(id=name):
                self._names.setdefault((self._home(target, name), name), kind)
                if isinstance(self._tree.parent(self._tree.parent(target) or target), ast.ClassDef):
                    self._attributes.setdefault(name, kind)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                self._attributes.setdefault(name, kind)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for inner in targets:
                    self._bind(inner, kind)
            case ast.Starred(value=value) | ast.Subscript(value=value):
                self._bind(value, _collection(kind))

    def _home(self, node: ast.AST, name: str) -> ast.AST:
        scope = self._tree.scope(node)
        shared = any(
            name in declared.names and self._tree.scope(declared) is scope for declared in self._tree.nodes(ast.Global)
        )
        return self._tree.module if shared else scope

    def _learn_assignments(self) -> None:
        for assign in self._tree.nodes(ast.Assign):
            for target in assign.targets:
                self._assign(target, assign.value)
        for annotated in self._tree.nodes(ast.AnnAssign):
            self._bind(annotated.target, self._annotated(annotated.annotation) or self._kind(annotated.value))
        for walrus in self._tree.nodes(ast.NamedExpr):
            self._assign(walrus.target, walrus.value)
        for item in self._tree.nodes(ast.withitem):
            self._bind(item.optional_vars, self._kind(item.context_expr))

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        match target, value:
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                for inner_target, inner_value in zip(targets, values, strict=True):
                    self._assign(inner_target, inner_value)
            case ast.Tuple() | ast.List(), _:
                self._bind(target, _element(self._kind(value)))
            case ast.Name(id=name), ast.Lambda(body=body):
                self._functions.setdefault(name, value)
                if kind := self._kind(body):
                    self._results.setdefault(name, kind)
            case _:
                self._bind(target, self._kind(value))

    def _learn_loops(self) -> None:
        for loop in self._tree.nodes(ast.For, ast.AsyncFor, ast.comprehension):
            self._bind(loop.target, _element(self._kind(loop.iter)))

    def _learn_functions(self) -> None:
        for function in self._functions.values():
            self._learn_parameters(function)
            if isinstance(function, ast.Lambda):
                continue
            result = self._annotated(function.returns) or self._first(self._returned.get(function, ()))
            if result:
                self._results.setdefault(function.name, result)
                if any(last(self._tree.dotted(d)) in ("property", "cached_property") for d in function.decorator_list):
                    self._attributes.setdefault(function.name, result)

    def _learn_parameters(self, function: Function | ast.Lambda) -> None:
        for parameter in arguments(function):
            if kind := self._annotated(parameter.annotation):
                self._names.setdefault((function, parameter.arg), kind)
        for parameter, default in defaults(function):
            if kind := self._kind(default):
                self._names.setdefault((function, parameter.arg), kind)

    def _annotated(self, annotation: ast.expr | None) -> Kind | None:
        match annotation:
            case ast.Constant(value=str(text)):
                try:
                    return self._annotated(ast.parse(text, mode="eval").body)
                except SyntaxError:
                    return None
            case ast.Subscript(value=outer, slice=inner):
                parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                kind = next((found for part in parts if (found := self._annotated(part))), None)
                name = last(self._tree.dotted(outer))
                return _collection(kind) if _CONTAINERS.match(name) else kind if name != "Callable" else None
            case ast.BinOp(left=left, right=right):
                return self._annotated(left) or self._annotated(right)
            case ast.Name() | ast.Attribute():
                name = last(self._tree.dotted(annotation))
                own = self._names.get((self._tree.module, name))
                return own or (kind_of_name(name) if name[:1].isupper() else None)
            case _:
                return None

    def _learn_calls(self) -> None:
        for call in self._tree.nodes(ast.Call):
            self._learn_isinstance(call)
            function = call.func
            if isinstance(function, ast.Name) and (local := self._functions.get(function.id)):
                self._pass(call, local, arguments(local))
            elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
                if function.value.id in ("self", "cls") and (local := self._functions.get(function.attr)):
                    self._pass(call, local, arguments(local)[1:])
            elif isinstance(function, ast.Lambda):
                self._pass(call, function, arguments(function))
            self._learn_lambdas(call)

    def _pass(self, call: ast.Call, function: Function | ast.Lambda, parameters: list[ast.arg]) -> None:
        """What is passed to a function of this file, its parameter is."""
        by_name = {parameter.arg: parameter for parameter in parameters}
        given = [*zip(parameters, call.args, strict=False)]
        given += [(by_name[k.arg], k.value) for k in call.keywords if k.arg in by_name]
        for parameter, value in given:
            if kind := self._kind(value):
                self._names.setdefault((function, parameter.arg), kind)

    def _learn_lambdas(self, call: ast.Call) -> None:
        """`map(lambda p: …, plugins)`: the lambda's parameters are what the call hands to it."""
        lambdas = [value for value in call.args if isinstance(value, ast.Lambda)]
        if not lambdas:
            return
        kind = self._first(value for value in call.args if value not in lambdas)
        for function in lambdas:
            for parameter in arguments(function):
                if kind:
                    self._names.setdefault((function, parameter.arg), _ELEMENT.get(kind, kind))

    def _learn_isinstance(self, call: ast.Call) -> None:
        match call:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[ast.Name() as tested, types]):
                candidates = types.elts if isinstance(types, ast.Tuple) else [types]
                self._bind(tested, next((k for c in candidates if (k := self._annotated(c))), None))

    def _learn_classes(self) -> None:
        for definition in self._tree.nodes(ast.ClassDef):
            if Kind.PLUGIN in (self._kind(base) for base in definition.bases) or definition.name == "Plugin":
                self._names.setdefault((self._tree.module, definition.name), Kind.PLUGIN)
                for method in definition.body:
                    if isinstance(method, FUNCTIONS) and (parameters := arguments(method)):
                        self._names.setdefault((method, parameters[0].arg), Kind.PLUGIN)

    def _learn_matches(self) -> None:
        for pattern in self._tree.nodes(ast.MatchAs):
            if pattern.name and isinstance(pattern.pattern, ast.MatchClass):
                kind = self._kind(pattern.pattern.cls)
                if kind:
                    self._names.setdefault((self._tree.scope(pattern), pattern.name), kind)
