"""The plugin index: what is known of every plugin without importing any.

Building it imports each plugin once, in a process of its own, and writes `index.json` (a line a plugin),
`plugins/<name>.json` (its manifest, or why there is none) and `installed.json` (what it was built from, for the
audit). The functions read these files; a start costs the same with a thousand plugins as with one.

    python -m interlock.plugins.index --out DIR [--strict] [--path FILE_OR_PACKAGE]...
"""

import argparse
import contextlib
import importlib
import importlib.util
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from interlock.domain.errors import UnknownPlugin
from interlock.domain.manifest import PluginManifest, PluginSource, ToolManifest
from interlock.plugins.audit import (
    GROUP,
    Finding,
    IndexedPlugin,
    InstalledPlugin,
    audit,
    installed_plugins,
    needed_modules,
)

DEFAULT_DIRECTORY = "/opt/python/interlock_index"
IMPORT_LIMIT_S = 20.0

_FOLDERS = re.compile(r"(?<![\w.])(?<!:/)(?:/[^/\s'\"():]+)+/")
"""Of an absolute path all but its last part: a reason is public, and where things lie here is not. What follows `:/`
is the rest of a link."""

MODULE_PREFIX = "interlock_added_"


class PluginIndex:
    """Reads an index. Manifests are read when first asked for and kept."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._manifests: dict[str, PluginManifest] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All plugins in alphabetical order, broken ones included."""
        return tuple(json.loads((self._directory / "index.json").read_text())["plugins"])

    def manifest(self, name: str) -> PluginManifest:
        """The manifest of a plugin. Raises `UnknownPlugin`."""
        if name not in self._manifests:
            self._manifests[name] = self._read(name)
        return self._manifests[name]

    def _read(self, name: str) -> PluginManifest:
        # The name comes from a request: only one that is listed ever becomes part of a path.
        known = self.names
        if name not in known:
            raise UnknownPlugin(f"There is no plugin {name[:64]!r}. There are: {', '.join(known) or 'none'}.")
        return PluginManifest.from_dict(json.loads((self._directory / "plugins" / f"{name}.json").read_text()))

    def audit(self) -> Mapping[str, Finding]:
        """Where the index and what is installed have come apart, by plugin. Never raises: what keeps it from looking is
        what it finds. Nothing is found of an index that does not say what it was built from."""
        try:
            record = self._directory / "installed.json"
            if not record.exists():
                return {}
            indexed = [
                IndexedPlugin(InstalledPlugin(**one["installed"]), one["plugin"], tuple(one["needs"]))
                for one in json.loads(record.read_text())["installed"]
            ]
            return audit(indexed, installed_plugins(), self.names)
        except Exception as error:  # damaged metadata of any package may raise anything: that is what was found
            return dict.fromkeys(self.names, _audit_failed(error))


def _audit_failed(error: Exception) -> Finding:
    return Finding(f"the layer could not be audited: {type(error).__name__}", unavailable=False)


# --- Finding a plugin's class: in the worker process and in the index's own child, nowhere else ----------------------


def load_plugin_class(source: PluginSource) -> type[Any]:
    """Imports a plugin's class. Whatever its import raises comes out."""
    module = _load_file(Path(source.path)) if source.path else importlib.import_module(source.module)
    found: type[Any] = getattr(module, source.class_name)
    return found


def _load_file(path: Path) -> ModuleType:
    """Imports a `.py` file or a package folder under a name that hides no installed module."""
    name = _module_name(path)
    file = path / "__init__.py" if path.is_dir() else path
    folders = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _module_name(added: Path) -> str:
    return MODULE_PREFIX + re.sub(r"\W", "_", added.stem)


# --- Describing one plugin, in a child process -----------------------------------------------------------------------


def _describe_class(plugin: type[Any], source: PluginSource) -> PluginManifest:
    from interlock.plugins.schemas import checked_schema  # noqa: PLC0415 - pydantic is for this child alone

    tools = tuple(
        ToolManifest(
            name=spec.name,
            title=spec.title,
            description=spec.description,
            timeout_s=spec.timeout_s,
            memory_mb=spec.memory_mb,
            input_schema=checked_schema(spec.input_model, "validation", f"tool {spec.name!r}: its input's"),
            output_schema=checked_schema(spec.output_model, "serialization", f"tool {spec.name!r}: its output's"),
        )
        for spec in plugin.tools().values()
    )
    description = plugin.description or (plugin.__doc__ or "").strip().partition("\n")[0]
    return PluginManifest(plugin.name, plugin.version, plugin.title or plugin.name, description, source, tools)


def _describe(source: PluginSource) -> list[PluginManifest]:
    """The plugin of an entry point, or every plugin class that an added file or package shows."""
    if source.path is None:
        return [_describe_class(load_plugin_class(source), source)]
    from interlock.plugin import Plugin  # noqa: PLC0415 - pydantic is for this child alone, not for those who read

    module = _load_file(Path(source.path))
    # By the name in the module, which need not be the class's own; a class of two names is one plugin.
    found: dict[type[Plugin], str] = {}
    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, Plugin) and value.__module__.startswith(module.__name__):
            found.setdefault(value, name)
    if not found:
        raise ImportError("holds no class derived from interlock.plugin.Plugin")
    # A base that others of the file derive from is no plugin until it has a name.
    bases = {base for one in found for base in one.__mro__[1:] if not hasattr(base, "name")}
    return [
        _describe_class(one, PluginSource(source.module, name, source.path))
        for one, name in found.items()
        if one not in bases
    ]


def _describe_to(descriptor: int, source: PluginSource) -> None:
    try:
        manifests = [manifest.to_dict() for manifest in _describe(source)]
        answer = json.dumps({"manifests": manifests, "loaded": sorted({name.split(".")[0] for name in sys.modules})})
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: whatever an import does is its reason
        answer = json.dumps({"outcome": _reason(error) + _line_of(error, source)})
    with os.fdopen(descriptor, "r+") as stream:
        # An import may have written to any descriptor.
        stream.seek(0)
        stream.truncate()
        stream.write(answer)


def _reason(error: BaseException) -> str:
    """Why a plugin could not be loaded, for a human."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"needs {error.name}: not installed"
    if isinstance(error, SystemExit):
        return f"its import exited with {error.code!r}"
    try:
        text = str(error)
    except BaseException as broken:  # an exception may fail to describe itself; then its class must do as outcome
        return f"its import failed: {_outcome_name(error)} ({_outcome_name(broken)} in its __str__)"
    return f"its import failed: {type(error).__name__}: {_FOLDERS.sub('', text)}"


def _line_of(error: BaseException, source: PluginSource) -> str:
    """Where in the plugin's own code the error that is being handled was raised, when its text does not say so: the
    file's name and the line, and nothing else of the traceback."""
    if isinstance(error, ModuleNotFoundError | SyntaxError):
        return ""
    own = _module_name(Path(source.path)) if source.path else source.module.partition(".")[0]
    lines = [
        f" ({Path(one.frame.f_code.co_filename).name}, line {one.lineno})"
        for one in inspect.trace(context=0)
        if str(one.frame.f_globals.get("__name__")).partition(".")[0] == own
        and not one.frame.f_code.co_filename.startswith("<")
    ]
    return lines[-1] if lines else ""


def _outcome_name(error: BaseException) -> str:
    return type(error).__name__


@dataclass(frozen=True, slots=True)
class _Described:
    """What one import showed: its plugins, and the top-level modules that were loaded then. Not `named`: one that could
    not be loaded, called by its entry point or its file for want of its own name."""

    manifests: Sequence[PluginManifest]
    loaded: Sequence[str] = ()
    named: bool = True


def _describe_in_child(name: str, source: PluginSource) -> _Described:
    """Never raises: a plugin that cannot be loaded is described by its reason."""
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as output:
        command = [
            sys.executable,
            "-P",  # the folder that it is called in is on no import path of a function
            "-m",
            "interlock.plugins.index",
            "--describe",
            json.dumps(asdict(source)),
            str(answer.fileno()),
        ]
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            pass_fds=[answer.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code = child.wait(IMPORT_LIMIT_S)
        except subprocess.TimeoutExpired:
            return _broken(name, source, f"its import took over {IMPORT_LIMIT_S:g} s")
        finally:
            # It, and what it has started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        answer.seek(0)
        text = answer.read()
    try:
        described = json.loads(text)
    except ValueError:
        ended = f"was ended by signal {-code}" if code < 0 else f"exited with {code}"
        return _broken(name, source, f"its import {ended}")
    if "outcome" in described:
        return _broken(name, source, described["outcome"])
    return _Described([PluginManifest.from_dict(document) for document in described["manifests"]], described["loaded"])


def _broken(name: str, source: PluginSource, reason: str) -> _Described:
    return _Described([broken_manifest(name, source, reason)], named=False)


def broken_manifest(name: str, source: PluginSource, reason: str) -> PluginManifest:
    """The manifest of a plugin that could not be loaded."""
    return PluginManifest(name, "0", name, "", source, reason=reason)


# --- Building --------------------------------------------------------------------------------------------------------


def build_index(out: Path, paths: Iterable[Path] = ()) -> Sequence[PluginManifest]:
    """Describes every installed plugin and those at `paths`, and writes the index into `out`, which it replaces."""
    installed = list(installed_plugins(GROUP))
    sources = [(one.entry, PluginSource(one.module, one.class_name)) for one in installed]
    added = dict.fromkeys(path.resolve() for path in paths)
    sources += [(path.stem, PluginSource(path.stem, "", str(path))) for path in added]
    with ThreadPoolExecutor(max_workers=4) as pool:
        described = list(pool.map(lambda source: _describe_in_child(*source), sources))
    of_layer = _by_name(described[: len(installed)])
    # An added plugin stands in for an installed one of the same name: its author is trying a new version.
    manifests = of_layer | _by_name(described[len(installed) :], taken=of_layer)
    record = [_record(one, of, manifests) for one, of in zip(installed, described, strict=False)]
    _write(out, manifests, record)
    return list(manifests.values())


def _by_name(described: Sequence[_Described], taken: Collection[str] = ()) -> dict[str, PluginManifest]:
    """Each plugin under its name. A name that several have is nobody's: which of them a call would run, none could
    tell. One whose own name is not known leaves the `taken` names, and those of the others, to whom they belong."""
    bearers: dict[str, dict[PluginSource, PluginManifest]] = {}
    for manifest in (manifest for one in described if one.named for manifest in one.manifests):
        bearers.setdefault(manifest.name, {})[manifest.source] = manifest
    named = {name: _only(list(same.values())) for name, same in bearers.items()}
    for manifest in (manifest for one in described if not one.named for manifest in one.manifests):
        free = _set_apart(manifest, {*taken, *named})
        named[free.name] = free
    return named


def _only(bearers: Sequence[PluginManifest]) -> PluginManifest:
    first, *others = bearers
    if not others:
        return first
    return broken_manifest(
        first.name, first.source, f"several plugins have this name: {', '.join(_place(one.source) for one in bearers)}"
    )


def _set_apart(broken: PluginManifest, taken: Collection[str]) -> PluginManifest:
    if broken.name not in taken:
        return broken
    name = next(name for name in (f"{broken.name}_{n}" for n in count(2)) if name not in taken)
    return broken_manifest(name, broken.source, f"{_place(broken.source)}: {broken.reason}")


def _place(source: PluginSource) -> str:
    """Where a plugin's code is, for everybody to read: of a path its last part."""
    return ":".join(filter(None, (Path(source.path).name if source.path else source.module, source.class_name)))


def _record(
    installed: InstalledPlugin, described: _Described, manifests: Mapping[str, PluginManifest]
) -> IndexedPlugin:
    [described_as] = described.manifests
    names = (name for name, manifest in manifests.items() if manifest.source == described_as.source)
    return IndexedPlugin(installed, next(names, None), needed_modules(installed.distribution, described.loaded))


def _write(out: Path, manifests: Mapping[str, PluginManifest], record: Sequence[IndexedPlugin]) -> None:
    folder = out / "plugins"
    folder.mkdir(parents=True, exist_ok=True)
    for name, manifest in manifests.items():
        (folder / f"{name}.json").write_text(json.dumps(manifest.to_dict(), indent=1))
    (out / "installed.json").write_text(json.dumps({"installed": [asdict(one) for one in record]}, indent=1))
    # Last, so that an index that is there is whole.
    (out / "index.json").write_text(json.dumps({"plugins": sorted(manifests)}, indent=1))


@cache
def open_index() -> PluginIndex:
    """The index that this environment was given: `INTERLOCK_PLUGIN_INDEX`, else the one in the plugin layer."""
    return PluginIndex(Path(os.environ.get("INTERLOCK_PLUGIN_INDEX", DEFAULT_DIRECTORY)))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Broken plugins are told on standard error and listed by the API; with `--strict` they are an
    error, exit 1: what is shipped holds none."""
    parser = argparse.ArgumentParser(prog="python -m interlock.plugins.index", description="Builds the plugin index.")
    parser.add_argument("--out", type=Path, help="folder to write the index into")
    parser.add_argument("--path", type=Path, action="append", default=[], help="a .py file or package folder to add")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a plugin cannot be loaded")
    parser.add_argument("--describe", nargs=2, metavar=("SOURCE", "DESCRIPTOR"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.describe:
        source, descriptor = options.describe
        _describe_to(int(descriptor), PluginSource(**json.loads(source)))
        return 0
    if options.out is None:
        parser.error("--out is required")
    broken = [manifest for manifest in build_index(options.out, options.path) if not manifest.available]
    for manifest in broken:
        sys.stderr.write(f"plugin {manifest.name} is unavailable: {manifest.reason}\n")
    return 1 if broken and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
