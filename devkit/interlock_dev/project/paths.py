"""The project in which the command was called, and its running stack (`.interlock/dev.json`)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.errors import UsageError

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
    def access_key(self) -> AccessKey:
        """The key that may do everything on the stack's AWS."""
        return AccessKey(self.aws_access_key_id, self.aws_secret_access_key)


class Project:
    """A folder with a template."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._state = root / ".interlock" / "dev.json"

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

    def running(self) -> RunningStack | None:
        """Return the project's stack if it accepts connections."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            stack = self._published()
            address = urlsplit(stack.aws_endpoint_url)
            with socket.create_connection((address.hostname, address.port), _CONNECT_S):
                return stack
        return None

    def _published(self) -> RunningStack:
        return RunningStack(**json.loads(self._state.read_text()))

    def publish(self, stack: RunningStack) -> None:
        """Write `.interlock/dev.json`, readable by the developer only, since it contains keys."""
        self._state.parent.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._state.parent, prefix="dev-")
        with os.fdopen(descriptor, "w") as stream:
            json.dump(asdict(stack), stream, indent=1)
        Path(name).replace(self._state)

    def withdraw(self) -> None:
        """Remove the file if this process wrote it; another stack may have replaced it."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            if self._published().pid == os.getpid():
                self._state.unlink()
