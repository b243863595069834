"""A template: a process that has loaded code, never sees a request, and forks worker processes on command.

A forked process has everything that the template has loaded, and shares each page of memory with it until either of
them writes to the page. Between commands, the supervisor stops the template (SIGSTOP).
"""

import ctypes
import gc
import json
import os
import socket
from collections.abc import Callable

from msgspec import Struct

from interlock.sandbox.wire.processes import die_with_parent

FORKS = 6
"""The descriptor of the socket for commands to a template."""

_COMMAND_BYTES = 4096
_WORKER_DESCRIPTORS = 5
_PID_BYTES = 4

_fork_plainly: Callable[[], int] = getattr(ctypes.PyDLL(None), "_Fork", os.fork)
"""A fork that skips the handlers of Python and of libraries (glibc 2.34), for a process that only forks again."""

_loads = json.loads  # bound now, because code may replace the module's attributes


class Fork(Struct, frozen=True):
    """A worker process that was forked from a template: its descriptors, its directory, and the template's id."""

    descriptors: list[int]
    folder: str
    template: int


def serve_forks() -> Fork | None:
    """Fork a worker process for each command. Return a `Fork` in each worker process, and None in this process when the
    supervisor closes the socket."""
    gc.freeze()  # a collection in a forked process would copy all pages
    template, zygote = os.getpid(), os.getppid()
    with socket.socket(fileno=FORKS) as commands:
        while True:
            message, descriptors, _, _ = socket.recv_fds(commands, _COMMAND_BYTES, _WORKER_DESCRIPTORS)
            if not message:
                return None
            pid = _fork_below(zygote)
            if pid == 0:
                return Fork(descriptors, _loads(message)["folder"], template)
            for descriptor in descriptors:
                os.close(descriptor)
            commands.sendall(b'{"pid": %d}\n' % pid)


def _fork_below(zygote: int) -> int:
    """Fork a process that becomes a child of the zygote: it is forked by an intermediate process, which ends. Return
    its process id, and 0 in the forked process."""
    read, write = os.pipe()
    between = _fork_plainly()
    if between == 0:
        between = os.getpid()
        os.setsid()  # otherwise a signal for the group of a new worker process would reach the template
        pid = os.fork()
        if pid == 0:
            os.close(read)
            os.close(write)
            _wait_for_adoption(between, zygote)
            return 0
        os.write(write, pid.to_bytes(_PID_BYTES))
        os._exit(0)
    os.close(write)
    try:
        written = os.read(read, _PID_BYTES)
    finally:
        os.close(read)
        os.waitpid(between, 0)
    if len(written) < _PID_BYTES:
        raise ChildProcessError("the process in between could not fork")
    return int.from_bytes(written)


def _wait_for_adoption(between: int, zygote: int) -> None:
    while os.getppid() == between:
        os.sched_yield()
    die_with_parent()
    if os.getppid() != zygote:
        os._exit(0)
