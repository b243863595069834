"""The plugin index of a run, built at the start and again when an added plugin changes."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Self

from interlock.plugins.index import DEFAULT_DIRECTORY, PluginIndex
from interlock_dev.project.errors import UsageError
from interlock_dev.project.processes import end_tree, guarded

NO_PLUGIN = "holds no class derived from interlock.plugin.Plugin"
"""The index's message for a file without a plugin class (verified by a test)."""

_WATCH_INTERVAL_S = 0.25
_WATCHED_FILES = 2_000
"""Maximum number of watched files per folder, which may contain a data set."""

_PASSED_ON = ("LANG", "PATH", "SYSTEMROOT", "TEMP", "TMPDIR")


def check_path(path: Path, *, option: str = "--plugin ") -> Path:
    """Return the absolute path of an added plugin. Raise `UsageError` unless it is a .py file or a package folder."""
    if not path.exists():
        raise UsageError(f"{option}{path}: there is no such file or folder")
    if path.is_dir() and not (path / "__init__.py").is_file():
        raise UsageError(f"{option}{path}: is not a package folder, it has no __init__.py")
    if path.is_file() and path.suffix != ".py":
        raise UsageError(f"{option}{path}: is neither a .py file nor a package folder")
    return path.resolve()


class IndexBuild:
    """A process that builds the index with the interpreter and import path of functions, and updates it afterwards."""

    def __init__(
        self,
        out: Path,
        paths: Sequence[Path],
        *,
        interpreter: Sequence[str] = (sys.executable, "-P"),
        import_path: Sequence[Path] = (),
    ) -> None:
        self._out = out
        self._paths = paths
        self._revision = 0
        added = [argument for path in paths for argument in ("--path", str(path))]
        command = [*interpreter, "-m", "interlock.plugins.building", "--serve", "--out", str(out), *added]
        self._builder = subprocess.Popen(
            guarded(command) if sys.platform == "linux" else command,
            # It imports plugins, which must not see the developer's environment.
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            | {"PYTHONPATH": os.pathsep.join(map(str, import_path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        """End the process, whose result is no longer needed."""
        if self._builder.poll() is None:
            # The builder imports each plugin in a child process.
            end_tree(self._builder) if sys.platform == "linux" else self._builder.kill()
            self._builder.communicate()

    def result(self) -> Path:
        """Wait for the index and report unavailable plugins on standard error.

        Raise `UsageError` for an added path without a plugin, or if the index cannot be built.
        """
        reports = self.wait()
        empty = _without_plugin(PluginIndex(self._out), self._paths)
        if empty:
            raise UsageError(f"--plugin {empty}: {NO_PLUGIN}")
        sys.stderr.writelines(f"{line}\n" for line in reports)
        return self._out

    def update(self, changed: Sequence[Path]) -> Sequence[str]:
        """Update the index for changed paths. Return a line for each of their plugins that cannot be loaded. Raise
        `UsageError` if the index cannot be built."""
        self._revision += 1
        asked = {"changed": [str(path) for path in changed], "revision": str(self._revision)}
        with contextlib.suppress(BrokenPipeError):
            if self._builder.stdin:
                self._builder.stdin.write(f"{json.dumps(asked)}\n")
                self._builder.stdin.flush()
        return self.wait()

    def wait(self) -> list[str]:
        """Wait for the index, or its update. Return a line for each plugin that cannot be loaded. Raise `UsageError` if
        it cannot be built."""
        line = self._builder.stdout.readline() if self._builder.stdout else ""
        if not line:
            _, told = self._builder.communicate()
            last_line = told.strip().splitlines()[-1:]
            raise UsageError(f"the plugin index cannot be built: {' '.join(last_line)}")
        reports: list[str] = json.loads(line)
        return reports


def _without_plugin(index: PluginIndex, paths: Sequence[Path]) -> str | None:
    wanted = {str(path) for path in paths}
    for name in index.names:
        manifest = index.manifest(name)
        if manifest.source.path in wanted and (manifest.reason or "").endswith(NO_PLUGIN):
            return manifest.source.path
    return None


def built_index(layers: Sequence[Path]) -> Path:
    """Return the index that was built into a layer. Raise `UsageError` if there is none."""
    inside = Path(DEFAULT_DIRECTORY).relative_to("/opt")
    for layer in layers:
        if (layer / inside / "index.json").is_file():
            return layer / inside
    raise UsageError(f"no built layer has a plugin index ({inside}): run `make build` again")


class Watch:
    """Watches the files of plugins, so that the next call runs the saved code.

    Changes before the creation of this object do not count.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._seen = self._stamps()
        self._lock = threading.Lock()
        self._changed: Callable[[Sequence[Path]], None] = lambda _: None
        self._stopped = threading.Event()

    def start(self, changed: Callable[[Sequence[Path]], None]) -> Self:
        """Call `changed` with the changed files after every change, in a background thread or in `check`."""
        self._changed = changed
        if self._paths:
            threading.Thread(target=self._run, name="plugin-watch", daemon=True).start()
        return self

    def stop(self) -> None:
        self._stopped.set()

    def check(self) -> None:
        """Handle changes that were saved before this call. Requests call this first, so they never run older code."""
        with self._lock:
            now = self._stamps()
            changed = sorted(file for file, _ in now.items() ^ self._seen.items())
            if changed:
                self._seen = now
                self._changed(list(dict.fromkeys(changed)))

    def _run(self) -> None:
        while not self._stopped.wait(_WATCH_INTERVAL_S):
            self.check()

    def _stamps(self) -> dict[Path, int]:
        stamps: dict[Path, int] = {}
        for path in self._paths:
            for file in islice(_files(path), _WATCHED_FILES):
                # An editor may be replacing the file.
                with contextlib.suppress(OSError):
                    stamps[file] = file.stat().st_mtime_ns
        return stamps


def _files(path: Path) -> Iterator[Path]:
    """Yield an added file, or all files of a package folder, data included, except those of Python and editors."""
    if not path.is_dir():
        yield path
    for folder, folders, files in path.walk():
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        yield from (folder / name for name in sorted(files) if not name.startswith("."))
