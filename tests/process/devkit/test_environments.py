"""An execution environment on the Runtime Interface Emulator."""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from interlock_dev.lambda_ import environments
from interlock_dev.lambda_.environments import EmulatorEnvironment, Launch
from interlock_dev.project.processes import loopback_address, next_port


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which another server answers instead of the emulator, as a tool with network access could."""
    port = next_port()
    with socket.create_server((loopback_address(), port)) as server:
        answering = threading.Thread(target=_answer_all, args=(server,))
        answering.start()
        yield port
        server.shutdown(socket.SHUT_RDWR)
        answering.join()


def _answer_all(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull")


def test_requests_reach_the_emulator_when_its_port_was_taken(
    taken_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "function.py").write_text("def handler(event, context):\n    return 'the function'\n")
    ports = chain([taken_port], iter(next_port, None))
    monkeypatch.setattr(environments, "next_port", lambda: next(ports))
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    launch = Launch("probe", "function.handler", [sys.executable], tmp_path, variables, 10)
    environment = EmulatorEnvironment(launch, temp_root=tmp_path)

    try:
        environment.start()
        assert environment.invoke(b"{}").payload == b'"the function"'
    finally:
        environment.close()
