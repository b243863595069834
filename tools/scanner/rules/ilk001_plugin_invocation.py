"""ILK001: a plugin is invoked in `tool_runner.py` and nowhere else."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.flow import Kind, PluginValues
from tools.scanner.engine.tree import SyntaxTree, last
from tools.scanner.engine.violation import RUNTIME, Rule, Violation, samples, within

ENTRIES = frozenset({"run", "run_tool"})
"""What runs a tool of a plugin."""

HANDLERS = frozenset({"handler", "method", "run"})
"""What a declared tool keeps its function under."""

_LOOKUPS = frozenset({"getattr", "getattr_static", "__getattribute__", "__getattr__", "setattr"})
_BY_NAME = frozenset({"attrgetter", "methodcaller"})
_CARRIERS = frozenset({"partial", "submit", "to_thread", "run_in_executor", "call_soon", "call_soon_threadsafe", "map"})
_IN_TEXT = re.compile(r"plugin\w*\s*\.\s*run")

_Finding = tuple[ast.expr, str]


def invocations(tree: SyntaxTree) -> Iterator[_Finding]:
    """Every place that invokes a plugin or takes hold of what does, with what it is."""
    values = PluginValues(tree)
    for attribute in tree.nodes(ast.Attribute):
        yield from _by_attribute(values, attribute)
    for call in tree.calls(*_LOOKUPS):
        yield from _by_lookup(tree, values, call)
    for call in tree.calls(*_BY_NAME):
        if any(tree.text_of(argument) in ENTRIES for argument in call.args):
            yield call, "a caller of run"
    for call in tree.calls("eval", "exec", "compile"):
        if any(_IN_TEXT.search(tree.text_of(argument) or "") for argument in call.args):
            yield call, "the plugin's run, in a text,"
    for call in tree.nodes(ast.Call):
        yield from _by_call(tree, values, call)
    for index in tree.nodes(ast.Subscript):
        yield from _by_namespace(tree, values, index)


def _by_attribute(values: PluginValues, node: ast.Attribute) -> Iterator[_Finding]:
    if node.attr in ENTRIES | HANDLERS:
        kind = values.kind(node.value)
        if kind is Kind.PLUGIN and node.attr in ENTRIES:
            yield node, f"the plugin's {node.attr}"
        elif kind is Kind.TOOL and node.attr in HANDLERS:
            yield node, f"the tool's {node.attr}"


def _by_lookup(tree: SyntaxTree, values: PluginValues, call: ast.Call) -> Iterator[_Finding]:
    """`getattr(plugin, "run")` and its like; with a name that is not fixed only where the result is called at once."""
    holders = [call.func.value] if isinstance(call.func, ast.Attribute) else []
    if not any(values.kind(holder) is Kind.PLUGIN for holder in (*holders, *call.args)):
        return
    texts = [tree.text_of(argument) for argument in call.args]
    above = tree.parent(call)
    if any(text in ENTRIES for text in texts):
        yield call, "a look-up of the plugin's run"
    elif not any(texts) and isinstance(above, ast.Call) and above.func is call:
        yield call, "a call of a plugin's attribute by a computed name"


def _by_call(tree: SyntaxTree, values: PluginValues, call: ast.Call) -> Iterator[_Finding]:
    """What takes a tool's context is a tool: `plugin.analyze(input, context)`, the same kept in a name or handed to an
    executor; on `self` it is the plugin's own business. So is a member of the tools: `plugin.tools["analyze"](…)`."""
    given = (*call.args, *(keyword.value for keyword in call.keywords))
    if any(map(_is_context, given)):
        carried = given if last(tree.dotted(call.func)) in _CARRIERS else ()
        for function in (tree.value(call.func), *carried):
            match function:
                case ast.Attribute(value=holder, attr=name) if name not in ENTRIES and not _is_self(holder):
                    if values.kind(holder) is Kind.PLUGIN:
                        yield call, f"the tool {name}"
    match call.func:
        case ast.Subscript(value=tools) | ast.Call(func=ast.Attribute(value=tools, attr="get")):
            if values.kind(tools) is Kind.TOOLS:
                yield call, "a member of the tools"


def _by_namespace(tree: SyntaxTree, values: PluginValues, node: ast.Subscript) -> Iterator[_Finding]:
    """`vars(plugin)["run"]` and `Plugin.__dict__["run"]`."""
    match node.value:
        case ast.Call(func=ast.Name(id="vars"), args=[holder]) | ast.Attribute(value=holder, attr="__dict__"):
            if tree.text_of(node.slice) in ENTRIES and values.kind(holder) is Kind.PLUGIN:
                yield node, "a look-up of the plugin's run"


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _is_context(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in ("context", "ctx", "tool_context")
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name.endswith("ToolContext")
        case _:
            return False


class PluginInvocation(Rule):
    """Only the ToolRunner invokes a plugin."""

    code = "ILK001"
    title = "A plugin is invoked only by the ToolRunner"
    rationale = (
        "What goes around the ToolRunner is not validated, not limited, not isolated and not counted. A plugin is"
        " whatever is called one (a name that ends in `plugin`, a subclass of `Plugin`, what is annotated so, a member"
        " of `plugins`) and whatever that is assigned, passed or looped to. Taking hold of `run` is enough: it need"
        " not be called there."
    )

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        if path.name == "tool_runner.py":
            return
        for node, what in invocations(tree):
            if not self._defines(tree, path, node):
                yield self.violation(tree, path, node, f"{what} is invoked outside tool_runner.py")

    @staticmethod
    def _defines(tree: SyntaxTree, path: PurePosixPath, node: ast.expr) -> bool:
        """The one other place: `Plugin.run` in the plugin API, which defines what running a tool is."""
        function, around = next(tree.functions_around(node), None), tree.class_around(node)
        names = (around and around.name, function and function.name, getattr(node, "attr", None))
        return within(path, "interlock", "plugin.py") and names == ("Plugin", "run", "method")

    failing = samples(
        """
        plugin.run(tool, input, context)
        ---
        self.plugin.run(tool, input, context)
        ---
        self._plugin.run_tool(tool, input, context)
        ---
        p = plugin
        q = p
        q.run(tool, input, context)
        ---
        go = ocr_plugin.run  # bad
        go(tool, input, context)
        ---
        getattr(plugin, "run")(tool, input, context)
        ---
        NAME = "ru" + "n"
        getattr(plugin, NAME)
        ---
        getattr(plugin, tool)(input, context)
        ---
        plugin.__getattribute__("run")
        ---
        vars(plugin)["run"]
        ---
        operator.methodcaller("run", tool, input, context)(plugin)
        ---
        async def call(plugin):
            await plugin.run(tool, input, context)
        ---
        def call(plugin):
            return plugin.run(tool, input, context)
        ---
        results = [each.run(tool, input, context) for each in plugins]
        ---
        for name, each in self._plugins.items():
            each.run(tool, input, context)
        ---
        call = lambda p: p.run(tool, input, context)  # bad
        call(plugin)
        ---
        list(map(lambda p: p.run(tool, input, context), plugins))
        ---
        functools.partial(plugin.run, tool)
        ---
        asyncio.to_thread(plugin.run, tool, input, context)
        ---
        executor.submit(plugin.run, tool, input, context)
        ---
        load_plugin(manifest).run(tool, input, context)
        ---
        loaded = load_plugin(manifest)
        loaded.run(tool, input, context)
        ---
        plugins["ocr"].run(tool, input, context)
        ---
        next(iter(plugins.values())).run(tool, input, context)
        ---
        OcrPlugin().run(tool, input, context)
        ---
        class Ocr(Plugin):
            pass
        Ocr().run(tool, input, context)
        ---
        class Ocr(Plugin):
            def again(self, input, context):
                return self.run("analyze", input, context)
        ---
        class Ocr(Plugin):
            def run(self, tool, input, context):
                return super().run(tool, input, context)
        ---
        def call(thing: Plugin):
            return thing.run(tool, input, context)
        ---
        def call(thing: "type[Plugin] | None"):
            return thing.run(tool, input, context)
        ---
        def call(things: Sequence[Plugin]):
            return things[0].run(tool, input, context)
        ---
        def call(thing):
            return thing.run(tool, input, context)  # bad
        call(plugin)
        ---
        def call(thing=plugin):
            return thing.run(tool, input, context)
        ---
        def current() -> Plugin:
            ...
        current().run(tool, input, context)
        ---
        class Holder:
            def __init__(self, plugin):
                self._held = plugin
            def call(self):
                return self._held.run(tool, input, context)
        ---
        if isinstance(thing, Plugin):
            thing.run(tool, input, context)
        ---
        match thing:
            case Plugin() as found:
                found.run(tool, input, context)
        ---
        Plugin.run(thing, tool, input, context)
        ---
        (plugin or other).run(tool, input, context)
        ---
        (p := plugin).run(tool, input, context)
        ---
        plugin.analyze(input, context)
        ---
        executor.submit(plugin.analyze, input, context)
        ---
        go = plugin.analyze
        go(input, context)
        ---
        plugin.tools["analyze"](input, other)
        ---
        state["plugin"].run(tool, input, context)
        ---
        plugin.__class__.run(plugin, tool, input, context)
        ---
        [first, *others] = plugins
        others[0].run(tool, input, context)
        ---
        several = {each.name: each for each in plugins}
        several["ocr"].run(tool, input, context)
        ---
        one, other = plugin, None
        one.run(tool, input, context)
        ---
        cache["ocr"] = plugin
        cache["ocr"].run(tool, input, context)
        ---
        with closing(plugin) as p:
            p.run(tool, input, context)
        ---
        make = lambda: plugin
        make().run(tool, input, context)
        ---
        from interlock_plugins.ocr import Ocr
        Ocr().run(tool, input, context)
        ---
        class Holder:
            held = plugin

            @property
            def current(self):
                return self.held

            def call(self):
                return self.current.run(tool, input, context)
        ---
        current = None
        def take(plugin):
            global current
            current = plugin
        def call():
            return current.run(tool, input, context)
        ---
        getattr(self, "plugin").run(tool, input, context)
        ---
        Plugin.run = faster
        ---
        setattr(Plugin, "run", faster)
        ---
        exec("plugin.run(tool, input, context)")
        ---
        spec.method(plugin, input, context)
        ---
        plugin.tools()["analyze"].method(plugin, input, context)
        ---
        for each in plugin.tools().values():
            each.handler(input, context)
        """
    )
    passing = (
        *samples(
            """
            subprocess.run(["true"], check=True)
            ---
            outcome = tool_runner.run(plugin, tool, input)
            ---
            outcome = self._runner.run(plugin=plugin, tool=tool)
            ---
            result = self._sandbox.run(plugin, input)
            ---
            app.run(port=3000)
            ---
            asyncio.run(main(plugin))
            ---
            class Echo(Plugin):
                def run(self, tool, input, context):
                    ...
            ---
            class Echo(Plugin):
                def shout(self, input, context):
                    return self.say(input, context)
            ---
            name, version = plugin.name, getattr(plugin, "version")
            ---
            plugin = load(name)
            plugin.setup()
            ---
            def serve(p):
                return p.run()
            serve(server)
            ---
            if request.method == "GET":
                route.handler(request)
            """
        ),
        *samples("plugin.run(tool, input, context)", f"{RUNTIME}/tools/tool_runner.py"),
        *samples(
            """
            class Plugin:
                def run(self, tool, input, context):
                    spec = self.tools()[tool]
                    return spec.method(self, input, context)
            """,
            f"{RUNTIME}/plugin.py",
        ),
    )
