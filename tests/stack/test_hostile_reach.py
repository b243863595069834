"""A tool that accesses the Lambda Runtime API, AWS, and the processes around it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from interlock_dev.project.paths import Project
from interlock_dev.stack.client import Client
from tests.stack.outside import Family, family, parent_of

pytestmark = pytest.mark.xdist_group("hostile-reach")

type Call = Callable[..., dict[str, Any]]

WAYS = ("asks", "connects", "connects by many paths", "connects while sending")


@pytest.fixture
def aws_address(project: Path, client: Client) -> str:
    running = Project(project).running()
    assert running is not None
    return urlsplit(running.aws_endpoint_url).netloc


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tool", ["connects", "connects_with_the_network"])
def test_runtime_api_cannot_be_reached(works: Call, tool: str, way: str) -> None:
    """The Runtime API returns the current request with its caller's key, and would accept a forged response."""
    reached = works("reaching", tool, way=way)["facts"]

    assert len(reached) == 1
    assert set(reached.values()) == {"PermissionError"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tool", ["connects", "connects_with_the_network"])
def test_local_aws_cannot_be_reached(works: Call, aws_address: str, tool: str, way: str) -> None:
    assert works("reaching", tool, way=way, path=aws_address)["facts"] == {aws_address: "PermissionError"}


def test_a_tool_that_declares_the_network_has_it(works: Call, client: Client) -> None:
    front = urlsplit(client.url).netloc

    assert works("reaching", "connects_with_the_network", way="connects", path=front)["facts"] == {front: "connected"}
    assert works("reaching", "connects", way="connects", path=front)["facts"] == {front: "PermissionError"}


def test_tool_that_opens_an_undeclared_socket_fails(fails: Call) -> None:
    error = fails("reaching", "opens_a_socket", "plugin_exception")

    assert error["details"] == {"exception": "PermissionError"}


def test_a_plugins_page_shows_which_tools_have_the_network(client: Client) -> None:
    tools = client.call("GET", "/v1/plugins/reaching").body["tools"]

    assert {tool["name"] for tool in tools if tool["network"]} == {"connects_with_the_network"}


@pytest.fixture
def running_elsewhere(client: Client, tmp_path: Path) -> Iterator[Family]:
    """Return the processes of a tool that runs in another environment at the same time."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.execute, "dying", "waits", {"path": str(tmp_path / "pid")})
        try:
            yield family(tmp_path / "pid")
        finally:
            (tmp_path / "pid.end").touch()
        assert call.result().status == 200


def test_other_processes_cannot_be_reached(works: Call, running_elsewhere: Family) -> None:
    """This includes running tools, zygotes, functions, emulators, and the stack itself, even if all run as root."""
    other = running_elsewhere
    emulator = parent_of(other.runtime)
    pids = [other.worker, other.zygote, other.runtime, emulator, parent_of(emulator)]

    touched = works("reaching", "touches_processes", path=" ".join(map(str, pids)))["facts"]

    assert touched == {str(pid): [] for pid in pids}
