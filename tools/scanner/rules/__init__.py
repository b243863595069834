"""The rules of governed execution, one module each, found by their names: `ilk001_plugin_invocation` is ILK001.

The docstring of a rule has its title and the reason. `check(tree, path)` yields the problems of one file, whose path is
relative to the repository's root. `check_project(paths)`, which a rule need not have, yields problems that only the
list of all files shows. A rule uses the engine and the configuration. Its samples are in `tools/scanner/samples`.
"""

from importlib import import_module
from pkgutil import iter_modules

RULES = {found.name[:6].upper(): import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)}
"""All rules by their codes, in order."""
