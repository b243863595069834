"""Detect that code of the same user has changed how this process may run, and restore it where that is permitted.

prlimit(), setpriority() and sched_setscheduler() accept the id of any process of the user. A single call of a tool
could leave its supervisor without file descriptors for good.
"""

import contextlib
import os
import resource

from msgspec import Struct

from interlock.sandbox.wire import processes

EXIT_UNFIT = 75
"""The exit code of a process that cannot be repaired (EX_TEMPFAIL of sysexits.h). Lambda then starts a new execution
environment."""

_LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})


class Condition(Struct, frozen=True):
    """The resource limits of a process (soft, hard) by number, and the scheduling of its main thread."""

    limits: dict[int, tuple[int, int]]
    nice: int
    policy: int
    priority: int
    processors: frozenset[int]


def condition(pid: int) -> Condition | None:
    """Return the condition of a process, or None if it is unknown (not Linux, or the process has ended)."""
    if not processes.LINUX:
        return None
    try:
        return Condition(
            {which: resource.prlimit(pid, which) for which in _LIMITS},
            os.getpriority(os.PRIO_PROCESS, pid),
            os.sched_getscheduler(pid),
            os.sched_getparam(pid).sched_priority,
            frozenset(os.sched_getaffinity(pid)),
        )
    except ProcessLookupError:
        return None


def repair(pid: int, initial: Condition) -> bool:
    """Restore a process to the recorded condition if necessary. Return whether it has that condition."""
    found = condition(pid)
    if found is None or found == initial:
        return True
    for which, (soft, hard) in initial.limits.items():
        with contextlib.suppress(OSError, ValueError):  # only root can raise a hard limit
            if found.limits[which] != (soft, hard):
                resource.prlimit(pid, which, (soft, hard))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, initial.nice)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(pid, initial.policy, os.sched_param(initial.priority))
    with contextlib.suppress(OSError):
        os.sched_setaffinity(pid, initial.processors)
    return condition(pid) == initial
