"""The zygote: a small, single-threaded process that forks worker processes, keeps track of their descendants, and ends
them.

Commands arrive over a Unix socket, one JSON line each, and are answered in order by one line. A worker process is
reaped only when it is ended, so that its process id stays valid for as long as the supervisor may use it. Worker
processes that templates fork become children of the zygote as well.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Collection, Sequence
from typing import NoReturn

from interlock.sandbox.wire.processes import (
    adopt_orphans,
    children,
    die_with_parent,
    end_child,
    end_children,
    forbid_new_privileges,
    hide_memory,
    keep_freed_memory,
)
from interlock.sandbox.wire.removal import remove_tree
from interlock.sandbox.worker import child
from interlock.sandbox.worker.confinement import Confinement

COMMAND_BYTES = 4096
SPAWN_DESCRIPTORS = 6


class Zygote:
    """Serves the supervisor's commands until the supervisor ends."""

    def __init__(
        self, control: socket.socket, confinement: Confinement, worker: Callable[[list[int], str], NoReturn]
    ) -> None:
        self._control = control
        self._confinement = confinement
        self._worker = worker

    def serve(self) -> None:
        while True:
            message, descriptors, _, _ = socket.recv_fds(self._control, COMMAND_BYTES, SPAWN_DESCRIPTORS)
            if not message:
                break
            command = json.loads(message)
            answer: dict[str, int]
            match command["do"]:
                case "spawn":
                    answer = self._spawn(descriptors, command["folder"], command["closed_ports"])
                case "sweep":
                    answer = {"swept": len(_end_children_except(command["keep"]))}
                case _:
                    answer = {"status": _end(command["pid"], command["keep"])}
            self._control.sendall(json.dumps(answer).encode() + b"\n")
        # The supervisor has ended: leave nothing behind.
        _end_children_except(())

    def _spawn(self, descriptors: list[int], folder: str, closed_ports: list[int] | None) -> dict[str, int]:
        self._confinement.prepare(closed_ports)
        answer = {}
        try:
            answer["pid"] = pid = os.fork()
        except OSError as error:  # the user's process limit is reached, or memory is short
            answer["errno"], pid = error.errno or 0, -1
        if pid == 0:
            try:
                self._control.close()
                self._confinement.apply(network=closed_ports is not None)
                self._worker(descriptors, folder)
            finally:
                os._exit(child.EXIT_ESCAPED)
        for descriptor in descriptors:
            os.close(descriptor)
        return answer


def _end(pid: int, keep: Collection[int]) -> int:
    """Kill a worker process and its descendants. Return its wait status when all of them have ended."""
    ended = _end_children_except(keep)
    return ended[pid] if pid in ended else end_child(pid)


def _end_children_except(keep: Collection[int]) -> dict[int, int]:
    """End all children but these worker processes. Processes that a run left behind become children of the zygote."""
    return end_children(lambda: children(os.getpid()).difference(keep))


def main(arguments: Sequence[str]) -> None:
    """Run the zygote. `arguments` are the descriptor of the control socket, the directory to remove at the end, target
    and loader, folders that all may write to (JSON), and the modules to import before forking."""
    control = socket.socket(fileno=int(arguments[0]))
    root, target, loader, writable, *preload = arguments[1:]
    adopt_orphans()
    hide_memory()
    keep_freed_memory()
    forbid_new_privileges()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the supervisor, whose end ends this process
    for module in preload:
        _preload(module)
    confinement = Confinement(json.loads(writable))
    gc.collect()
    gc.freeze()
    parent = os.getpid()

    def worker(descriptors: list[int], folder: str) -> NoReturn:
        die_with_parent()
        if os.getppid() != parent:
            os._exit(0)
        child.main(descriptors, folder, target=target, loader=loader, confinement=confinement)

    Zygote(control, confinement, worker).serve()
    remove_tree(root)


def _preload(module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:  # interlock: allow ILK004 - the worker imports it again and reports the failure
        sys.stderr.write(f"{module} could not be imported ahead: {type(error).__name__}\n")
