"""The supervisor's view of a worker process."""

import contextlib
import os
import signal
from dataclasses import dataclass

from interlock.sandbox.wire.processes import ChildList, ProcFile

type WorkerKey = tuple[str, bool]
"""The key of a warm worker process: the caller's key, and whether the process has the network, which cannot be changed.
"""


class ProcFiles:
    """The files of /proc about a worker process that are read between its runs."""

    def __init__(self, pid: int) -> None:
        with contextlib.ExitStack() as files:
            self.status, self.memory, self.timers = (
                files.enter_context(contextlib.closing(ProcFile(pid, name))) for name in ("status", "statm", "timers")
            )
            self.children = files.enter_context(contextlib.closing(ChildList(pid)))
            self._files = files.pop_all()

    def close(self) -> None:
        self._files.close()


@dataclass(eq=False, slots=True)
class WorkerProcess:
    """A worker process, with the supervisor's ends of its pipes and its slot for progress.

    `proc` are its files in /proc. `exited` is a descriptor that becomes readable when the process ends. `threads` is
    the number of threads when the process became ready. `stopped` is set while the process is idle: the context
    switches of its threads, by thread id.
    """

    key: WorkerKey
    pid: int
    requests: int
    answers: int
    progress: int
    stdout: int
    stderr: int
    exited: int
    proc: ProcFiles
    loaded: bool = False
    threads: int = 0
    stopped: dict[int, int] | None = None

    @property
    def end_descriptor(self) -> int:
        """The descriptor that becomes readable while the worker process is idle only if the process has ended."""
        return self.exited if self.exited >= 0 else self.answers

    def signal(self, number: int) -> None:
        """Send a signal to this process, if it still exists."""
        with contextlib.suppress(ProcessLookupError):
            if self.exited >= 0:
                signal.pidfd_send_signal(self.exited, number)
            else:
                os.kill(self.pid, number)

    def resume(self) -> None:
        """Continue the process if it was stopped, by the supervisor or by any other process."""
        self.stopped = None
        self.signal(signal.SIGCONT)

    def close(self) -> None:
        self.proc.close()
        for descriptor in (self.requests, self.answers, self.progress, self.stdout, self.stderr, self.exited):
            if descriptor >= 0:
                os.close(descriptor)
