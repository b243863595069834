"""ILK010: Only the worker process imports a plugin.

Functions list, describe and validate plugins from the index. An import of plugin code costs a cold start, and lets the
plugin's errors, memory and signals into the process that talks to the table. Only the files in `config.PLUGIN_LOADERS`
import packages of plugins or load their entry points, and plugins import each other.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.config import PLUGIN_CODE, PLUGIN_ENTRY_POINTS, PLUGIN_LOADERS, PLUGIN_PACKAGE, matches
from tools.scanner.engine.facts import IMPORTERS, imported_modules
from tools.scanner.engine.nodes import Problem, given, last, target_name
from tools.scanner.engine.tree import SyntaxTree

_PACKAGE = re.compile(rf"{PLUGIN_PACKAGE}(\.|:|$)")
_LOADER = re.compile(r"_?load_plugin")


def check(tree: SyntaxTree, path: PurePosixPath) -> Iterator[Problem]:
    for find in () if matches(path, (*PLUGIN_LOADERS, *PLUGIN_CODE)) else (_modules, _loads):
        for node, what in find(tree):
            yield node, f"{what} outside the worker process: use the plugin index"


def _modules(tree: SyntaxTree) -> Iterator[Problem]:
    for node, module in imported_modules(tree):
        if _PACKAGE.match(module):
            yield node, f"{module} is imported"
    for call in tree.calls(*IMPORTERS):
        if call.args and not tree.text_of(call.args[0]) and _names_plugin(call.args[0]):
            yield call, "a plugin's module is imported"
    for call in tree.calls("spec_from_file_location", "SourceFileLoader", "run_path"):
        if any(isinstance(node, ast.Constant) and PLUGIN_PACKAGE in str(node.value) for node in ast.walk(call)):
            yield call, "a plugin's file is imported"


def _loads(tree: SyntaxTree) -> Iterator[Problem]:
    for name in tree.nodes(ast.Name, ast.Attribute) if "load_plugin" in tree.text else ():
        if _LOADER.match(last(tree.dotted(name))) and isinstance(name.ctx, ast.Load):
            yield name, "a plugin is loaded"
    for call in tree.calls("entry_points", "select", "EntryPoint"):
        if any(tree.text_of(value) == PLUGIN_ENTRY_POINTS for value in given(call)):
            yield call, "plugins are loaded by their entry points"


def _names_plugin(module: ast.expr) -> bool:
    """Return whether a computed module name is a plugin's: `plugin.module`, `manifest.source.module`."""
    words = {str(node.value) for node in ast.walk(module) if isinstance(node, ast.Constant)}
    words |= {target_name(node) for node in ast.walk(module)}
    return any("plugin" in word or word in ("manifest", "source") for word in words)
