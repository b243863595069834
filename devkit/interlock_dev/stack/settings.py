"""The settings of plugins in the local stack: from a TOML file and from the command line."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from interlock.plugins.index import PluginIndex
from interlock_dev.project.errors import UsageError

DEFAULT_FILE = Path(".interlock/settings.toml")

type Settings = Mapping[str, Mapping[str, Any]]


def read_settings(root: Path, file: Path | None, given: Sequence[tuple[str, str]]) -> Settings:
    """Return the settings by plugin: those of the file, by default `.interlock/settings.toml` of the project, and
    those of the command line, which take precedence. Raise `UsageError`."""
    settings: dict[str, dict[str, Any]] = {}
    for plugin, values in _from_file(root, file).items():
        if not isinstance(values, dict):
            raise UsageError(f"--settings: {plugin!r} is not a table of a plugin's settings: write [{plugin}]")
        settings[plugin] = values
    for name, value in given:
        plugin, dot, setting = name.partition(".")
        if not (plugin and dot and setting):
            raise UsageError(f"--setting {name}: is not of the form PLUGIN.NAME=VALUE")
        settings.setdefault(plugin, {})[setting] = value
    return settings


def _from_file(root: Path, file: Path | None) -> Mapping[str, Any]:
    path = file or root / DEFAULT_FILE
    if file is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"--settings {path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UsageError(f"--settings {path}: is not valid TOML: {error}") from None


def as_variable(settings: Settings) -> str:
    """Return the settings as the functions read them. Raise `UsageError`."""
    try:
        return json.dumps(settings)
    except TypeError as error:  # TOML has dates, JSON has none
        raise UsageError(f"--settings: {error}: write it as text") from None


def missing_settings(index: PluginIndex, settings: Settings) -> list[str]:
    """Return a line for each setting that a plugin needs and that has no value."""
    return [
        f"plugin {name} needs the setting {one.name!r}: start with --setting {name}.{one.name}=VALUE"
        for name in index.names
        for one in index.manifest(name).settings
        if one.required and one.name not in settings.get(name, {})
    ]
