"""Stop a worker process between its runs, once it is seen to be idle from outside.

Code in a worker process can forge a RESULT frame, because it can read everything in its process. So a worker process
counts as idle only when all its threads sleep. It is then stopped (SIGSTOP), so that nothing in it can run before the
next request. Its context switches are recorded and compared before it is continued.

A stopped process can arrange to be continued, by a process that it has started or by a timer whose signal is SIGCONT.
A worker process is therefore kept only if neither exists once it has stopped, and if it has not run meanwhile.
"""

import os
import re
import signal
import time
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from interlock.sandbox.supervisor.worker_process import WorkerProcess
from interlock.sandbox.wire import processes
from interlock.sandbox.wire.processes import children, read_proc, resident_bytes_of, status_field, threads
from interlock.sandbox.wire.protocol import MIB

LOOK_LIMIT_S = 0.25
"""Longest wait in seconds for a worker process to become idle after its answer. Usually it takes 50 µs, on a busy
machine longer."""

_LOOKS_WITHOUT_PAUSE = 5
"""Usually a worker process is idle by then. One observation takes 10 µs, the shortest sleep 70 µs."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.00002, 0.01

_READS_REQUESTS = re.compile(rb"(?:0|63) 0x3 ")
"""/proc/PID/syscall during read(3, ...): the number of read() is 0 on x86-64, and 63 on arm64."""

_ANOTHER_STOP = 1 << (signal.SIGSTOP - 1)
"""A SIGSTOP that is sent to a stopped process stays pending. It runs no handler, and SIGCONT discards it."""


class _Look(NamedTuple):
    """An observation of a process: the /proc status of its threads by thread id, none if it has ended."""

    statuses: dict[int, bytes]

    @property
    def asleep(self) -> bool:
        return self._all_in(b"S")

    @property
    def stopped(self) -> bool:
        return self._all_in(b"T")

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

    def _all_in(self, state: bytes) -> bool:
        found = self.statuses.values()
        return bool(found) and all(status_field(status, b"State")[:1] == state for status in found)


def stop_when_idle(worker: WorkerProcess, memory_mb: int) -> bool:
    """Stop a worker process when it is idle. Return False if it is not idle within `LOOK_LIMIT_S` and must end.

    Idle means that every thread sleeps, there are no more threads than when the process became ready, and the main
    thread is in read() on the request descriptor (if the kernel shows it). Without /proc the worker process is trusted
    and not stopped.
    """
    if not processes.LINUX:
        return True

    def waits(look: _Look) -> bool:
        return look.asleep and _waits_for_request(worker)

    # A process that is not idle yet is still held to its memory limit.
    asleep = _look_until(lambda look: waits(look) or _too_large(worker, memory_mb), worker, LOOK_LIMIT_S)
    if asleep is None or not asleep.asleep or len(asleep.statuses) > worker.threads:
        return False
    worker.signal(signal.SIGSTOP)
    # Stopping a sleeping thread takes one context switch. A second switch means that the thread ran in between.
    worker.stopped = {thread: count + 1 for thread, count in asleep.switches.items()}
    return still_stopped(worker, within_s=LOOK_LIMIT_S)


def cannot_continue(worker: WorkerProcess, memory_mb: int) -> bool:
    """Return whether a stopped worker process cannot be continued (no child processes, no POSIX timers), has not run
    meanwhile, and is under its memory limit. Call it after the other processes of the run have ended."""
    if worker.stopped is None:
        return True
    has_timers = bool(worker.proc.timers.read())
    return not (has_timers or _has_children(worker) or _too_large(worker, memory_mb)) and still_stopped(worker)


def still_stopped(worker: WorkerProcess, within_s: float = 0) -> bool:
    """Return whether a worker process has not run since it was seen to be idle, and has no pending signal that would
    run a handler. `within_s` is the time to wait until it has stopped."""
    if worker.stopped is None:
        return True
    look = _look_until(lambda look: look.stopped, worker, within_s)
    return look is not None and look.switches == worker.stopped and not look.signal_pending


def _too_large(worker: WorkerProcess, memory_mb: int) -> bool:
    return resident_bytes_of(worker.proc.memory.read()) > memory_mb * MIB


def _waits_for_request(worker: WorkerProcess) -> bool:
    """Return whether the main thread is in read() on its requests. The kernel shows this only to root once a worker
    process has hidden its memory; then the answer is True."""
    call = worker.proc.call.read()
    return not call or _READS_REQUESTS.match(call) is not None


def _has_children(worker: WorkerProcess) -> bool:
    one_thread = worker.stopped is not None and len(worker.stopped) == 1
    return bool(worker.proc.children.read() if one_thread else children(worker.pid))


def _look_until(wanted: Callable[[_Look], bool], worker: WorkerProcess, limit_s: float) -> _Look | None:
    """Return the first observation that satisfies the predicate, or None if there is none in time. The pauses grow."""
    until = time.monotonic() + limit_s
    pause_s = _FIRST_PAUSE_S
    for number in count(1):
        if number <= _LOOKS_WITHOUT_PAUSE:
            os.sched_yield()  # the worker process may have to run on this processor
        look = _look(worker)
        if wanted(look):
            return look
        if time.monotonic() > until:
            break
        if number >= _LOOKS_WITHOUT_PAUSE:
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
