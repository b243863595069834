"""Describe the plugins of sources by importing each in a forked process. Runs in a child process of the index build:

python -m interlock.plugins.describing DESCRIPTOR LIMIT_S SOURCE...

Each `SOURCE` is a `PluginSource` as JSON. The answer is a list in JSON, written to the open file descriptor. For each
source it has `manifests` and `loaded` (top-level modules), or `outcome` (the reason why the import failed). Starting an
interpreter for each source would take most of the time of a build.
"""

import inspect
import json
import os
import re
import signal
import sys
from copy import replace
from pathlib import Path
from typing import Any

from interlock.domain.manifest import PluginManifest, PluginSource, ToolManifest
from interlock.input_requests import to_json
from interlock.plugin import Plugin
from interlock.plugin_settings import setting_manifests
from interlock.plugins.forking import Ended, run_each
from interlock.plugins.loading import load_file, load_plugin_class, module_name
from interlock.plugins.schemas import checked_schema
from interlock.tool_declaration import InvalidDeclaration, ToolSpec

_FOLDERS = re.compile(r"(?<![\w.])(?<!:/)(?:/[^/\s'\"():]+)+/")
"""The folders of an absolute path, but not those of a URL. They are removed from reasons, which are public."""


def describe(source: PluginSource) -> list[PluginManifest]:
    """Return the manifest of an entry point's plugin, or of every plugin class in an added file or package."""
    if source.path is None:
        return [describe_class(load_plugin_class(source), source)]
    module = load_file(Path(source.path))
    # Use the class's name in the module, which may differ from its `__name__`. A class with two names is one plugin.
    found: dict[type[Plugin], str] = {}
    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, Plugin) and value.__module__.startswith(module.__name__):
            found.setdefault(value, name)
    if not found:
        raise ImportError("holds no class derived from interlock.plugin.Plugin")
    # A base class without its own name is not a plugin.
    bases = {base for one in found for base in one.__mro__[1:] if not hasattr(base, "name")}
    manifests, problems = list[PluginManifest](), list[str]()
    for one, name in found.items():
        if one not in bases:
            try:
                manifests.append(describe_class(one, replace(source, class_name=name)))
            except InvalidDeclaration as error:
                problems += error.problems
    if problems:
        raise InvalidDeclaration(problems)
    return manifests


def describe_class(plugin: type[Any], source: PluginSource) -> PluginManifest:
    """Return the manifest of a plugin's class. Raise `InvalidDeclaration` with all its mistakes."""
    tools, problems = list[ToolManifest](), list[str]()
    for spec in plugin.tools().values():
        try:
            tools.append(_describe_tool(spec))
        except TypeError as error:
            problems.append(f"{error} [class {plugin.__name__}]")
    if problems:
        raise InvalidDeclaration(problems)
    description = plugin.description or (plugin.__doc__ or "").strip().partition("\n")[0]
    return PluginManifest(
        plugin.name,
        plugin.version,
        plugin.title or plugin.name,
        description,
        source,
        tuple(tools),
        fork_safe=plugin.fork_safe,
        settings=setting_manifests(plugin.settings) if plugin.settings else (),
    )


def _describe_tool(spec: ToolSpec) -> ToolManifest:
    where = f"tool {spec.name!r}"
    return ToolManifest(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        timeout_s=spec.timeout_s,
        memory_mb=spec.memory_mb,
        network=spec.network,
        isolation=spec.isolation,
        read_only=spec.read_only,
        idempotent=spec.idempotent,
        destructive=spec.destructive,
        task=spec.task,
        input_requests={name: to_json(request) for name, request in spec.input_requests.items()},
        input_schema=checked_schema(spec.input_model, "validation", f"{where}: its input's"),
        output_schema=checked_schema(spec.output_model, "serialization", f"{where}: its output's"),
    )


def main() -> None:
    """Describe the sources that the command line names."""
    descriptor, limit, *documents = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the forked processes too
    sources = [PluginSource(**json.loads(document)) for document in documents]
    answers = [_answer(ended, float(limit)) for ended in run_each(_describe_apart, sources, float(limit))]
    with os.fdopen(int(descriptor), "w") as stream:
        json.dump(answers, stream)


def _answer(ended: Ended, limit_s: float) -> Any:
    if ended.exit_code is None:
        return {"outcome": f"its import took over {limit_s:g} s"}
    try:
        return json.loads(ended.text)
    except ValueError:
        code = ended.exit_code
        return {"outcome": f"its import {f'was ended by signal {-code}' if code < 0 else f'exited with {code}'}"}


def _describe_apart(source: PluginSource, descriptor: int) -> None:
    """Write the description of a source. Never raises for anything that an import does."""
    try:
        manifests = [manifest.to_dict() for manifest in describe(source)]
        answer = json.dumps({"manifests": manifests, "loaded": sorted({name.split(".")[0] for name in sys.modules})})
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: whatever an import raises is its reason
        answer = json.dumps({"outcome": _reason(error) + _line_of(error, source)})
    with os.fdopen(descriptor, "r+") as stream:
        # The import may have written to any descriptor.
        stream.seek(0)
        stream.truncate()
        stream.write(answer)


def _reason(error: BaseException) -> str:
    """Return why a plugin could not be loaded, for a human."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"needs {error.name}: not installed"
    if isinstance(error, InvalidDeclaration):
        return f"its declaration is not valid: {error}"
    if isinstance(error, SystemExit):
        return f"its import exited with {error.code!r}"
    try:
        text = str(error)
    except BaseException as broken:  # interlock: allow ILK004 - of a plugin's __str__; the class name is reported
        return f"its import failed: {type(error).__name__} ({type(broken).__name__} in its __str__)"
    return f"its import failed: {type(error).__name__}: {_FOLDERS.sub('', text)}"


def _line_of(error: BaseException, source: PluginSource) -> str:
    """Return file name and line in the plugin's code where the error being handled was raised.

    The result is empty if the error's text already has them. No other part of the traceback becomes public.
    """
    if isinstance(error, ModuleNotFoundError | SyntaxError):
        return ""
    own = module_name(Path(source.path)) if source.path else source.module.partition(".")[0]
    lines = [
        f" ({Path(one.frame.f_code.co_filename).name}, line {one.lineno})"
        for one in inspect.trace(context=0)
        if str(one.frame.f_globals.get("__name__")).partition(".")[0] == own
        and not one.frame.f_code.co_filename.startswith("<")
    ]
    return lines[-1] if lines else ""


if __name__ == "__main__":
    main()
