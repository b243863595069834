"""Detects that code of the same user has changed how this process may run, and changes it back where that is allowed.

prlimit(), setpriority() and the sched_set calls reach every process of the user: one call of a tool could leave its
supervisor without descriptors for good.
"""

import contextlib
import os
import resource
from dataclasses import dataclass

from interlock.sandbox.wire import processes

EXIT_UNFIT = 75
"""The exit code of a process that cannot be repaired (EX_TEMPFAIL of sysexits.h): whoever started it starts another."""

_LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})


@dataclass(frozen=True, slots=True)
class Condition:
    """The resource limits (soft, hard) of a process by their numbers, and how its main thread is scheduled."""

    limits: dict[int, tuple[int, int]]
    nice: int
    policy: int
    priority: int
    processors: frozenset[int]


def condition(pid: int) -> Condition | None:
    """The condition of a process; None where it cannot be told (not Linux, or the process is gone)."""
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


def repaired(pid: int, noted: Condition) -> bool:
    """Whether a process is as noted, if need be after it was changed back."""
    found = condition(pid)
    if found is None or found == noted:
        return True
    for which, (soft, hard) in noted.limits.items():
        with contextlib.suppress(OSError, ValueError):  # a hard limit is raised by root alone
            if found.limits[which] != (soft, hard):
                resource.prlimit(pid, which, (soft, hard))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, noted.nice)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(pid, noted.policy, os.sched_param(noted.priority))
    with contextlib.suppress(OSError):
        os.sched_setaffinity(pid, noted.processors)
    return condition(pid) == noted
