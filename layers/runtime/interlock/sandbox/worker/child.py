"""The worker process: loads code, waits for a request, calls the target, sends the answer, and waits for the next
request.

A process that has loaded code either becomes a template, from which worker processes are forked, or serves itself. The
supervisor decides which.
"""

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from interlock.sandbox.wire import processes
from interlock.sandbox.wire.processes import hide_memory, show_memory
from interlock.sandbox.wire.protocol import RunHeader, read_request
from interlock.sandbox.worker.channel import ANSWERS, PROGRESS, Channel
from interlock.sandbox.worker.confinement import Confinement
from interlock.sandbox.worker.forks import end_forked_processes_on_sigterm
from interlock.sandbox.worker.interpreter_state import seed_generators
from interlock.sandbox.worker.loading import load
from interlock.sandbox.worker.process_state import ProcessState
from interlock.sandbox.worker.resource_limits import bound_process, bound_processes, bound_run
from interlock.sandbox.worker.run_folder import enter, leave
from interlock.sandbox.worker.template import FORKS, serve_forks

REQUESTS = 3
"""The descriptor for requests. A worker process also has `ANSWERS`, `PROGRESS`, the three standard descriptors and,
until it serves requests, `FORKS`. All others are closed."""

NICENESS = 5
"""The niceness of a worker process. A tool that uses the whole processor must not delay heartbeats, limits or a cancel.
A higher value would starve it beside two other busy processes."""

EXIT_ESCAPED = 70
"""The exit code of a worker process whose target raised an exception (EX_SOFTWARE of sysexits.h)."""

_getpid, _kill = os.getpid, os.kill  # bound now, because code may replace the module's attributes

type Target = Callable[[bytes, Channel], bytes]


def main(descriptors: list[int], folder: str, *, target: str, loader: str, confinement: Confinement) -> NoReturn:
    """Run the worker process, whose directory is `folder`. It ends when the supervisor closes the pipe, or when the
    code ends it."""
    code = 0
    try:
        _separate(descriptors)
        os.nice(NICENESS)
        bound_process()
        end_forked_processes_on_sigterm()
        serve = _import(target)
        threads = load(REQUESTS, _import(loader) if loader else None)
        if threads is not None:
            state = ProcessState(threads)
            hide_memory()
            fork = serve_forks()
            if fork is not None:
                _take_descriptors(fork.descriptors)
                folder = fork.folder
            bound_processes()
            state.record_own()
            confinement.confine_worker(folder, template=fork.template if fork else None)
            _Worker(serve, state).serve()
    except BaseException:  # interlock: allow ILK004 - the exit code reports it to the supervisor
        with contextlib.suppress(OSError, ValueError):
            sys.excepthook(*sys.exc_info())
        code = EXIT_ESCAPED
    os._exit(code)


def _import(path: str) -> Any:
    """Return the function `module:name`."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _separate(descriptors: list[int]) -> None:
    """Separate this process from the zygote: give it its own descriptors, session and process group, and make it the
    first process that the kernel kills when memory is short. Its child processes inherit this unless they change it."""
    _take_descriptors(descriptors)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _take_descriptors(descriptors: list[int]) -> None:
    """Start a new session with these descriptors and a separate standard input, and close all others. An inherited
    standard input would share its flags and locks with all processes of the template."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    requests, answers, progress, stdout, stderr, *forks = (os.dup2(one, 100 + n) for n, one in enumerate(descriptors))
    ours = {1: stdout, 2: stderr, REQUESTS: requests, ANSWERS: answers, PROGRESS: progress}
    if forks:
        ours[FORKS] = forks[0]
    for number, source in ours.items():
        os.dup2(source, number, inheritable=number <= 2)
    os.closerange(len(ours) + 1, os.sysconf("SC_OPEN_MAX"))
    show_memory()  # otherwise root owns its files in /proc


def _lower_session_priority() -> bool:
    """Lower the priority of this process's session, because with autogroup scheduling niceness counts only within one.

    Return False if it has to be tried again: Linux permits unprivileged processes ten such writes per second in total.
    """
    try:
        descriptor = os.open("/proc/self/autogroup", os.O_WRONLY)
        try:
            os.write(descriptor, b"%d" % NICENESS)
        finally:
            os.close(descriptor)
    except BlockingIOError:
        return False
    except OSError:  # not supported here
        return True
    return True


class _Worker:
    """Serves one request after another until the supervisor closes the pipe. `state` is the state to which the process
    must return after each run."""

    def __init__(self, target: Target, state: ProcessState) -> None:
        self._target = target
        self._pid = os.getpid()
        self._priority_lowered = _lower_session_priority()
        seed_generators()
        self._state = state

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
        enter(header.temp_dir)
        channel = Channel(header)
        answer = self._target(request, channel)
        channel.disarm()
        if _getpid() != self._pid:
            # The target has forked, and the child process has returned here as well. Its answer must not be sent.
            os._exit(EXIT_ESCAPED)
        clean = False
        try:
            clean = self._is_clean(header.temp_dir)
        finally:  # send the answer whatever the code has done to its process
            if not clean:
                channel.retire()
            channel.finish(answer)

    def _is_clean(self, folder: str) -> bool:
        """Return whether the process is fit for another run."""
        stayed = os.getcwd() == folder
        leave()
        return stayed and self._state.unchanged()
