"""ILK001: Only the ToolRunner invokes a plugin.

Code that bypasses the ToolRunner is not validated, limited, isolated or counted. A plugin is any value whose name ends
in `plugin`, a subclass of `Plugin`, a value with such an annotation, a member of `plugins`, and every name that it is
assigned, passed or looped to. A reference to `run` breaks this rule even without a call.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.config import PLUGIN_API, PLUGIN_PACKAGE, RUNNER_FILE, matches
from tools.scanner.engine.flow import Flow
from tools.scanner.engine.nodes import given, last, target_name
from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.engine.vocabulary import Value, Vocabulary, words

PLUGIN, PLUGINS = Value("plugin"), Value("plugin", many=True)
TOOL, TOOLS = Value("tool"), Value("tool", many=True)

_NAMES = words(
    (r"plugin(_?(obj|object|instance|class|cls|\d+))?$", PLUGIN),
    (r"plugins$", PLUGINS),
    (rf"^{PLUGIN_PACKAGE}\.", PLUGIN),
    (r"(^|[._])(tool|spec)$|(?-i:Tool|Spec)$", TOOL),
    (r"(^|[._])(tools|specs)$", TOOLS),
)
_PLUGINS = Vocabulary(
    names=_NAMES,
    types=_NAMES,
    same=re.compile("__class__|__self__"),
    bases=frozenset({"Plugin"}),
)

_ENTRIES = frozenset({"run", "run_tool"})
"""Methods of a plugin that run a tool."""

_FUNCTIONS = frozenset({"handler", "method", "run"})
"""Attributes under which a declared tool keeps its function."""

_CARRIERS = frozenset({"partial", "submit", "to_thread", "run_in_executor", "call_soon", "call_soon_threadsafe", "map"})
_IN_TEXT = re.compile(r"plugin\w*\s*\.\s*run")

Invocation = tuple[ast.expr, str]


def invocations(tree: SyntaxTree) -> Iterator[Invocation]:
    """Yield every expression that invokes a plugin or refers to a method that does, with a description."""
    flow = Flow(tree, _PLUGINS)
    for attribute in tree.nodes(ast.Attribute):
        owner = flow.value(attribute.value) if attribute.attr in _ENTRIES | _FUNCTIONS else None
        if (owner == PLUGIN and attribute.attr in _ENTRIES) or (owner == TOOL and attribute.attr in _FUNCTIONS):
            yield attribute, f"the {owner.what}'s {attribute.attr}"
    for call in tree.calls("attrgetter", "methodcaller", "eval", "exec", "compile"):
        texts = [tree.text_of(argument) or "" for argument in call.args]
        if any(text in _ENTRIES or _IN_TEXT.search(text) for text in texts):
            yield call, "a text that names the plugin's run"
    yield from _by_lookup(tree, flow)
    yield from _by_call(tree, flow)
    for index in tree.nodes(ast.Subscript):
        match index.value:  # `vars(plugin)["run"]`, `Plugin.__dict__["run"]`
            case ast.Call(func=ast.Name(id="vars"), args=[holder]) | ast.Attribute(value=holder, attr="__dict__") if (
                tree.text_of(index.slice) in _ENTRIES and flow.value(holder) == PLUGIN
            ):
                yield index, "a look-up of the plugin's run"


def _by_lookup(tree: SyntaxTree, flow: Flow) -> Iterator[Invocation]:
    """Yield `getattr(plugin, "run")`, and `getattr` with a computed name if the result is called at once."""
    for call in tree.calls("getattr", "getattr_static", "__getattribute__", "__getattr__", "setattr"):
        holders = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        if PLUGIN in map(flow.value, (*holders, *call.args)):
            texts, above = [tree.text_of(argument) for argument in call.args], tree.parent(call)
            if not _ENTRIES.isdisjoint(texts):
                yield call, "a look-up of the plugin's run"
            elif not any(texts) and isinstance(above, ast.Call) and above.func is call:
                yield call, "a call of a plugin's attribute by a computed name"


def _by_call(tree: SyntaxTree, flow: Flow) -> Iterator[Invocation]:
    """Yield calls of a plugin's method with a tool's context, directly, by an alias or by an executor.

    Such a method is a tool: `plugin.analyze(input, context)`, or `plugin.tools["analyze"](…)`. A plugin may call its
    own methods.
    """
    for call in tree.nodes(ast.Call):
        carried = given(call) if last(tree.dotted(call.func)) in _CARRIERS else ()
        for function in (tree.value(call.func), *carried) if any(map(_is_context, given(call))) else ():
            match function:
                case ast.Attribute(value=ast.Name(id="self" | "cls")):
                    continue
                case ast.Attribute(value=holder, attr=name) if name not in _ENTRIES and flow.value(holder) == PLUGIN:
                    yield call, f"the tool {name}"
        match call.func:
            case ast.Subscript(value=tools) | ast.Call(func=ast.Attribute(value=tools, attr="get")):
                if flow.value(tools) == TOOLS:
                    yield call, "a member of the tools"


def _is_context(node: ast.expr) -> bool:
    name = target_name(node.func if isinstance(node, ast.Call) else node)
    return name in ("context", "ctx", "tool_context") or name.endswith("ToolContext")


def check(tree: SyntaxTree, path: PurePosixPath) -> Iterator[Invocation]:
    for node, what in invocations(tree) if path.name != RUNNER_FILE else ():
        function, around = tree.function(node), next(tree.around(node, ast.ClassDef), None)
        names = (around and around.name, function and function.name, getattr(node, "attr", None))
        # The plugin API itself defines how a tool is run.
        if names != ("Plugin", "run", "method") or not matches(path, PLUGIN_API):
            yield node, f"{what} is used outside {RUNNER_FILE}: call ToolRunner.run"
