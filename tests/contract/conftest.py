"""What tools that we did not write find: the document as it is served, and the service behind it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interlock_dev.stack.client import Client, local_stack

ROOT = Path(__file__).parents[2]
SPECIMEN = Path(__file__).parent / "specimen.py"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of a local stack of its own: nobody else's jobs are in it."""
    with local_stack(ROOT, tmp_path / "stack.log", "--plugin", str(SPECIMEN)) as (client, _):
        yield client


@pytest.fixture(scope="session")
def tool() -> Callable[[str, str], str]:
    """Finds a command in the environment of a tool (`requirements/tools/NAME.in`)."""

    def find(name: str, command: str) -> str:
        path = ROOT / ".tools" / name / "bin" / command
        assert path.exists(), f"run: make .tools/{name}/.installed"
        return str(path)

    return find
