"""Start and end the processes of execution environments without leaving any behind. Linux only."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from interlock.sandbox.wire.processes import adopt_orphans, children, descendants

_GUARD = str(Path(__file__).with_name("guard.py"))

_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner", initializer=adopt_orphans)
"""The kernel sends the parent-death signal when the *thread* that started a process ends. This one never ends."""

_PORTS = itertools.cycle(range(20000, 60000))

_LISTENING = "0A"
"""TCP_LISTEN in /proc/net/tcp."""

_spawned: set[int] = set()
_spawned_lock = threading.Lock()


def loopback_address() -> str:
    """Return a loopback address that is derived from this process's id (127.0.0.0/8 is loopback on Linux).

    It prevents conflicts over the emulators' ports with other stacks and outgoing connections.
    """
    pid = os.getpid()
    return f"127.{pid >> 16 & 0xFF}.{pid >> 8 & 0xFF}.{pid & 0xFF}"


def next_port() -> int:
    """Return a port on `loopback_address()` that was not returned recently."""
    return next(_PORTS)


def guarded(command: Sequence[str]) -> list[str]:
    """Return a command line whose process ends with the thread that starts it, so at the latest with this process."""
    return [sys.executable, "-I", "-S", _GUARD, str(os.getpid()), *command]


def spawn(command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """Start a process in a new session, so that Ctrl-C in the terminal does not reach it. It logs to standard error."""
    return _SPAWNER.submit(_spawn, command, env, cwd).result()


def _spawn(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    with _spawned_lock:
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=2, stderr=2, start_new_session=True
        )
        _spawned.add(process.pid)
    return process


def end_tree(process: subprocess.Popen[Any], wait_s: float = 5.0) -> None:
    """Kill a process and its descendants, and return when all are gone."""
    with _spawned_lock:
        doomed = {*descendants(process.pid), *_adopted()}
    with _Handles(doomed) as below:
        # Descendants first: a runtime logs an error when its emulator vanishes.
        below.kill()
        process.kill()
        process.wait()
        below.bury(wait_s)
    with _spawned_lock:
        _spawned.discard(process.pid)


def _adopted() -> set[int]:
    """Return orphans of an environment: children in other sessions that this process did not start. The emulator leaves
    them when it ends a runtime after a timeout."""
    return {pid for pid in children(os.getpid()) - _spawned if _session(pid) not in {None, os.getsid(0)}}


def _session(pid: int) -> int | None:
    with contextlib.suppress(ProcessLookupError):
        return os.getsid(pid)
    return None


class _Handles:
    """Pidfds of processes: unlike process ids, they are not reused."""

    def __init__(self, pids: set[int]) -> None:
        self._handles: list[int] = []
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                self._handles.append(os.pidfd_open(pid))

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            os.close(handle)

    def kill(self) -> None:
        for handle in self._handles:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)

    def bury(self, wait_s: float) -> None:
        """Wait until all have ended, and reap those that are children of this process."""
        poll = select.poll()
        for handle in self._handles:
            poll.register(handle, select.POLLIN)
        until, left = time.monotonic() + wait_s, len(self._handles)
        while left and (remaining_s := until - time.monotonic()) > 0:
            for handle, _ in poll.poll(remaining_s * 1000):
                poll.unregister(handle)
                left -= 1
        for handle in self._handles:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOHANG)


def listens(pid: int, address: str, port: int) -> bool:
    """Return whether the process `pid` itself listens on an IPv4 address and port."""
    # Looking for the owner of a port takes a hundred times as long as being refused.
    with socket.socket() as attempt:
        if attempt.connect_ex((address, port)) != 0:
            return False
    place = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    inodes = {f"socket:[{line[9]}]" for line in lines if line[1] == place and line[3] == _LISTENING}
    if not inodes:
        return False
    links = set()
    for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
        # A descriptor, and the process, may be gone by now.
        with contextlib.suppress(OSError):
            links.add(str(descriptor.readlink()))
    return bool(links & inodes)
