"""Keep a worker process between its runs only if it is stopped, as seen from outside.

A worker process stops itself (SIGSTOP) after its answer, so that nothing in it can run before the next request. Code in
it can forge a RESULT frame, because it can read everything in its process. So the supervisor observes the process until
all its threads are stopped. It records their context switches, and compares them before it continues the process.

A stopped process can arrange to be continued, by a process that it has started or by a timer whose signal is SIGCONT.
A worker process is therefore kept only if neither exists once it has stopped, and if it has not run meanwhile.
"""

import math
import os
import signal
import time
from itertools import count
from typing import NamedTuple

from interlock.sandbox.supervisor.worker_process import WorkerProcess
from interlock.sandbox.supervisor.zygote_process import ZygoteProcess
from interlock.sandbox.wire import processes
from interlock.sandbox.wire.processes import children, read_proc, resident_bytes_of, status_field, threads
from interlock.sandbox.wire.protocol import MIB

LOOK_LIMIT_S = 1.0
"""Longest wait in seconds for a worker process to stop after its answer. Usually it takes 50 µs, on a busy machine
longer."""

_LOOKS_WITHOUT_PAUSE = 5
"""Usually a worker process has stopped by then. One observation takes 10 µs, the shortest sleep 70 µs."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.00002, 0.01

_ANOTHER_STOP = 1 << (signal.SIGSTOP - 1)
"""A SIGSTOP that is sent to a stopped process stays pending. It runs no handler, and SIGCONT discards it."""


class _Look(NamedTuple):
    """An observation of a process: the /proc status of its threads by thread id, none if it has ended."""

    statuses: dict[int, bytes]

    @property
    def stopped(self) -> bool:
        found = self.statuses.values()
        return bool(found) and all(status_field(status, b"State")[:1] == b"T" for status in found)

    @property
    def switches(self) -> dict[int, int]:
        """The voluntary context switches of its threads by thread id."""
        return {
            thread: int(status_field(status, b"voluntary_ctxt_switches")) for thread, status in self.statuses.items()
        }

    @property
    def signal_pending(self) -> bool:
        """Whether a signal is pending that would run a handler."""
        return any(map(_signals_pending, self.statuses.values()))


def stops_for_good(worker: WorkerProcess, zygote: ZygoteProcess, *, threads: int, memory_mb: float = math.inf) -> bool:
    """Return whether a worker process stops, with no more threads and memory than it may have, and stays stopped until
    it is continued. If not, the caller must end it. Processes of its run that are no longer its children are ended.

    On systems without /proc, worker processes do not stop themselves, and are trusted. Raise `ZygoteGone`.
    """
    if not processes.LINUX:
        return True
    until = time.monotonic() + LOOK_LIMIT_S
    while time.monotonic() < until:
        look = _look_until_stopped(worker, memory_mb)
        if look is None or len(look.statuses) > threads:
            return False
        worker.stopped = look.switches
        if zygote.has_strays():
            zygote.sweep()
        if worker.proc.timers.read() or _has_children(worker) or _too_large(worker, memory_mb):
            return False
        # Now nothing is left that could continue the process. If it has run since the observation, observe it again.
        if still_stopped(worker):
            return True
    return False


def still_stopped(worker: WorkerProcess) -> bool:
    """Return whether a worker process has not run since it was seen to be stopped, and has no pending signal that would
    run a handler."""
    if worker.stopped is None:
        return True
    look = _look(worker)
    return look.stopped and look.switches == worker.stopped and not look.signal_pending


def _too_large(worker: WorkerProcess, memory_mb: float) -> bool:
    return resident_bytes_of(worker.proc.memory.read()) > memory_mb * MIB


def _has_children(worker: WorkerProcess) -> bool:
    one_thread = worker.stopped is not None and len(worker.stopped) == 1
    return bool(worker.proc.children.read() if one_thread else children(worker.pid))


def _look_until_stopped(worker: WorkerProcess, memory_mb: float) -> _Look | None:
    """Return the observation of a stopped process, or None if there is none in time. The pauses grow. A process that
    has not stopped yet is still held to its memory limit.

    Two equal observations are required: a process shows as stopped just before its context switch is counted.
    """
    until = time.monotonic() + LOOK_LIMIT_S
    pause_s = _FIRST_PAUSE_S
    before: _Look | None = None
    for number in count(1):
        look = _look(worker)
        if look.stopped:
            if before is not None and look.switches == before.switches:
                return look
            before = look
        if time.monotonic() > until or _too_large(worker, memory_mb):
            break
        if number < _LOOKS_WITHOUT_PAUSE:
            os.sched_yield()  # the worker process may have to run on this processor
        else:
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return None


def _look(worker: WorkerProcess) -> _Look:
    main = worker.proc.status.read()
    if not main or status_field(main, b"Threads") == b"1":
        return _Look({worker.pid: main} if main else {})
    found = {thread: read_proc(f"{worker.pid}/task/{thread}/status") for thread in threads(worker.pid)}
    return _Look({thread: status for thread, status in found.items() if status})


def _signals_pending(status: bytes) -> bool:
    of_thread, of_process = status_field(status, b"SigPnd"), status_field(status, b"ShdPnd")
    return bool((int(of_thread, 16) | int(of_process, 16)) & ~_ANOTHER_STOP)
