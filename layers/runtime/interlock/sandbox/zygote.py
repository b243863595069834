"""The zygote: a small, single-threaded process that forks workers, keeps track of what descends from them, and ends it.

Its commands come over a Unix socket, one JSON line each, answered by one line, in turn. It reaps a worker only when it
ends it, so that the worker's process id stays its own as long as the supervisor may use it.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from interlock.sandbox.processes import (
    adopt_orphans,
    alive,
    children,
    descendants,
    die_with_parent,
    send,
    send_to_group,
)

COMMAND_BYTES = 4096
SPAWN_DESCRIPTORS = 4
END_PAUSE_S = 0.001
SWEEP_LIMIT_S = 10.0


class Zygote:
    """Serves the supervisor's commands until it goes away."""

    def __init__(self, control: socket.socket, worker: Callable[[list[int]], NoReturn]) -> None:
        self._control = control
        self._worker = worker
        self._workers: set[int] = set()

    def serve(self) -> None:
        while True:
            message, descriptors, _, _ = socket.recv_fds(self._control, COMMAND_BYTES, SPAWN_DESCRIPTORS)
            if not message:
                break
            command = json.loads(message)
            answer: dict[str, int | None]
            match command["do"]:
                case "spawn":
                    answer = {"pid": self._spawn(descriptors)}
                case "sweep":
                    answer = {"swept": self._sweep(command["pid"])}
                case _:
                    answer = {"status": self._end(command["pid"])}
            self._control.sendall(json.dumps(answer).encode() + b"\n")
        # The supervisor is gone, however it ended: nothing of ours stays behind.
        for pid in list(self._workers):
            self._end(pid)

    def _spawn(self, descriptors: list[int]) -> int:
        pid = os.fork()
        if pid == 0:
            self._control.close()
            self._worker(descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._workers.add(pid)
        return pid

    def _sweep(self, worker: int) -> int:
        """Ends whatever a run has started and left behind; returns how many processes that were.

        Descendants of the worker are found below it, those whose parent has ended below us.
        """
        ended: set[int] = set()
        until = time.monotonic() + SWEEP_LIMIT_S
        while left := self._strays(worker):
            # First all of them are stopped: what is stopped does not fork while we go through them.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in left:
                    send(pid, number)
            ended |= left
            self._reap_strays()
            if time.monotonic() > until:
                break
            time.sleep(END_PAUSE_S)
        self._reap_strays()
        return len(ended)

    def _strays(self, worker: int) -> set[int]:
        own = children(os.getpid()) - self._workers
        found = own | descendants(worker)
        for pid in own:
            found |= descendants(pid)
        return alive(found)

    def _reap_strays(self) -> None:
        for pid in children(os.getpid()) - self._workers:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def _end(self, pid: int) -> int | None:
        """Kills a worker with all that descends from it; returns its wait status when all of it is gone."""
        if pid not in self._workers:
            return None
        # What it has started is ended first, while it can still be told whose it is.
        send(pid, signal.SIGSTOP)
        strays = descendants(pid)
        send_to_group(pid, signal.SIGKILL)
        send(pid, signal.SIGKILL)
        for stray in strays:
            send(stray, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._workers.discard(pid)
        self._sweep(pid)
        return status


def main(arguments: Sequence[str]) -> None:
    """`arguments`: the control socket's descriptor, the target, and the modules to import before any fork."""
    control = socket.socket(fileno=int(arguments[0]))
    target, preload = arguments[1], arguments[2:]
    adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, whose end ends us
    for module in preload:
        # What cannot be imported here will say so in the worker, where somebody listens.
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()
    parent = os.getpid()

    def worker(descriptors: list[int]) -> NoReturn:
        die_with_parent()
        if os.getppid() != parent:
            os._exit(0)
        from interlock.sandbox import child  # noqa: PLC0415 - the zygote itself has no use for it

        child.main(descriptors, target)

    Zygote(control, worker).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
