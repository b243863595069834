"""Run untrusted code in separate processes, under limits, and report how each run ended.

The package knows processes, not plugins. Its folders are separated by the process that runs their code:

- `supervisor`: in the process that calls `Sandbox`. It sends requests to worker processes and watches the runs.
- `worker`: in the zygote and in the worker processes. The supervisor starts the zygote, a small process with a clean
  environment, by exec. The zygote forks a process for each plugin, the template, which loads the code; worker processes
  are forked from it, one per tenant, and stay warm. So a worker process inherits none of the supervisor's descriptors,
  threads, locks or environment, and nothing of other tenants.
- `wire`: on both sides.

Worker processes are confined by seccomp and, where the kernel supports it, Landlock (`worker/confinement.py`). All
processes belong to one user and share one file system. So the sandbox does not keep code from writing files outside
its directory where the kernel lacks Landlock, nor from using memory that no process accounts for (memfd). On Lambda the
execution environment bounds both.

Names are imported at their first use: neither side imports the code of the other.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interlock.sandbox.supervisor.cancel import CancelToken
    from interlock.sandbox.supervisor.endings import (
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
    from interlock.sandbox.supervisor.limits import Limits
    from interlock.sandbox.supervisor.observers import Alarm
    from interlock.sandbox.supervisor.sandbox import Sandbox
    from interlock.sandbox.supervisor.self_check import EXIT_UNFIT
    from interlock.sandbox.supervisor.worker_process import Code
    from interlock.sandbox.worker.channel import Channel
else:
    _ENDINGS = "Cancelled Completed Crashed Ending LogLine MemoryExceeded OutputTooLarge TimedOut WorkerLost"
    _MODULES = dict.fromkeys(_ENDINGS.split(), "supervisor.endings") | {
        "Alarm": "supervisor.observers",
        "CancelToken": "supervisor.cancel",
        "Channel": "worker.channel",
        "Code": "supervisor.worker_process",
        "EXIT_UNFIT": "supervisor.self_check",
        "Limits": "supervisor.limits",
        "Sandbox": "supervisor.sandbox",
    }

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value


__all__ = [
    "EXIT_UNFIT",
    "Alarm",
    "CancelToken",
    "Cancelled",
    "Channel",
    "Code",
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
