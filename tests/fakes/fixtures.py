"""The fixtures of tests that run in memory. (A `conftest.py` imports those that its tests use.)"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

from interlock.domain.manifest import PluginManifest
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.world import World

__all__ = ["no_network", "world", "world_of"]


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Pure tests have no network. (Pipes and Unix sockets are not one.)"""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """All functions on a world in memory: plugin `echo` with the tools `say` and `shout`, and one that is broken."""
    return World(tmp_path, a_plugin("echo", a_tool("say"), a_tool("shout", timeout_s=100.0)), a_broken_plugin())


@pytest.fixture
def world_of(tmp_path: Path) -> Callable[..., World]:
    """Makes a world with other plugins."""

    def make(*plugins: PluginManifest) -> World:
        return World(tmp_path, *plugins)

    return make
