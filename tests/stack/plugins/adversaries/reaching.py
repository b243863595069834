"""Access other parts of the system: the Lambda Runtime API, the local stack's AWS, other processes."""

import http.client
import os
import re
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from interlock.plugin import ToolContext

from .adversary import ENOUGH_S, Adversary, Asked, Said, tool

_RUNTIME_API = re.compile(rb"--runtime-api-address\0([\d.]+:\d+)")
LIMIT_S = 5
IPPROTO_MPTCP = 262


def _command_lines() -> Iterator[tuple[int, bytes]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), (folder / "cmdline").read_bytes()
        except OSError:
            continue


def _ask(address: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=LIMIT_S)
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    return connection.getresponse().read().decode()


def _connect(address: str) -> str:
    socket.create_connection(_place(address), LIMIT_S).close()
    return "connected"


def _connect_by_many_paths(address: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP) as one:
        one.connect(_place(address))
    return "connected"


def _connect_while_sending(address: str) -> str:
    with socket.socket() as one:
        one.sendto(b"GET / HTTP/1.0\r\n\r\n", socket.MSG_FASTOPEN, _place(address))
    return "connected"


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _runtime_apis() -> list[str]:
    """Return the addresses of the emulators above this process."""
    above, pid = set(), os.getpid()
    while pid:
        above.add(pid)
        pid = _parent_of(pid)
    found = (match for pid, line in _command_lines() if pid in above for match in _RUNTIME_API.findall(line))
    return [address.decode() for address in found]


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


CONNECTIONS: dict[str, Callable[[str], str]] = {
    "asks": _ask,
    "connects": _connect,
    "connects by many paths": _connect_by_many_paths,
    "connects while sending": _connect_while_sending,
}

ATTEMPTS: dict[str, Callable[[int], object]] = {
    "environ": lambda pid: Path(f"/proc/{pid}/environ").read_bytes(),
    "mem": lambda pid: Path(f"/proc/{pid}/mem").open("rb").close(),
    "maps": lambda pid: Path(f"/proc/{pid}/maps").read_bytes(),
    "descriptors": lambda pid: Path(f"/proc/{pid}/fd/0").readlink(),
    "signal": lambda pid: os.kill(pid, 0),
    "limits": lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE),
    "affinity": lambda pid: os.sched_setaffinity(pid, os.sched_getaffinity(pid)),
    "niceness": lambda pid: os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid)),
}


def _connections(way: str, address: str) -> Said:
    """Return the response or the class of the error, by address."""
    said: dict[str, object] = {}
    for one in [address] if address else _runtime_apis():
        try:
            said[one] = CONNECTIONS[way](one)
        except OSError as error:
            said[one] = type(error).__name__
    return Said(facts=said)


class Reaching(Adversary):
    name, title = "reaching", "Reaches out"

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def connects(self, input: Asked, context: ToolContext) -> Said:
        """Connect in the way `way` to the address `path`, by default to the Runtime API."""
        return _connections(input.way, input.path)

    @tool(timeout_s=ENOUGH_S, memory_mb=256, network=True)
    def connects_with_the_network(self, input: Asked, context: ToolContext) -> Said:
        return _connections(input.way, input.path)

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def opens_a_socket(self, input: Asked, context: ToolContext) -> Said:
        socket.socket()
        return Said()

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def touches_processes(self, input: Asked, context: ToolContext) -> Said:
        """Return the names of the attempts that succeeded, by process id."""
        done: dict[str, object] = {}
        for pid in map(int, input.path.split()):
            done[str(pid)] = [name for name, attempt in ATTEMPTS.items() if _succeeds(attempt, pid)]
        return Said(facts=done)


def _succeeds(attempt: Callable[[int], object], pid: int) -> bool:
    try:
        attempt(pid)
    except PermissionError:
        return False
    return True
