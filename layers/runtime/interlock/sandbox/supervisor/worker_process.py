"""The supervisor's view of a worker process."""

import contextlib
import fcntl
import os
import signal
import tempfile
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from interlock.sandbox.supervisor.commands import Commands
from interlock.sandbox.supervisor.folders import WorkerFolder
from interlock.sandbox.wire.processes import ChildList, ProcFile
from interlock.sandbox.wire.protocol import SLOT_BYTES

_PIPE_BYTES = 1 << 20
"""The largest pipe capacity that an unprivileged process may set. The default of 64 KiB needs 16 times as many
switches."""


class Code(Struct, frozen=True):
    """The code that a worker process loads before its first request.

    The loader receives `request`. `network`: whether the processes may open connections. `fork_safe=False`: each worker
    process loads the code itself.
    """

    request: bytes = b""
    network: bool = False
    fork_safe: bool = True

    def __repr__(self) -> str:
        """Leave out the request, which may contain secrets."""
        return f"Code(network={self.network}, fork_safe={self.fork_safe})"


class WorkerKey(NamedTuple):
    """The key of a warm worker process: its code, and the only tenant whose requests it gets."""

    code: Code
    tenant: str


class ProcFiles:
    """The files of /proc about a worker process that are read between its runs."""

    def __init__(self, pid: int) -> None:
        with contextlib.ExitStack() as files:
            self.status, self.memory, self.timers = (
                files.enter_context(contextlib.closing(ProcFile(pid, name))) for name in ("status", "statm", "timers")
            )
            self.children = files.enter_context(contextlib.closing(ChildList(pid)))
            self._files = files.pop_all()

    def close(self) -> None:
        self._files.close()


class WorkerProcess(Struct, eq=False):
    """A worker process, with the supervisor's ends of its pipes, its slot for progress and its directory.

    `proc` are its files in /proc. `exited` is a descriptor that becomes readable when the process ends. `threads` is
    the number of threads that it may have between its runs. `stopped` is set while the process is idle: the context
    switches of its threads, by thread id. `forks` has the commands of a template, from which worker processes are
    forked.
    """

    pid: int
    requests: int
    answers: int
    progress: int
    stdout: int
    stderr: int
    exited: int
    proc: ProcFiles
    folder: WorkerFolder
    threads: int = 1
    stopped: dict[int, int] | None = None
    forks: Commands | None = None

    @property
    def end_descriptor(self) -> int:
        """The descriptor that becomes readable while the worker process is idle only if the process has ended."""
        return self.exited if self.exited >= 0 else self.answers

    def signal(self, number: int) -> None:
        """Send a signal to this process, if it still exists."""
        with contextlib.suppress(ProcessLookupError):
            if self.exited >= 0:
                signal.pidfd_send_signal(self.exited, number)
            else:
                os.kill(self.pid, number)

    def resume(self) -> None:
        """Continue the process if it was stopped, by the supervisor or by any other process."""
        self.stopped = None
        self.signal(signal.SIGCONT)

    def serve_itself(self) -> None:
        """Let a process that has loaded its code serve requests, instead of forking processes that do."""
        if self.forks is not None:
            self.forks.close()
            self.forks = None

    def close(self) -> None:
        """Close the descriptors and remove the directory. The process must have ended."""
        self.serve_itself()
        self.proc.close()
        self.folder.remove()
        for descriptor in (self.requests, self.answers, self.progress, self.stdout, self.stderr, self.exited):
            if descriptor >= 0:
                os.close(descriptor)


def new_worker(folder: WorkerFolder, fork: Callable[[list[int]], int]) -> WorkerProcess:
    """Create a worker process. `fork` gets the other ends of its pipes and its slot, and returns its process id.

    Raises the exceptions of `fork`, and OSError. The directory is then removed.
    """
    with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
        ours.callback(folder.remove)
        requests_theirs, requests = _pipe(theirs, ours)
        answers, answers_theirs = _pipe(ours, theirs)
        stdout, stdout_theirs = _pipe(ours, theirs)
        stderr, stderr_theirs = _pipe(ours, theirs)
        progress = _slot()
        ours.callback(os.close, progress)
        pid = fork([requests_theirs, answers_theirs, progress, stdout_theirs, stderr_theirs])
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
    return WorkerProcess(pid, requests, answers, progress, stdout, stderr, exited, proc, folder)


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
