"""Runs code that is not to be trusted in processes of its own, under limits, and tells how each run ended.

It knows processes, not plugins. A *supervisor* (`Sandbox`, in the Lambda process) talks to a *zygote*, a small clean
process made by exec, which forks *workers*: one a key, kept warm. So a worker inherits nothing of the Lambda process,
neither descriptors, threads and locks nor its environment.
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
from interlock.sandbox.supervisor import Sandbox

__all__ = [
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
