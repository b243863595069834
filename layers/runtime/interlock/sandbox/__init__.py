"""Runs code that is not to be trusted in processes of its own, under limits, and tells how each run ended.

It knows processes, not plugins. A *supervisor* (`Sandbox`, in the Lambda process) talks to a *zygote*, a small clean
process made by exec, which forks *workers*: one a key, kept warm. So a worker inherits nothing of the Lambda process,
neither descriptors, threads and locks nor its environment.

Workers are confined by seccomp and, where the kernel has it, Landlock (`interlock.sandbox.confinement`). What that does
not do, since all processes are of one user and no container is between them: keep code from writing files outside the
directory of its run, and from memory that is nobody's (memfd, a /tmp in memory). On Lambda the environment is the
boundary that holds that.
"""

from interlock.sandbox.cancel import CancelToken
from interlock.sandbox.channel import Channel
from interlock.sandbox.endings import (
    Cancelled,
    Completed,
    Crashed,
    Ending,
    LogLine,
    MemoryExceeded,
    OutputTooLarge,
    TimedOut,
    WorkerLost,
)
from interlock.sandbox.limits import Limits
from interlock.sandbox.self_check import EXIT_UNFIT
from interlock.sandbox.supervisor import Sandbox

__all__ = [
    "EXIT_UNFIT",
    "CancelToken",
    "Cancelled",
    "Channel",
    "Completed",
    "Crashed",
    "Ending",
    "Limits",
    "LogLine",
    "MemoryExceeded",
    "OutputTooLarge",
    "Sandbox",
    "TimedOut",
    "WorkerLost",
]
