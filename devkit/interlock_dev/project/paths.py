"""The project in which the command was called, and its running stacks (`.interlock/dev-PORT.json`)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
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


class Project:
    """A folder with a template."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._states = root / ".interlock"

    @classmethod
    def find(cls, start: Path) -> Project:
        """Return the project that contains `start`. Raise `UsageError`."""
        for folder in (start, *start.parents):
            if (folder / "template.yaml").is_file():
                return cls(folder)
        raise UsageError(f"there is no template.yaml in {start} or above it")

    def template(self, *, built: bool) -> Path:
        """Return the path of the template. Raise `UsageError` if it is not built."""
        if not built:
            return self.root / "template.yaml"
        path = self.root / ".aws-sam" / "build" / "template.yaml"
        if not path.is_file():
            raise UsageError(f"nothing is built ({path} is missing): run `make build` first")
        return path

    def running(self, port: int | None = None) -> RunningStack | None:
        """Return the project's stack that accepts connections: that of a port, or the only one. Of several, it is the
        one on the default port. Raise `UsageError` if none of several is on the default port."""
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
        """Remove the files that this process wrote. Another stack may have replaced that of a port."""
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
