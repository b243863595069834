"""Detect what a run has left behind in its process. The next run then gets a fresh process.

This finds accidental changes. Code that wants to deceive the check can do so in its own process.
"""

import builtins
import json
import json.decoder
import json.encoder
import locale
import logging
import os
import resource
import signal
import sys
import threading
import time
from types import ModuleType

from interlock.sandbox.wire.processes import read_proc, status_field
from interlock.sandbox.worker.interpreter_state import InterpreterState

PER_RUN = ("TMPDIR", "HOME")
"""Environment variables that are set anew for each run."""

_PER_RUN_NAMES = tuple(map(os.fsencode, PER_RUN))

_MODULES: tuple[ModuleType, ...] = (builtins, json, json.decoder, json.encoder, logging, os, signal, sys, time)
"""The modules whose functions are compared, because the next run or this package depends on them."""

_RESOURCES = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})
_PER_RUN_RESOURCES = {resource.RLIMIT_DATA, resource.RLIMIT_FSIZE}
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_SIGNALS = (b"SigBlk", b"SigIgn", b"SigCgt")
_NOT_SEEN = sum(1 << (number - 1) for number in (signal.SIGTERM, 32, 33))
"""SIGTERM belongs to the channel. The other two belong to the C library, which uses them from the first thread on."""

_THREAD_END_TRIES, _THREAD_END_PAUSE_S = 20, 0.001

_sleep = time.sleep


class ProcessState:
    """A snapshot of the process. `unchanged` compares it with the current state.

    It covers environment, umask, locale, standard streams and descriptors, signal handlers and mask, timers, limits (as
    the kernel reports them), priority, threads, and replaced functions. `threads` is the number of threads that are
    permitted, even if there are fewer now.
    """

    def __init__(self, threads: int) -> None:
        now, self._signals = threads_and_signals()
        self._threads = max(threads, now)
        self._names = [list(vars(module).values()) for module in _MODULES]
        self._modules = set(sys.modules)
        self._state = _state()
        self.record_own()
        self._interpreter = InterpreterState()

    def record_own(self) -> None:
        """Record descriptors and kernel state again: a process that was forked from a template has its own."""
        self._kernel_state = kernel_state()
        self._descriptors = _descriptors()

    def unchanged(self) -> bool:
        """Reset settings that change in honest use. Return whether the next run finds the process as it was."""
        self._interpreter.reset()
        return (
            self._same_names()
            and self._modules <= sys.modules.keys()
            and kernel_state() == self._kernel_state
            and _state() == self._state
            and _descriptors() == self._descriptors
            and self._interpreter.unchanged()
            and self._same_threads_and_signals()
        )

    def _same_names(self) -> bool:
        """Compare the names that existed before. Using a module may add names, which come last."""
        return all(
            list(vars(module).values())[: len(names)] == names
            for module, names in zip(_MODULES, self._names, strict=True)
        )

    def _same_threads_and_signals(self) -> bool:
        threads, signals = threads_and_signals(at_most=self._threads)
        return threads <= self._threads and signals == self._signals


def threads_and_signals(at_most: int | None = None) -> tuple[int, tuple[int, ...]]:
    """Return the number of threads, including native ones, and the signals that are blocked, ignored and caught. If
    there are more than `at_most` threads, wait a moment, because the kernel still counts a thread that was joined just
    now."""
    for _ in range(_THREAD_END_TRIES):
        status = read_proc("self/status")
        if not status:  # not Linux
            return threading.active_count(), ()
        threads = int(status_field(status, b"Threads"))
        if at_most is None or threads <= at_most:
            break
        _sleep(_THREAD_END_PAUSE_S)
    return threads, tuple(int(status_field(status, name), 16) & ~_NOT_SEEN for name in _SIGNALS)


def _state() -> tuple[object, ...]:
    return (
        _environment(),
        locale.setlocale(locale.LC_ALL),
        tuple(sys.path),
        sys.getrecursionlimit(),
        sys.gettrace(),
        sys.getprofile(),
        [getattr(stream, "closed", None) for stream in (sys.stdin, sys.stdout, sys.stderr)],
    )


def kernel_state() -> dict[str, object]:
    """Return the state that the kernel keeps for this process, by name, without signals, threads and descriptors."""
    mask = os.umask(0o022)
    os.umask(mask)
    return {
        "umask": mask,
        "timers": [signal.getitimer(timer)[0] > 0 for timer in _TIMERS],
        "resource limits": [_limit(which) for which in _RESOURCES],
        "priority": os.nice(0),
    }


def _environment() -> dict[bytes, bytes]:
    # Take the encoded variables: `os.environ` decodes them at each access, which takes 26 µs for forty of them.
    variables = dict(vars(os.environ)["_data"])
    for name in _PER_RUN_NAMES:
        variables.pop(name, None)
    return variables


def _limit(which: int) -> tuple[int, int]:
    soft, hard = resource.getrlimit(which)
    return (0 if which in _PER_RUN_RESOURCES else soft), hard


def _descriptors() -> list[tuple[int, int] | None]:
    """Return the files of the six descriptors of a worker process."""
    return [_file(descriptor) for descriptor in range(6)]


def _file(descriptor: int) -> tuple[int, int] | None:
    """Return the device and inode of a descriptor, or None if it is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
