"""The network of worker processes: for tools that declare it, and never to the closed ports."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.sandbox.attempts import outcomes_of
from tests.process.sandbox.harness import Harness


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def connects(port: int) -> str:
    return f"socket.create_connection(('127.0.0.1', {port}), 5).close()"


def test_connections_are_for_tools_that_declare_them(harness: Harness, server: int) -> None:
    attempt = {"connection": connects(server)}

    assert outcomes_of(harness, attempt) == {"connection": "EPERM"}
    assert outcomes_of(harness, attempt, network=True) == {"connection": "done"}
    assert outcomes_of(harness, attempt) == {"connection": "EPERM"}


def test_a_key_has_a_process_for_either_kind_of_tool(harness: Harness) -> None:
    def pid(*, network: bool) -> str:
        return harness.result("import os\nresult = os.getpid()", network=network)

    without, with_network = pid(network=False), pid(network=True)

    assert without != with_network
    assert (pid(network=False), pid(network=True)) == (without, with_network)


@pytest.fixture
def closing(server: int) -> Iterator[Harness]:
    """A sandbox that closes the server's port to all worker processes."""
    harness = Harness.new(closed_ports=[server])
    yield harness
    harness.sandbox.close()


WAYS_TO_CONNECT = {
    "connection": "socket.create_connection(('127.0.0.1', {port}), 5).close()",
    "by an address of IPv6": "socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', {port}))",
    "many paths": "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).connect(('127.0.0.1', {port}))",
    "first packet": "socket.socket().sendto(b'x', socket.MSG_FASTOPEN, ('127.0.0.1', {port}))",
    "first message": "socket.socket().sendmsg([b'x'], [], socket.MSG_FASTOPEN, ('127.0.0.1', {port}))",
}


def test_a_closed_port_is_closed_to_tools_with_the_network_as_well(closing: Harness, server: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        attempts = {name: code.format(port=server) for name, code in WAYS_TO_CONNECT.items()}
        needed = {"connection": connects(port), "server": "socket.create_server(('127.0.0.1', 0))"}

        refused = outcomes_of(closing, attempts, network=True)
        allowed = outcomes_of(closing, needed, network=True)

    assert set(refused.values()) <= {"EACCES", "EPERM"}, refused
    assert set(allowed.values()) == {"done"}


DESCRIPTORS = """
import os
paths = [f"/proc/self/fd/{number}" for number in range(100)]
result = [os.readlink(path) for path in paths if os.path.lexists(path)]
"""


@pytest.mark.parametrize("network", [False, True])
def test_no_descriptor_of_a_ruleset_reaches_a_plugin(closing: Harness, network: bool) -> None:
    closing.result("result = 1", network=True)  # from now on the zygote has both

    links = closing.result(DESCRIPTORS, network=network, key="another")

    assert "landlock" in str([path.readlink() for path in Path(f"/proc/{closing.zygote.pid}/fd").iterdir()])
    assert "memfd" in links
    assert "landlock" not in links
    assert "socket" not in links
