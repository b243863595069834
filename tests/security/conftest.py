"""The functions on a world in memory, and what each answer has to be."""

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket

from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.world import World


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One for all examples of a module: what one leaves must not help the next."""
    anything = {"type": "object"}
    tools = (a_tool("say"), a_tool("take", input_schema=anything, output_schema=anything))
    return World(tmp_path_factory.mktemp("world"), a_plugin("echo", *tools), a_broken_plugin())
