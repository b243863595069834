"""`interlock check`: all that is wrong with plugins, without a stack, and what they add to the layer."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from interlock.domain.manifest import PluginManifest
from interlock.plugins.index import PluginIndex
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.remote.output import print_json
from interlock_dev.project.errors import UsageError
from interlock_dev.project.paths import PluginProject
from interlock_dev.stack.plugins import IndexBuild, check_path

RUNTIME = "interlock"
"""The distribution whose dependencies are in the runtime layer, so that they add nothing to the layer of plugins."""


def check(path: Path, *, json: bool) -> int:
    """Report on the plugins of a project, a file or a package folder. Return 1 if one cannot be loaded."""
    project = PluginProject.at(path)
    added = [] if project else [check_path(path, option="")]
    with tempfile.TemporaryDirectory() as folder:
        build = IndexBuild(Path(folder) / "index", added)
        try:
            build.wait()
        finally:
            build.stop()
        index = PluginIndex(Path(folder) / "index")
        manifests = [index.manifest(name) for name in index.names]
    wanted = [one for one in manifests if (project.has(one.source.module) if project else one.source.path)]
    if project and not wanted:
        raise UsageError(f"{project.name} is not installed: run `uv pip install -e .` in {project.root}")
    layer = layer_addition(project.name) if project else None
    if json:
        print_json(_document(wanted, layer))
    else:
        sys.stdout.writelines(f"{line}\n" for manifest in wanted for line in _report(manifest))
        if layer:
            sys.stdout.write(f"adds {layer[0]:.1f} MB to the layer of plugins: {', '.join(layer[1])}\n")
    return Exit.OK if all(manifest.available for manifest in wanted) else Exit.TOOL_FAILED


def _document(manifests: Iterable[PluginManifest], layer: tuple[float, list[str]] | None) -> dict[str, Any]:
    plugins = [{**one.public(), "valid": one.available, "problems": _problems(one)} for one in manifests]
    added = {"size_mb": round(layer[0], 1), "packages": layer[1]} if layer else None
    return {"valid": all(one["valid"] for one in plugins), "plugins": plugins, "layer": added}


def _problems(manifest: PluginManifest) -> list[str]:
    """Return why a plugin cannot be loaded. Each mistake of a declaration ends with its class."""
    if manifest.reason is None:
        return []
    return re.split(r"(?<=\]); ", manifest.reason.removeprefix("its declaration is not valid: "))


def _report(manifest: PluginManifest) -> Iterator[str]:
    if not manifest.available:
        yield f"{manifest.name} cannot be loaded"
        yield from (f"  {problem}" for problem in _problems(manifest))
        return
    yield f"{manifest.name} {manifest.version} is valid"
    for tool in manifest.tools:
        yield f"  {tool.name}: {tool.timeout_s:g} s, {tool.memory_mb} MiB{', network' if tool.network else ''}"
        yield f"    input   {_fields(tool.input_schema)}"
        yield f"    output  {_fields(tool.output_schema)}"


def _fields(schema: object) -> str:
    """Return the fields of a schema with their types; a field that may be left out has a question mark."""
    found = schema if isinstance(schema, dict) else {}
    required = found.get("required", ())
    fields = found.get("properties", {}).items()
    return ", ".join(f"{name}{'' if name in required else '?'}: {one.get('type', 'any')}" for name, one in fields)


def layer_addition(name: str) -> tuple[float, list[str]]:
    """Return the size in MB (10^6 bytes) of what a distribution adds to the layer of plugins, and the names of the
    distributions, as they are installed here."""
    added = _closure([name]) - _closure([RUNTIME])
    files = (file.locate() for one in added for file in _distribution(one).files or ())
    size = sum(Path(str(file)).stat().st_size for file in files if Path(str(file)).is_file())
    return size / 1e6, sorted(added)


def _closure(names: Iterable[str]) -> set[str]:
    """Return distributions with everything that they require here."""
    found, left = set[str](), [_canonical(name) for name in names]
    while left:
        name = left.pop()
        if name in found:
            continue
        try:
            requires = _distribution(name).requires or ()
        except PackageNotFoundError:  # for another platform or an extra
            continue
        found.add(name)
        left += [_canonical(re.split(r"[^\w.-]", one, maxsplit=1)[0]) for one in requires if "extra ==" not in one]
    return found


def _distribution(name: str) -> Distribution:
    return distribution(name)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
