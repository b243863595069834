"""The supervisor's view of the zygote, and of the templates from which it forks worker processes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct

from interlock.sandbox.supervisor.commands import Commands, NoAnswer
from interlock.sandbox.supervisor.folders import RunFolders
from interlock.sandbox.supervisor.worker_process import WorkerProcess, new_worker
from interlock.sandbox.wire.processes import ChildList

INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
"""Environment variables that worker processes inherit. They reveal no accounts, tables or keys."""

_END_LIMIT_S = 15.0

_BOOT = """
import json, sys
sys.path[:], sys.prefix, sys.exec_prefix = json.loads(sys.argv.pop(1))
from interlock.sandbox.worker.zygote import main
main(sys.argv[1:])
"""


class ZygoteGone(Exception):
    """The zygote has ended or does not answer, because some process killed or stopped it."""


class TemplateGone(Exception):
    """A template has ended, does not answer, or reports an id that is not that of a new worker process."""


class Settings(Struct, frozen=True):
    """The settings of a sandbox: target and loader, modules to import ahead, environment, ports that no process may
    connect to, and folders that all processes may write to."""

    targets: Sequence[str]
    preload: Sequence[str]
    env: Mapping[str, str]
    closed_ports: Sequence[int]
    writable: Sequence[str]


class ZygoteProcess:
    """The zygote, started by exec. It inherits only its socket, and an environment that is written for it.

    `folders` are the directories of the worker processes. The zygote removes them if this process ends first. `workers`
    are the ids of all worker processes and templates.
    """

    running: ClassVar[set[int]] = set()
    """The process ids of all zygotes of this process, which may have several sandboxes."""

    def __init__(self, settings: Settings) -> None:
        self._closed_ports = settings.closed_ports
        with contextlib.ExitStack() as undo:
            self.folders = RunFolders()
            undo.callback(self.folders.remove)
            control, theirs = socket.socketpair()
            undo.callback(control.close)
            with theirs:
                arguments = [*settings.targets, json.dumps(settings.writable), *settings.preload]
                self._process = self._start(theirs, arguments, settings.env)
            self.pid = self._process.pid
            undo.callback(self._process.wait)
            undo.callback(self._process.kill)
            self._commands = Commands(control, lambda: self._process.send_signal(signal.SIGCONT))
            self._children = ChildList(self.pid)
            undo.pop_all()
        self.workers: set[int] = set()
        self.running.add(self.pid)

    def _start(self, theirs: socket.socket, arguments: list[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        # The import path, and where packages find their data: the values that the `site` module would compute.
        paths = [os.path.abspath(path) for path in sys.path]  # "" is the current folder, not the zygote's
        places = json.dumps([paths, sys.prefix, sys.exec_prefix])
        boot = [sys.executable, "-I", "-S", "-c", _BOOT, places]
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*boot, str(theirs.fileno()), self.folders.root, *arguments],
            env={name: os.environ[name] for name in INHERITED if name in os.environ} | dict(env),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def fileno(self) -> int:
        """Return a descriptor that becomes readable between commands only if the zygote has ended."""
        return self._commands.fileno()

    def spawn(self, *, network: bool) -> WorkerProcess:
        """Fork a process that loads code. Then it serves requests or is a template. Raise `ZygoteGone` and OSError."""
        folder = self.folders.create()
        ours, theirs = socket.socketpair()
        command = {"do": "spawn", "folder": folder.path, "closed_ports": self._closed_ports if network else None}

        def fork(given: list[int]) -> int:
            answer = self._ask(command, [*given, theirs.fileno()])
            if "errno" in answer:
                raise OSError(answer["errno"], "the zygote cannot fork")
            return int(answer["pid"])

        with contextlib.ExitStack() as undo:
            undo.callback(ours.close)
            with theirs:
                worker = new_worker(folder, fork)
            worker.forks = Commands(ours, worker.resume)
            undo.pop_all()
        self.workers.add(worker.pid)
        return worker

    def fork(self, template: WorkerProcess) -> WorkerProcess:
        """Fork a worker process from a template. The worker process is the zygote's child. Raise `TemplateGone`."""
        commands = template.forks
        folder = self.folders.create()

        def fork(given: list[int]) -> int:
            if commands is None:
                raise TemplateGone
            try:
                pid = commands.ask({"folder": folder.path}, given).get("pid")
            except NoAnswer as error:
                raise TemplateGone from error
            # The template runs untrusted code. Its answer must not make this process end any other process.
            if not isinstance(pid, int) or pid in self.workers or pid not in self._children.read():
                raise TemplateGone
            return pid

        worker = new_worker(folder, fork)
        worker.threads = template.threads
        self.workers.add(worker.pid)
        return worker

    def has_strays(self) -> bool:
        """Return whether the zygote has children that are not worker processes: a run left them behind."""
        return bool(self._children.read() - self.workers)

    def sweep(self) -> int:
        """End processes that a run left behind. Return their number. Raise `ZygoteGone`."""
        return int(self._ask({"do": "sweep", "keep": list(self.workers)})["swept"])

    def end(self, worker: WorkerProcess) -> int:
        """End a worker process and its descendants. Return its wait status. Raise `ZygoteGone`."""
        self.workers.discard(worker.pid)
        return int(self._ask({"do": "end", "pid": worker.pid, "keep": list(self.workers)})["status"])

    def close(self) -> None:
        """Close the socket. The zygote then ends its worker processes and itself."""
        self._process.send_signal(signal.SIGCONT)
        self._commands.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_LIMIT_S)
        self.kill()

    def kill(self) -> None:
        """End the zygote at once. Its descendants become children of this process."""
        self._commands.close()
        self._children.close()
        self._process.kill()
        self._process.wait()
        self.running.discard(self.pid)

    def _ask(self, command: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        try:
            return self._commands.ask(command, descriptors)
        except NoAnswer as error:
            raise ZygoteGone from error
