"""Fixtures of the in-memory world, for the `conftest.py` of each folder that uses them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from interlock.domain.manifest import PluginManifest
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.world import World

__all__ = ["world", "world_of"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with the plugin `echo` (tools `say` and `shout`) and a broken plugin."""
    return World(tmp_path, a_plugin("echo", a_tool("say"), a_tool("shout", timeout_s=100.0)), a_broken_plugin())


@pytest.fixture
def world_of(tmp_path: Path) -> Callable[..., World]:
    """Return a function that creates a world with the given plugins."""

    def make(*plugins: PluginManifest) -> World:
        return World(tmp_path, *plugins)

    return make
