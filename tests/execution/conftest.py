"""One local stack for the tests that call it over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock_dev.local_client import Client, local_stack

ROOT = Path(__file__).parents[2]
HOSTILE = Path(__file__).parent / "plugins" / "hostile.py"


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a local stack to which the hostile plugin was added."""
    log = tmp_path_factory.mktemp("stack") / "stack.log"
    with local_stack(ROOT, log, "--plugin", str(HOSTILE)) as (client, _):
        yield client
