"""Stacks under test, and the folders in which they are started."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock_dev.stack.client import Client

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that serves a project."""

    project: Path
    client: Client
    log: Path

    @property
    def published(self) -> dict[str, Any]:
        """Return the content of `.interlock/dev.json`."""
        document: dict[str, Any] = json.loads((self.project / ".interlock" / "dev.json").read_text())
        return document


def link_project(folder: Path) -> Path:
    """Link the repository's project into a folder with a separate `.interlock`."""
    for name in ("template.yaml", "functions", "layers"):
        (folder / name).symlink_to(ROOT / name)
    return folder
