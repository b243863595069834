"""The worker process: waits for a request, calls the target, sends the answer, and waits for the next request."""

import contextlib
import importlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from interlock.sandbox.wire import processes
from interlock.sandbox.wire.processes import hide_memory, show_memory
from interlock.sandbox.wire.protocol import RunHeader, read_request
from interlock.sandbox.worker.channel import ANSWERS, PROGRESS, Channel
from interlock.sandbox.worker.forks import end_forked_processes_on_sigterm
from interlock.sandbox.worker.process_state import PER_RUN, ProcessState
from interlock.sandbox.worker.resource_limits import bound_process, bound_run

REQUESTS = 3
"""The descriptor for requests. A worker process also has `ANSWERS`, `PROGRESS` and the three standard descriptors; all
others are closed."""

NICENESS = 5
"""The niceness of a worker process. A tool that uses the whole processor must not delay heartbeats, limits or a cancel.
A higher value would starve it beside two other busy processes."""

EXIT_ESCAPED = 70
"""The exit code of a worker process whose target raised an exception (EX_SOFTWARE of sysexits.h)."""

_getpid, _kill = os.getpid, os.kill  # bound now, because code may replace the module's attributes

type Target = Callable[[bytes, Channel], bytes]


def main(descriptors: list[int], target_path: str) -> NoReturn:
    """Run the worker process. It ends when the supervisor closes the pipe, or by an action of the target."""
    code = 0
    try:
        _separate_from_zygote(descriptors)
        end_forked_processes_on_sigterm()
        module, _, name = target_path.partition(":")
        _Worker(getattr(importlib.import_module(module), name)).serve()
    except BaseException:  # interlock: allow ILK004 - the exit code reports it to the supervisor
        with contextlib.suppress(OSError, ValueError):
            sys.excepthook(*sys.exc_info())
        code = EXIT_ESCAPED
    os._exit(code)


def _separate_from_zygote(descriptors: list[int]) -> None:
    """Separate this process from the zygote: a new session and process group, six descriptors, and the first
    choice of the kernel when memory is short."""
    os.setsid()
    requests, answers, progress, stdout, stderr = (os.dup2(one, 100 + n) for n, one in enumerate(descriptors))
    null = os.open(os.devnull, os.O_RDONLY)
    ours = {0: null, 1: stdout, 2: stderr, REQUESTS: requests, ANSWERS: answers, PROGRESS: progress}
    for number, source in ours.items():
        os.dup2(source, number, inheritable=number <= 2)
    os.closerange(len(ours), os.sysconf("SC_OPEN_MAX"))
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.nice(NICENESS)
    bound_process()
    show_memory()  # otherwise root owns its files in /proc
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _lower_session_priority() -> bool:
    """Lower the priority of this process's session, because with autogroup scheduling niceness counts only within one.

    Return whether no other try is needed. Without privileges, Linux permits ten writes per second on the machine.
    """
    try:
        Path("/proc/self/autogroup").write_text(str(NICENESS))
    except BlockingIOError:
        return False
    except OSError:  # not supported here
        return True
    return True


class _Worker:
    """Serves one request after another until the supervisor closes the pipe."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._pid = os.getpid()
        self._state: ProcessState | None = None
        self._priority_lowered = _lower_session_priority()

    def serve(self) -> None:
        hide_memory()  # while idle: another plugin's worker process has the same user and may be hostile
        while (asked := read_request(REQUESTS)) is not None:
            show_memory()  # the supervisor measures how much of its memory is shared
            self._run(*asked)
            hide_memory()
            self._stop_until_continued()

    def _stop_until_continued(self) -> None:
        """Stop all threads of this process. The supervisor waits for it, and continues the process with a request."""
        if processes.LINUX:
            _kill(self._pid, signal.SIGSTOP)

    def _run(self, header: RunHeader, request: bytes) -> None:
        self._priority_lowered = self._priority_lowered or _lower_session_priority()
        bound_run(header.memory_mb, header.temp_dir)
        _enter(header.temp_dir)
        channel = Channel(header, self._record_state)
        answer = self._target(request, channel)
        channel.disarm()
        if _getpid() != self._pid:
            # The target has forked, and the child process returned here as well. No process waits for it.
            os._exit(EXIT_ESCAPED)
        clean = False
        try:
            clean = self._is_clean(header.temp_dir)
        finally:  # send the answer whatever the code has done to its process
            if not clean:
                channel.retire()
            channel.finish(answer)

    def _record_state(self) -> bool:
        """Record the state of the process when the target is ready for the first time, and return whether it is.
        Threads and modules loaded so far may stay."""
        if self._state is not None:
            return False
        self._state = ProcessState()
        return True

    def _is_clean(self, folder: str) -> bool:
        """Return whether the process is fit for another run."""
        stayed = os.getcwd() == folder
        _flush()
        _leave()
        return stayed and self._state is not None and self._state.unchanged()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed
            stream.flush()


def _enter(folder: str) -> None:
    os.chdir(folder)
    os.environ.update(dict.fromkeys(PER_RUN, folder))
    tempfile.tempdir = folder


def _leave() -> None:
    os.chdir("/")
    for name in PER_RUN:
        os.environ.pop(name, None)
    tempfile.tempdir = None
