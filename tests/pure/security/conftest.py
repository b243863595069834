"""An in-memory world that all examples of a module share, so that effects of earlier examples would show."""

import pytest

from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    anything = {"type": "object"}
    tools = (a_tool("say"), a_tool("take", input_schema=anything, output_schema=anything))
    return World(tmp_path_factory.mktemp("world"), a_plugin("echo", *tools), a_broken_plugin())
