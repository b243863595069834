"""One local stack for the tests that call it over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock_dev.local_client import Client, local_stack

ROOT = Path(__file__).parents[2]
PLUGINS = Path(__file__).parent / "plugins"
ADDED = ("hostile.py", "talkative.py")


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a local stack to which plugins were added."""
    log = tmp_path_factory.mktemp("stack") / "stack.log"
    options = [option for name in ADDED for option in ("--plugin", str(PLUGINS / name))]
    with local_stack(ROOT, log, *options) as (client, _):
        yield client
