"""Find the installed plugins by the metadata of their packages, and compare them with the index (the audit).

No plugin is imported here. Reading metadata takes longer the more packages there are, so it is done for requests about
plugins, but not to execute a tool.
"""

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, entry_points, files, requires

from msgspec import Struct

GROUP = "interlock.plugins"

_BUILD = "build the layer again"


class InstalledPlugin(Struct, frozen=True):
    """An entry point, with the version of the distribution that declares it."""

    entry: str
    module: str
    class_name: str
    distribution: str
    version: str


class IndexedPlugin(Struct, frozen=True):
    """An entry point as the index was built from it, and the modules of other distributions that importing the plugin
    loads. `plugin` is None if an added plugin of the same name replaced it."""

    installed: InstalledPlugin
    plugin: str | None
    needs: tuple[str, ...] = ()


class Finding(Struct, frozen=True):
    """A difference between a plugin's index and its layer. `unavailable`: the plugin cannot be loaded."""

    reason: str
    unavailable: bool


def installed_plugins(group: str = GROUP) -> Iterator[InstalledPlugin]:
    """Yield every entry point of a plugin."""
    for entry in entry_points(group=group):
        of = entry.dist
        yield InstalledPlugin(entry.name, entry.module, entry.attr, of.name if of else "", of.version if of else "")


def needed_modules(distribution: str, loaded: Iterable[str]) -> tuple[str, ...]:
    """Return the loaded top-level modules that belong to the declared dependencies of a distribution."""
    brought: set[str] = set()
    for requirement in requires(distribution) or ():
        name = re.match(r"[\w.-]+", requirement)
        with suppress(PackageNotFoundError):
            brought.update(_module_of(file.parts[0]) for file in files(name.group() if name else "") or ())
    return tuple(sorted(brought & set(loaded)))


def _module_of(part: str) -> str:
    return inspect.getmodulename(part) or part


def is_found(module: str) -> bool:
    """Return whether a module can be found by its dotted name, without importing its parents as `find_spec` would."""
    path, name = None, ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def audit(
    indexed: Iterable[IndexedPlugin],
    installed: Iterable[InstalledPlugin],
    names: Collection[str],
    found: Callable[[str], bool] = is_found,
) -> dict[str, Finding]:
    """Return what is missing, extra or changed, by plugin. `names` are the plugins that the index lists."""
    indexed = list(indexed)
    here = {one.entry: one for one in installed}
    findings = {
        entry: Finding(f"is in the layer but not in its index: {_BUILD}", unavailable=True)
        for entry in here.keys() - {one.installed.entry for one in indexed} - set(names)
    }
    for one in indexed:
        finding = _finding(one, here.get(one.installed.entry), found)
        if finding is not None and one.plugin is not None:
            findings[one.plugin] = finding
    return findings


def _finding(then: IndexedPlugin, now: InstalledPlugin | None, found: Callable[[str], bool]) -> Finding | None:
    if now is None:
        return Finding(f"is in the index but no longer in the layer: {_BUILD}", unavailable=True)
    for module in (now.module, *then.needs):
        if not found(module):
            return Finding(f"needs {module}: not installed", unavailable=True)
    if now != then.installed:
        was, has = (f"{one.distribution} {one.version}" for one in (then.installed, now))
        return Finding(f"the layer has {has}, the index was built of {was}: {_BUILD}", unavailable=False)
    return None
