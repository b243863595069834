"""ILK009 and ILK010: who imports boto3, and who imports plugins."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import ClassVar

from tools.scanner.engine.tree import Located, SyntaxTree, last, target_name
from tools.scanner.engine.violation import ADAPTERS, RUNTIME, Rule, Violation, samples, within


class AwsClients(Rule):
    """boto3 stays behind the adapters."""

    code = "ILK009"
    title = "boto3 only in adapters, composition and the devkit"
    rationale = (
        "What talks to AWS is in one place, where its errors become ours and its clients are made once. Elsewhere an"
        " import of boto3 or botocore is a way to the table around the store, and costs every cold start."
    )
    packages = frozenset({"boto3", "botocore", "aioboto3", "aiobotocore", "s3transfer"})

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        at_home = within(path, *ADAPTERS) or within(path, "interlock", "composition") or within(path, "interlock_dev")
        if at_home or "devkit" in path.parts:
            return
        for node, module in imported_modules(tree):
            if module.partition(".")[0] in self.packages:
                yield self.violation(tree, path, node, f"imports {module} outside adapters, composition and devkit")

    failing = samples(
        """
        import boto3
        ---
        import boto3.dynamodb.conditions as conditions
        ---
        from botocore.exceptions import ClientError
        ---
        def lazily():
            import boto3
        ---
        importlib.import_module("boto3")
        ---
        client = __import__("boto3").client("dynamodb")
        """,
        "functions/execute/handler.py",
    )
    passing = (
        *samples("from botocore.config import Config", f"{RUNTIME}/adapters/dynamo/jobs.py"),
        *samples("import boto3", f"{RUNTIME}/composition/core.py"),
        *samples("import boto3", "devkit/interlock_dev/stack.py"),
        *samples(
            """
            from mypy_boto3_dynamodb import DynamoDBClient
            ---
            from interlock.composition.core import bootstrap
            """
        ),
    )


class PluginImport(Rule):
    """Plugins are carried by name; only the worker process imports them."""

    code = "ILK010"
    title = "Only the worker process imports a plugin"
    rationale = (
        "A function lists, describes and validates from the index: an import of plugin code costs a cold start and"
        " lets the plugin's errors, memory and signals into the process that talks to the table. So packages of"
        " plugins are imported, and their entry points loaded, only in loading.py, describing.py and tool_runner.py,"
        " and among themselves."
    )
    package = re.compile(r"interlock_plugins(\.|:|$)")
    loader = re.compile(r"_?load_plugin")
    group: ClassVar = "interlock.plugins"
    allowed = frozenset({"loading.py", "describing.py", "tool_runner.py"})
    elsewhere = frozenset({"functions", "devkit"})

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        allowed = path.name in self.allowed and self.elsewhere.isdisjoint(path.parts)
        if allowed or within(path, "layers", "plugins") or within(path, "interlock_plugins"):
            return
        for found in (self._imports, self._loaders, self._files, self._entry_points):
            for node, what in found(tree):
                yield self.violation(tree, path, node, f"{what} outside the worker process")

    def _imports(self, tree: SyntaxTree) -> Iterator[tuple[Located, str]]:
        for node, module in imported_modules(tree):
            if self.package.match(module):
                yield node, f"imports {module}"
        for call in tree.calls(*IMPORTERS):
            if self._by_computed_name(tree, call):
                yield call, "imports a plugin's module"

    def _loaders(self, tree: SyntaxTree) -> Iterator[tuple[Located, str]]:
        for name in tree.nodes(ast.Name, ast.Attribute) if "load_plugin" in tree.text else ():
            if self.loader.match(last(tree.dotted(name))) and isinstance(name.ctx, ast.Load):
                yield name, "loads a plugin"

    def _files(self, tree: SyntaxTree) -> Iterator[tuple[Located, str]]:
        for call in tree.calls("spec_from_file_location", "SourceFileLoader", "run_path"):
            texts = (str(node.value) for node in ast.walk(call) if isinstance(node, ast.Constant))
            if any("interlock_plugins" in text for text in texts):
                yield call, "imports a plugin's file"

    def _entry_points(self, tree: SyntaxTree) -> Iterator[tuple[Located, str]]:
        for call in tree.calls("entry_points", "select", "EntryPoint"):
            given = (*call.args, *(keyword.value for keyword in call.keywords))
            if any(tree.text_of(value) == self.group for value in given):
                yield call, "loads plugins by their entry points"

    @staticmethod
    def _by_computed_name(tree: SyntaxTree, call: ast.Call) -> bool:
        """`import_module(plugin.module)`, `import_module(manifest.source.module)`."""
        if not call.args or tree.text_of(call.args[0]):
            return False
        names = [target_name(node) for node in ast.walk(call.args[0])]
        texts = [node.value for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]
        return any("plugin" in str(word) or word in ("manifest", "source") for word in (*names, *texts))

    failing = samples(
        """
        import interlock_plugins
        ---
        import interlock_plugins.ocr as ocr
        ---
        from interlock_plugins.ocr import Ocr
        ---
        from interlock_plugins import ocr
        ---
        def lazily():
            from interlock_plugins.ocr import Ocr
        ---
        importlib.import_module("interlock_plugins.ocr")
        ---
        from importlib import import_module as load
        load(f"interlock_plugins.{name}")
        ---
        __import__("interlock_plugins.ocr")
        ---
        pkgutil.resolve_name("interlock_plugins.ocr:Ocr")
        ---
        runpy.run_module("interlock_plugins.ocr")
        ---
        importlib.import_module("interlock_plugins." + name)
        ---
        importlib.import_module(manifest.source.module)
        ---
        spec_from_file_location("ocr", Path("layers/plugins/interlock_plugins") / "ocr.py")
        ---
        importlib.import_module(plugin_module)
        ---
        from interlock.plugins.loading import load_plugin_class as load
        load(manifest.source)
        ---
        loading.load_plugin_class(manifest.source)
        ---
        entry_points(group="interlock.plugins")["ocr"].load()
        ---
        found = importlib.metadata.entry_points().select(group="interlock.plugins")
        """,
        "functions/jobs/handler.py",
    )
    passing = (
        *samples("from interlock_plugins.ocr import Ocr", "layers/plugins/interlock_plugins/ocr/__init__.py"),
        *samples('entry_points(group="interlock.plugins")', f"{RUNTIME}/plugins/loading.py"),
        *samples("importlib.import_module(source.module)", f"{RUNTIME}/tools/tool_runner.py"),
        *samples(
            """
            from interlock.plugins.index import PluginIndex
            ---
            handler = importlib.import_module(handler_module)
            ---
            entry_points(group="console_scripts")
            """
        ),
    )


IMPORTERS = frozenset({"import_module", "__import__", "resolve_name", "run_module", "locate", "load_module"})


def imported_modules(tree: SyntaxTree) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Every module that a file imports, by statement or by call, as far as its name is fixed (or begins so)."""
    for plain in tree.nodes(ast.Import):
        yield from ((plain, alias.name) for alias in plain.names)
    for source in tree.nodes(ast.ImportFrom):
        if source.level == 0:
            yield source, source.module or ""
    for call in tree.calls(*IMPORTERS):
        if call.args and (name := _beginning(tree, call.args[0])):
            yield call, name


def _beginning(tree: SyntaxTree, node: ast.expr) -> str:
    """The fixed text that an expression begins with."""
    match tree.value(node):
        case ast.JoinedStr(values=[first, *_]):
            return _beginning(tree, first)
        case ast.BinOp(left=left, op=ast.Add()):
            return tree.text_of(node) or _beginning(tree, left)
        case _:
            return tree.text_of(node) or ""
