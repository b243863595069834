"""Stacks under test, the folders in which they are started, and commands that call them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from interlock_dev.stack.client import Client

ROOT = Path(__file__).parents[2]
EDITED = "edited"
"""The folder in a stack's project with plugins that tests change while it runs."""

SECRET = "s3cr3t-of-the-test"
"""The setting `api_key` of the plugin `weather`."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that serves a project."""

    project: Path
    client: Client
    log: Path

    @property
    def published(self) -> dict[str, Any]:
        """Return the content of the stack's file."""
        document: dict[str, Any] = json.loads(self.state.read_text())
        return document

    @property
    def state(self) -> Path:
        """The file with the stack's addresses and keys."""
        return self.project / ".interlock" / f"dev-{urlsplit(self.client.url).port}.json"


def link_project(folder: Path) -> Path:
    """Link the repository's project into a folder with a separate `.interlock`."""
    for name in ("template.yaml", "functions", "layers"):
        (folder / name).symlink_to(ROOT / name)
    return folder
