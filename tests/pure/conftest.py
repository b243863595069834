"""Pure tests start no process and open no socket: an audit hook and pytest-socket refuse them."""

import sys
from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket

from tests import examples
from tests.fakes.fixtures import world, world_of

# Mutation testing loads this file but not tests/conftest.py, so this file imports `examples` as well.
__all__ = ["examples", "no_network", "no_processes", "world", "world_of"]

STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
_pure = False


def _refuse(event: str, _: tuple[object, ...]) -> None:
    if _pure and event in STARTS:
        raise RuntimeError(f"a pure test may not start a process ({event})")


sys.addaudithook(_refuse)


@pytest.fixture(autouse=True)
def no_processes() -> Iterator[None]:
    global _pure  # noqa: PLW0603 - an audit hook cannot be removed
    _pure = True
    yield
    _pure = False


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Refuse all sockets except Unix sockets, which are local."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
