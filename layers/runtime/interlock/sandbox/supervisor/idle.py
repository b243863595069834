"""Stops a worker between its runs, once it is seen idle from outside.

A RESULT frame says that a run is over, and the code in the worker can forge one: everything in that process is its to
read. So a worker is believed to be idle only when all of its threads sleep, and it is stopped then: whatever is in it
cannot run before the next request. What it looked like is noted and compared before it is continued.

A stopped process can arrange to be continued: by a process that it has started, or by a timer whose signal is SIGCONT.
So a worker is kept only if, once it has stopped, neither exists and it has still not run.
"""

import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from interlock.sandbox.supervisor.zygote_process import Worker
from interlock.sandbox.wire import processes
from interlock.sandbox.wire.processes import children, read_proc, resident_bytes, threads
from interlock.sandbox.wire.protocol import MIB

LOOK_LIMIT_S = 0.25
"""Longest wait for a worker to become idle after its answer. An honest one takes some 50 µs, and longer on a machine
that has no time for it."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.00002, 0.01

_STATUS = re.compile(
    rb"\nState:\t(\w).*?\nThreads:\t(\d+).*?\nSigPnd:\t(\w+)\nShdPnd:\t(\w+)\n.*?\nvoluntary_ctxt_switches:\t(\d+)",
    re.DOTALL,
)
_READS_REQUESTS = re.compile(rb"(?:0|63) 0x3 ")
"""/proc/PID/syscall during read(3, ...): the number of read() is 0 on x86-64, and 63 on arm64."""

_ANOTHER_STOP = 1 << (signal.SIGSTOP - 1)
"""A SIGSTOP sent to a stopped process stays pending. It runs no handler, and SIGCONT discards it."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen of a process: its threads' states, their voluntary context switches by thread id, and whether a
    signal waits for one."""

    states: frozenset[bytes]
    switches: dict[int, int]
    pending: bool

    @property
    def asleep(self) -> bool:
        return self.states == {b"S"}

    @property
    def stopped(self) -> bool:
        return self.states == {b"T"}


def stop_when_idle(worker: Worker, memory_mb: int) -> bool:
    """Stops a worker when it is seen idle, within `LOOK_LIMIT_S`. False: it is not idle, and is to be ended.

    Idle: each thread sleeps, there are no more of them than when the worker was ready, and the main thread is in read()
    on the descriptor of its requests (where the kernel tells). Without /proc a worker is believed, and not stopped.
    """
    if not processes.LINUX:
        return True

    def waits(look: _Look) -> bool:
        return look.asleep and _waits_for_request(worker.pid)

    # What is not idle is still under its limit of memory.
    asleep = _look_until(lambda look: waits(look) or _too_large(worker, memory_mb), worker.pid, LOOK_LIMIT_S)
    if asleep is None or not asleep.asleep or len(asleep.switches) > worker.threads:
        return False
    worker.signal(signal.SIGSTOP)
    # A sleeping thread is woken to be stopped, which is one switch: with one more, it ran in between.
    worker.stopped = {thread: count + 1 for thread, count in asleep.switches.items()}
    return still_stopped(worker, within_s=LOOK_LIMIT_S)


def cannot_continue(worker: Worker, memory_mb: int) -> bool:
    """Return whether a stopped worker has nothing that could send it SIGCONT (child processes, POSIX timers), has not
    run meanwhile, and is under its memory limit. Call it after the other processes of the run have ended."""
    if worker.stopped is None:
        return True
    has_timers = bool(read_proc(f"{worker.pid}/timers"))
    return not (has_timers or children(worker.pid) or _too_large(worker, memory_mb)) and still_stopped(worker)


def still_stopped(worker: Worker, within_s: float = 0) -> bool:
    """Whether a worker has not run since it was seen idle, and has no signal waiting that would run a handler now.
    `within_s`: how long to wait until it has stopped."""
    if worker.stopped is None:
        return True
    look = _look_until(lambda look: look.stopped, worker.pid, within_s)
    return look is not None and look.switches == worker.stopped and not look.pending


def _too_large(worker: Worker, memory_mb: int) -> bool:
    return resident_bytes(worker.pid) > memory_mb * MIB


def _waits_for_request(pid: int) -> bool:
    """Whether the main thread is in read() on its requests. The memory of an honest worker is hidden by then, and with
    it, from anybody but root, this: then there is nothing to see."""
    call = read_proc(f"{pid}/syscall")
    return not call or _READS_REQUESTS.match(call) is not None


def _look_until(wanted: Callable[[_Look], bool], pid: int, limit_s: float) -> _Look | None:
    """The first look that is as wanted, at least one, at growing pauses; None when there is none in time."""
    until = time.monotonic() + limit_s
    pause_s = _FIRST_PAUSE_S
    while not wanted(look := _look(pid)):
        if time.monotonic() > until:
            return None
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return look


def _look(pid: int) -> _Look:
    """No states when the process is gone."""
    main = _STATUS.search(read_proc(f"{pid}/status"))
    found = {pid: main}
    if main and main[2] != b"1":
        found = {thread: _STATUS.search(read_proc(f"{pid}/task/{thread}/status")) for thread in threads(pid)}
    seen = {thread: match for thread, match in found.items() if match}
    return _Look(
        frozenset(match[1] for match in seen.values()),
        {thread: int(match[5]) for thread, match in seen.items()},
        any((int(match[3], 16) | int(match[4], 16)) & ~_ANOTHER_STOP for match in seen.values()),
    )
