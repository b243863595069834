"""The project in which the command was called, and its running stacks (`.interlock/dev-PORT.json`)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.errors import UsageError

DEFAULT_PORT = 3000
_CONNECT_S = 1.0


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Addresses, keys and resource names of a running stack."""

    url: str
    aws_endpoint_url: str
    aws_access_key_id: str
    aws_secret_access_key: str
    api_key: str
    table: str
    bucket: str
    workflow_arn: str
    plugin_index: str
    pid: int

    @property
    def port(self) -> int:
        """The port of the API, which the name of the stack's file contains."""
        return urlsplit(self.url).port or 80

    @property
    def access_key(self) -> AccessKey:
        """The key that may do everything on the stack's AWS."""
        return AccessKey(self.aws_access_key_id, self.aws_secret_access_key)


_BUNDLE = Path(__file__).parents[1] / "bundle"
"""The template and the functions in the wheel of the devkit."""


def checkout() -> Path | None:
    """Return the checkout from which the devkit is installed, or None for a wheel."""
    root = Path(__file__).parents[3]
    return root if (root / "template.yaml").is_file() and (root / "devkit").is_dir() else None


class PluginProject:
    """A plugin project outside the checkout: its `pyproject.toml` has entry points of plugins."""

    def __init__(self, root: Path, name: str, modules: Sequence[str]) -> None:
        self.root = root
        self.name = name
        self._packages = list(dict.fromkeys(module.partition(".")[0] for module in modules))

    @classmethod
    def at(cls, folder: Path) -> PluginProject | None:
        """Return the project in a folder, if there is one. Raise `UsageError` if its file is not valid TOML."""
        file = folder / "pyproject.toml"
        if not file.is_file():
            return None
        try:
            project = tomllib.loads(file.read_text()).get("project", {})
        except ValueError as error:
            raise UsageError(f"{file} is not valid: {error}") from None
        entries = project.get("entry-points", {}).get("interlock.plugins", {})
        modules = [str(entry).partition(":")[0] for entry in entries.values()]
        return cls(folder.resolve(), project.get("name", ""), modules) if modules else None

    def has(self, module: str) -> bool:
        """Return whether a module belongs to the project."""
        return module.partition(".")[0] in self._packages

    @property
    def sources(self) -> list[Path]:
        """The package folders and modules with plugins."""
        places = [base / name for base in (self.root, self.root / "src") for name in self._packages]
        return [found for place in places for found in (place, place.with_suffix(".py")) if found.exists()]


class Project:
    """A folder with a template, or a plugin project, for which the devkit brings the template."""

    def __init__(self, root: Path, plugins: PluginProject | None = None) -> None:
        self.root = root
        self.plugins = plugins
        self._states = root / ".interlock"

    @classmethod
    def find(cls, start: Path) -> Project:
        """Return the project that contains `start`. Raise `UsageError`."""
        for folder in (start, *start.parents):
            if (folder / "template.yaml").is_file():
                return cls(folder)
            if (plugins := PluginProject.at(folder)) is not None:
                return cls(folder, plugins)
        raise UsageError(f"there is no template.yaml in {start} or above it")

    def template(self, *, built: bool) -> Path:
        """Return the path of the template. Raise `UsageError` if it is not built."""
        if self.plugins is not None:
            if built:
                raise UsageError("--built runs what the checkout has built: run it there")
            return (checkout() or _BUNDLE) / "template.yaml"
        if not built:
            return self.root / "template.yaml"
        path = self.root / ".aws-sam" / "build" / "template.yaml"
        if not path.is_file():
            raise UsageError(f"nothing is built ({path} is missing): run `make build` first")
        return path

    def running(self, port: int | None = None) -> RunningStack | None:
        """Return the project's stack that accepts connections: the one on `port`, or the only one. Of several stacks,
        return the one on the default port, or raise `UsageError` if there is none on it."""
        stacks = {stack.port: stack for stack in self._published() if port in {None, stack.port} and _responds(stack)}
        if len(stacks) > 1 and DEFAULT_PORT not in stacks:
            ports = ", ".join(map(str, sorted(stacks)))
            raise UsageError(f"several local stacks run, on the ports {ports}: choose one by its port")
        return stacks.get(DEFAULT_PORT) or next(iter(stacks.values()), None)

    def _published(self) -> Iterator[RunningStack]:
        for state in sorted(self._states.glob("dev-*.json")):
            with contextlib.suppress(OSError, ValueError, TypeError):
                yield RunningStack(**json.loads(state.read_text()))

    def publish(self, stack: RunningStack) -> None:
        """Write `.interlock/dev-PORT.json`, readable by the developer only, since it contains keys. Remove the files of
        stacks that were killed."""
        self._states.mkdir(exist_ok=True)
        for left in self._published():
            if not _responds(left):
                self._state(left).unlink(missing_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._states, prefix="new-")
        with os.fdopen(descriptor, "w") as stream:
            json.dump(asdict(stack), stream, indent=1)
        Path(name).replace(self._state(stack))

    def withdraw(self) -> None:
        """Remove the file that this process wrote, unless another stack on the same port has replaced it."""
        for stack in self._published():
            if stack.pid == os.getpid():
                self._state(stack).unlink(missing_ok=True)

    def _state(self, stack: RunningStack) -> Path:
        return self._states / f"dev-{stack.port}.json"


def _responds(stack: RunningStack) -> bool:
    """Return whether the stack accepts connections."""
    address = urlsplit(stack.aws_endpoint_url)
    with contextlib.suppress(OSError), socket.create_connection((address.hostname, address.port), _CONNECT_S):
        return True
    return False
