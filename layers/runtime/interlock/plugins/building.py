"""Build the plugin index: import each plugin once, in a process of its own, and write its description.

Writes `index.json` (a summary of each plugin), `plugins/<name>.json` (the manifest, or the reason why there is none)
and `installed.json` (the packages that it was built from, for the audit).

    python -m interlock.plugins.building --out DIR [--strict] [--serve] [--path FILE_OR_PACKAGE]...

With `--serve` it then updates the index for each line `{"changed": [paths], "revision": text}` of standard input. After
the build and each update it writes a line of JSON: the reports on plugins that cannot be loaded.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import replace
from itertools import count
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from interlock.domain.manifest import PluginManifest, PluginSource
from interlock.plugins.audit import GROUP, IndexedPlugin, InstalledPlugin, installed_plugins, needed_modules

IMPORT_LIMIT_S = 20.0


class _Described(Struct, frozen=True):
    """The plugins of one source, and the top-level modules that its import loaded.

    `named` is false for a plugin that could not be loaded: it is listed under its entry point or file name.
    """

    manifests: Sequence[PluginManifest]
    loaded: Sequence[str] = ()
    named: bool = True


def build_index(out: Path, paths: Iterable[Path] = ()) -> Sequence[PluginManifest]:
    """Describe every installed plugin and those at `paths`, and write the index into `out`, replacing its files."""
    return IndexBuilder(out, paths).build()


class IndexBuilder:
    """Builds an index, and updates it when plugins have changed."""

    def __init__(self, out: Path, paths: Iterable[Path]) -> None:
        self._out = out
        self._installed = list(installed_plugins(GROUP))
        self._sources = [_Source(one.entry, PluginSource(one.module, one.class_name)) for one in self._installed]
        added = dict.fromkeys(path.resolve() for path in paths)
        self._sources += [_Source(path.stem, PluginSource(path.stem, "", str(path))) for path in added]
        self._described: list[_Described] = []

    def build(self) -> Sequence[PluginManifest]:
        """Describe all plugins and write the index. Return all manifests."""
        self._described = _describe_all(self._sources)
        return self._write()

    def update(self, changed: Collection[Path], revision: str) -> Sequence[PluginManifest]:
        """Describe the plugins of changed paths again and write the index. Return their manifests.

        An added plugin has changed if its path is in `changed`, an installed one if the path of its package is.
        """
        again = {number: source.of(revision) for number, source in enumerate(self._sources) if source.is_in(changed)}
        for number, described in zip(again, _describe_all(list(again.values())), strict=True):
            self._described[number] = described
        written = {id(manifest) for manifest in self._write()}
        of_changed = [manifest for number in again for manifest in self._described[number].manifests]
        return [manifest for manifest in of_changed if id(manifest) in written or not manifest.available]

    def _write(self) -> Sequence[PluginManifest]:
        described, installed = self._described, self._installed
        of_layer = _by_name(described[: len(installed)])
        # An added plugin replaces an installed one of the same name: its author is trying a new version.
        manifests = of_layer | _by_name(described[len(installed) :], taken=of_layer)
        record = [_record(one, of, manifests) for one, of in zip(installed, described, strict=False)]
        _write(self._out, manifests, record)
        return list(manifests.values())


class _Source(Struct, frozen=True):
    """A source of plugins, and the name under which they are listed if it cannot be loaded."""

    name: str
    source: PluginSource

    def of(self, revision: str) -> _Source:
        return replace(self, source=replace(self.source, revision=revision))

    def is_in(self, changed: Collection[Path]) -> bool:
        if self.source.path is not None:
            return Path(self.source.path) in changed
        return self.source.module.partition(".")[0] in {path.stem for path in changed}


def _describe_all(sources: Sequence[_Source]) -> list[_Described]:
    """Describe all sources in a child process. Never raises: a plugin that cannot be loaded has a reason instead."""
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as output:
        # `-P`: the current folder is not on a function's import path either.
        command = [
            sys.executable,
            "-P",
            "-m",
            "interlock.plugins.describing",
            str(answer.fileno()),
            f"{IMPORT_LIMIT_S:g}",
        ]
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command + [json.dumps(to_builtins(one.source)) for one in sources],
            pass_fds=[answer.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            child.wait()
        finally:
            child.terminate()
            child.wait()
        answer.seek(0)
        text = answer.read()
    try:
        answers = json.loads(text)
    except ValueError:  # one of the imports has ended the child
        answers = [{"outcome": "the process that imports plugins was ended"}] * len(sources)
    return [_described(one, answer) for one, answer in zip(sources, answers, strict=True)]


def _described(one: _Source, answer: Mapping[str, Any]) -> _Described:
    if "outcome" in answer:
        return _Described([PluginManifest.broken(one.name, one.source, answer["outcome"])], named=False)
    return _Described([PluginManifest.from_dict(document) for document in answer["manifests"]], answer["loaded"])


def _by_name(described: Sequence[_Described], taken: Collection[str] = ()) -> dict[str, PluginManifest]:
    """Return the plugins by name.

    Several plugins with one name are replaced by a broken manifest, since a call could mean either. A plugin whose own
    name is unknown gets a free one: never a `taken` name, nor the name of another plugin.
    """
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
    return PluginManifest.broken(
        first.name, first.source, f"several plugins have this name: {', '.join(_place(one.source) for one in bearers)}"
    )


def _set_apart(broken: PluginManifest, taken: Collection[str]) -> PluginManifest:
    if broken.name not in taken:
        return broken
    name = next(name for name in (f"{broken.name}_{n}" for n in count(2)) if name not in taken)
    return PluginManifest.broken(name, broken.source, f"{_place(broken.source)}: {broken.reason}")


def _place(source: PluginSource) -> str:
    """Return where a plugin's code is, without the folders: the text is public."""
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
        _replace(folder / f"{name}.json", json.dumps(manifest.to_dict(), indent=1))
    _replace(out / "installed.json", json.dumps({"installed": [to_builtins(one) for one in record]}, indent=1))
    # Written last: an index that exists is complete.
    _replace(out / "index.json", index_text(manifests.values()))
    for file in folder.glob("*.json"):
        if file.stem not in manifests:
            file.unlink()


def _replace(file: Path, text: str) -> None:
    """Replace a file atomically, because a function may be reading it."""
    written = file.with_suffix(".new")
    written.write_text(text)
    written.replace(file)


def index_text(manifests: Iterable[PluginManifest]) -> str:
    """Return the content of `index.json`."""
    summaries = (to_builtins(one.summary()) for one in sorted(manifests, key=lambda one: one.name))
    return json.dumps({"plugins": list(summaries)}, indent=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Plugins that cannot be loaded are reported on standard error, and listed by the API. With `--strict` they are an
    error (exit code 1): a released layer must not hold any.
    """
    parser = argparse.ArgumentParser(prog="python -m interlock.plugins.building", description="Build the plugin index.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the index into")
    parser.add_argument("--path", type=Path, action="append", default=[], help="a .py file or package folder to add")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a plugin cannot be loaded")
    parser.add_argument("--serve", action="store_true", help="update the index for each line of standard input")
    options = parser.parse_args(arguments)
    builder = IndexBuilder(options.out, options.path)
    broken = _reports(builder.build())
    if options.serve:
        _serve(builder, broken)
        return 0
    for line in broken:
        sys.stderr.write(f"{line}\n")
    return 1 if broken and options.strict else 0


def _reports(manifests: Iterable[PluginManifest]) -> list[str]:
    return [f"plugin {one.name} is unavailable: {one.reason}" for one in manifests if not one.available]


def _serve(builder: IndexBuilder, broken: Sequence[str]) -> None:
    _tell(broken)
    for line in sys.stdin:
        asked = json.loads(line)
        manifests = builder.update([Path(path) for path in asked["changed"]], asked["revision"])
        _tell(_reports(manifests))


def _tell(reports: Sequence[str]) -> None:
    sys.stdout.write(f"{json.dumps(reports)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
