"""The supervisor's view of the zygote."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from interlock.sandbox.supervisor.folders import RunFolders
from interlock.sandbox.supervisor.worker_process import ProcFiles, WorkerKey, WorkerProcess
from interlock.sandbox.wire.processes import ChildList
from interlock.sandbox.wire.protocol import SLOT_BYTES

INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
"""Environment variables that worker processes inherit. They reveal no accounts, tables or keys."""

ANSWER_LIMIT_S = 20.0
"""Maximum time in seconds for an answer of the zygote, including its start."""

_END_LIMIT_S = 15.0
_PIPE_BYTES = 1 << 20
"""The largest pipe capacity that an unprivileged process may set. The default of 64 KiB needs 16 times as many
switches."""

_BOOT = """
import json, sys
sys.path[:], sys.prefix, sys.exec_prefix = json.loads(sys.argv.pop(1))
from interlock.sandbox.worker.zygote import main
main(sys.argv[1:])
"""


class ZygoteGone(Exception):
    """The zygote has ended or does not answer, because some process killed or stopped it."""


class ZygoteProcess:
    """The zygote, started by exec. It inherits only its socket, and an environment that is written for it.

    `folders` are the directories of the runs. The zygote removes them if this process ends first.
    """

    running: ClassVar[set[int]] = set()
    """The process ids of all zygotes of this process, which may have several sandboxes."""

    def __init__(
        self, target: str, preload: Sequence[str], env: Mapping[str, str], closed_ports: Sequence[int]
    ) -> None:
        self._closed_ports = closed_ports
        with contextlib.ExitStack() as undo:
            self.folders = RunFolders()
            undo.callback(self.folders.remove)
            self._control, theirs = socket.socketpair()
            undo.callback(self._control.close)
            self._control.settimeout(ANSWER_LIMIT_S)
            with theirs:
                self._process = self._start(theirs, [target, *preload], env)
            self.pid = self._process.pid
            undo.callback(self._process.wait)
            undo.callback(self._process.kill)
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
        """A descriptor that becomes readable between commands only if the zygote has ended."""
        return self._control.fileno()

    def spawn(self, key: WorkerKey) -> WorkerProcess:
        """Fork a worker process. Raises `ZygoteGone`."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            requests_theirs, requests = _pipe(theirs, ours)
            answers, answers_theirs = _pipe(ours, theirs)
            stdout, stdout_theirs = _pipe(ours, theirs)
            stderr, stderr_theirs = _pipe(ours, theirs)
            progress = _slot()
            ours.callback(os.close, progress)
            given = [requests_theirs, answers_theirs, progress, stdout_theirs, stderr_theirs]
            pid = self._ask({"do": "spawn", "closed_ports": self._closed_ports if key[1] else None}, given)["pid"]
            self.workers.add(pid)
            for descriptor in (requests, answers):
                _widen(descriptor)
            for descriptor in (requests, answers, stdout, stderr):
                os.set_blocking(descriptor, False)
            # Linux only. On other systems the end shows when the other end of the pipe closes.
            exited = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
            if exited >= 0:
                ours.callback(os.close, exited)
            proc = ProcFiles(pid)
            ours.pop_all()
        return WorkerProcess(key, pid, requests, answers, progress, stdout, stderr, exited, proc)

    def has_strays(self) -> bool:
        """Return whether the zygote has children that are not worker processes: a run left them behind."""
        return bool(self._children.read() - self.workers)

    def sweep(self) -> int:
        """End processes that a run left behind. Return their number. Raises `ZygoteGone`."""
        return int(self._ask({"do": "sweep"})["swept"])

    def end(self, worker: WorkerProcess) -> int:
        """End a worker process and its descendants. Return its wait status. Raises `ZygoteGone`."""
        self.workers.discard(worker.pid)
        return int(self._ask({"do": "end", "pid": worker.pid})["status"])

    def close(self) -> None:
        """Close the socket. The zygote then ends its worker processes and itself."""
        self._process.send_signal(signal.SIGCONT)
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_LIMIT_S)
        self.kill()

    def kill(self) -> None:
        """End the zygote at once. Its descendants become children of this process."""
        self._control.close()
        self._children.close()
        self._process.kill()
        self._process.wait()
        self.running.discard(self.pid)

    def _ask(self, command: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        self._process.send_signal(signal.SIGCONT)  # the code of a run may have stopped it
        answer = bytearray()
        try:
            socket.send_fds(self._control, [json.dumps(command).encode()], descriptors)
            while not answer.endswith(b"\n"):
                part = self._control.recv(4096)
                if not part:
                    raise ZygoteGone
                answer += part
        except OSError as error:
            raise ZygoteGone from error
        finally:
            if not answer.endswith(b"\n"):
                # A late answer would be taken for the answer to the next command.
                with contextlib.suppress(OSError):
                    self._control.shutdown(socket.SHUT_RDWR)
        document: dict[str, Any] = json.loads(answer)
        return document


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """Create a pipe. Each end is closed with the stack it belongs to."""
    read, write = os.pipe()
    reader.callback(os.close, read)
    writer.callback(os.close, write)
    return read, write


def _slot() -> int:
    """Create a small shared memory slot. It is sealed where possible, so that code cannot enlarge it."""
    try:
        slot = os.memfd_create("interlock-progress", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except (AttributeError, OSError):  # not Linux, or the host does not permit memfd
        with tempfile.TemporaryFile() as file:
            file.truncate(SLOT_BYTES)
            return os.dup(file.fileno())
    os.truncate(slot, SLOT_BYTES)
    fcntl.fcntl(slot, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return slot


def _widen(pipe: int) -> None:
    with contextlib.suppress(AttributeError, OSError):  # not Linux, or the user's limit for pipes is reached
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
