"""The processes of a sandbox: the zygote, warm worker processes, and the templates from which new ones are forked."""

import os
import signal
from collections import OrderedDict
from collections.abc import Callable, Iterator

from interlock.sandbox.supervisor.idle import still_stopped, stops_for_good
from interlock.sandbox.supervisor.polling import is_readable
from interlock.sandbox.supervisor.worker_process import Code, WorkerKey, WorkerProcess
from interlock.sandbox.supervisor.zygote_process import Settings, TemplateGone, ZygoteGone, ZygoteProcess
from interlock.sandbox.wire.processes import adopt_orphans, children, end_children, hide_memory


class WorkerPool:
    """Starts the zygote, and has it fork worker processes. Keeps at most `max_warm` worker processes and as many
    templates.

    When the zygote is lost, all processes are ended with it, and the next use starts a new one.
    """

    def __init__(self, settings: Settings, max_warm: int) -> None:
        self._settings = settings
        self._foreign: set[int] = set()
        self.zygote: ZygoteProcess | None = None
        self.warm: Kept[WorkerKey] = Kept(max_warm, self.discard)
        self.templates: Kept[Code] = Kept(max_warm, self.discard)

    def start(self) -> None:
        """Start the zygote without waiting for it."""
        if self.zygote is None:
            adopt_orphans()
            hide_memory()
            self._foreign = children(os.getpid())
            self.zygote = ZygoteProcess(self._settings)

    def running_zygote(self) -> ZygoteProcess:
        """Return the zygote. Start a new one if the previous one was ended while it was idle."""
        if self.zygote is not None and is_readable(self.zygote.fileno()):
            self.end_all()
        self.start()
        return self.current_zygote

    @property
    def current_zygote(self) -> ZygoteProcess:
        """The zygote of the current worker processes, which may have ended. Raise `ZygoteGone` if there is none."""
        if self.zygote is None:
            raise ZygoteGone
        return self.zygote

    def spawn(self, *, network: bool) -> WorkerProcess:
        """Return a new process that has not loaded code yet.

        If the zygote has ended or its directory is unusable, start a new zygote with a new directory and try once more.
        Raise `ZygoteGone` or OSError.
        """
        try:
            return self.running_zygote().spawn(network=network)
        except (ZygoteGone, OSError):
            self.end_all()
            return self.running_zygote().spawn(network=network)

    def fork(self, code: Code) -> WorkerProcess | None:
        """Return a new worker process from the template of the code, if there is one. Raise `ZygoteGone`."""
        zygote = self.running_zygote()
        template = self.templates.take(code)
        if template is None:
            return None
        try:
            worker = zygote.fork(template)
        except (TemplateGone, OSError):
            self.discard(template)
            return None
        if not self.keep_template(code, template, worker):
            self.discard(template)
        if self.zygote is not zygote:  # it was lost meanwhile
            self.end_all(worker)
            raise ZygoteGone
        return worker

    def keep_template(self, code: Code, template: WorkerProcess, *others: WorkerProcess) -> bool:
        """Stop a process that has loaded the code, and keep it until it is asked to fork. Return False if more than one
        thread runs in it. When the zygote is lost, the others are ended too, and `ZygoteGone` is raised."""
        template.signal(signal.SIGSTOP)
        try:
            fit = stops_for_good(template, self.current_zygote, threads=1)
        except ZygoteGone:
            self.end_all(template, *others)
            raise
        if fit:
            self.templates.keep(code, template)
        return fit

    def discard(self, worker: WorkerProcess) -> None:
        """End a worker process or template."""
        if self.zygote is None:
            return
        try:
            self.zygote.end(worker)
            worker.close()
        except ZygoteGone:
            self.end_all(worker)

    def end_all(self, *workers: WorkerProcess) -> None:
        """End the zygote, all worker processes, and everything that they have started.

        On Linux the kernel has ended the worker processes together with a lost zygote, and their orphans are now
        children of this process.
        """
        zygote, self.zygote = self.zygote, None
        if zygote is not None:
            zygote.kill()
        for worker in (*self.warm, *self.templates, *workers):
            worker.signal(signal.SIGKILL)
            worker.close()
        self.warm.clear()
        self.templates.clear()
        end_children(self._strays)
        if zygote is not None:
            zygote.folders.remove()

    def close(self) -> None:
        """End the zygote in good order, and all other processes with it."""
        if self.zygote is not None:
            self.zygote.close()
            self.end_all()

    def _strays(self) -> set[int]:
        """Return children of this process that descend from a worker process. Each worker process has a session that
        differs from this process's session."""
        own = os.getsid(0)
        return {
            pid
            for pid in children(os.getpid()) - self._foreign - ZygoteProcess.running
            if _session(pid) not in (own, None)
        }


class Kept[Key]:
    """Idle processes by key, at most `most` of them. If there are more, `discard` ends the least recently used one."""

    def __init__(self, most: int, discard: Callable[[WorkerProcess], None]) -> None:
        self._most = most
        self._discard = discard
        self._processes: OrderedDict[Key, WorkerProcess] = OrderedDict()

    def take(self, key: Key) -> WorkerProcess | None:
        """Remove and return the process of a key, if it can be used: it has not ended or run while it was idle, and
        nothing was left in its directory."""
        process = self._processes.pop(key, None)
        if process is None:
            return None
        if is_readable(process.end_descriptor) or not still_stopped(process) or not process.folder.reusable:
            self._discard(process)
            return None
        return process

    def keep(self, key: Key, process: WorkerProcess) -> None:
        self._processes[key] = process
        if len(self._processes) > self._most:
            _, oldest = self._processes.popitem(last=False)
            self._discard(oldest)

    def clear(self) -> None:
        """Forget all processes, which have ended."""
        self._processes.clear()

    def __iter__(self) -> Iterator[WorkerProcess]:
        return iter(self._processes.values())


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
