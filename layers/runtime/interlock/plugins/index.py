"""Read the plugin index: manifests of all plugins, known without importing any.

`interlock.plugins.building` writes it. Functions read these files, so a cold start costs the same with a thousand
plugins as with one.
"""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path

from interlock.domain.errors import UnknownPlugin
from interlock.domain.manifest import PluginManifest, PluginSummary
from interlock.plugins.audit import Finding, IndexedPlugin, InstalledPlugin, audit, installed_plugins

DEFAULT_DIRECTORY = "/opt/python/interlock_index"
_PLAIN_NAME = re.compile("[a-z0-9_]{1,64}")


class PluginIndex:
    """A plugin index on disk. Manifests are read on first use and kept."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._manifests: dict[str, PluginManifest] = {}

    @cached_property
    def summaries(self) -> Mapping[str, PluginSummary]:
        """All plugins by name in alphabetical order, including those that could not be loaded, from one file."""
        plugins = json.loads((self._directory / "index.json").read_text())["plugins"]
        return {one["name"]: PluginSummary(**{**one, "tools": tuple(one["tools"])}) for one in plugins}

    def forget(self) -> None:
        """Read the files again: they have changed. Only a development run changes them."""
        self._manifests.clear()
        vars(self).pop("summaries", None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all plugins in alphabetical order."""
        return tuple(self.summaries)

    def manifest(self, name: str) -> PluginManifest:
        """Return the manifest of a plugin. Raise `UnknownPlugin`."""
        if name not in self._manifests:
            self._manifests[name] = self._read(name)
        return self._manifests[name]

    def _read(self, name: str) -> PluginManifest:
        # The name comes from a request. Only a plain or a listed name may become part of a path. For a plain name
        # the list is not read, because its length grows with the number of plugins.
        if _PLAIN_NAME.fullmatch(name) or name in self.names:
            with suppress(FileNotFoundError):
                manifest = json.loads((self._directory / "plugins" / f"{name}.json").read_text())
                if manifest["name"] == name:  # a file system may ignore case
                    return PluginManifest.from_dict(manifest)
        raise UnknownPlugin(f"There is no plugin {name[:64]!r}. There are: {', '.join(self.names) or 'none'}.")

    def audit(self) -> Mapping[str, Finding]:
        """Compare the index with the installed packages and return the differences by plugin.

        Never raises: an error of the audit is a finding about every plugin. An index without a record of the packages
        that it was built from has no findings.
        """
        try:
            record = self._directory / "installed.json"
            if not record.exists():
                return {}
            indexed = [
                IndexedPlugin(InstalledPlugin(**one["installed"]), one["plugin"], tuple(one["needs"]))
                for one in json.loads(record.read_text())["installed"]
            ]
            return audit(indexed, installed_plugins(), self.names)
        except Exception as error:  # damaged metadata of any package may raise anything: that is the finding
            found = Finding(f"the layer could not be audited: {type(error).__name__}", unavailable=False)
            return dict.fromkeys(self.names, found)


@cache
def open_index() -> PluginIndex:
    """Return the index of this environment: `INTERLOCK_PLUGIN_INDEX`, or else the one in the plugin layer."""
    return PluginIndex(Path(os.environ.get("INTERLOCK_PLUGIN_INDEX", DEFAULT_DIRECTORY)))
