"""The supervisor: sends requests to warm worker processes, watches the runs, and ends processes."""

import contextlib
import os
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from interlock.sandbox.supervisor.alarm import Alarm
from interlock.sandbox.supervisor.cancel import CancelToken
from interlock.sandbox.supervisor.endings import Cancelled, Ending, LogLine, TimedOut, WorkerLost
from interlock.sandbox.supervisor.idle import still_stopped
from interlock.sandbox.supervisor.limits import Limits
from interlock.sandbox.supervisor.polling import is_readable
from interlock.sandbox.supervisor.run import Run
from interlock.sandbox.supervisor.self_check import Condition, condition, repair
from interlock.sandbox.supervisor.worker_process import WorkerKey, WorkerProcess
from interlock.sandbox.supervisor.zygote_process import ZygoteGone, ZygoteProcess
from interlock.sandbox.wire.processes import OUT_OF_DESCRIPTORS, adopt_orphans, children, end_children, hide_memory

MAX_WARM = 4


class Sandbox:
    """Runs a target (`module:function`) in worker processes, one warm process per key and one run at a time.

    The target takes `(request: bytes, channel: Channel)` and returns bytes. The zygote imports the `preload` modules
    once for all worker processes, and `env` is added to their environment. Worker processes with the network cannot
    connect to `closed_ports` (TCP), if the kernel supports it (Linux 6.7).

    Side effects on this process: orphaned descendants become its children, so that they are found when the zygote was
    killed. A child process with its own session that is started later is taken for such an orphan. On Linux, other
    processes of the same user, including debuggers, can no longer read this process's memory and environment.
    """

    def __init__(
        self,
        target: str,
        *,
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        closed_ports: Sequence[int] = (),
    ) -> None:
        self._target = target
        self._preload = preload
        self._env = dict(env or {})
        self._closed_ports = closed_ports
        self._zygote: ZygoteProcess | None = None
        self._warm: OrderedDict[WorkerKey, WorkerProcess] = OrderedDict()
        self._lock = threading.Lock()
        self._foreign: set[int] = set()
        self._initial: Condition | None = None
        self.unfit = False
        """Whether this process must end after its current work, because it cannot be repaired or ran out of file
        descriptors."""

    def start(self) -> None:
        """Start the zygote without waiting for it."""
        if self._zygote is None:
            adopt_orphans()
            hide_memory()
            self._foreign = children(os.getpid())
            self._initial = self._initial or condition(os.getpid())
            self._zygote = ZygoteProcess(self._target, self._preload, self._env, self._closed_ports)

    def wait_until_ready(self) -> None:
        """Wait until the zygote has imported its modules. Raises `ZygoteGone` if it cannot start."""
        with self._lock:
            self._running_zygote().sweep()

    def run(
        self,
        key: str,
        request: bytes,
        limits: Limits,
        *,
        network: bool = False,
        cancel: CancelToken | None = None,
        alarm: Alarm | None = None,
        on_progress: Callable[[float, str], None] = lambda _fraction, _message: None,
        on_log: Callable[[LogLine], None] = lambda _line: None,
        fill: Callable[[str], None] = lambda _folder: None,
    ) -> Ending:
        """Run the target on a request in the worker process of this key, and return how the run ended.

        `fill` writes files into the run's directory before the run; its time and the start of the worker process count
        towards `total_s`. `network` permits connections; each key has separate worker processes with and without the
        network. `alarm` rings while the worker process loads or runs.

        When the method returns or raises, nothing that the run started is running any more, and the run's directory has
        been removed. Raises exceptions of the callbacks, and OSError if the disk is full.
        """
        began = time.monotonic()
        with self._lock:
            if cancel is not None and cancel.is_set:
                return Cancelled(pid=0, how="stopped")
            try:
                return self._run(
                    (key, network), request, limits,
                    began=began, cancel=cancel, alarm=alarm or Alarm.never(),
                    on_progress=on_progress, on_log=on_log, fill=fill,
                )  # fmt: skip
            except OSError as error:
                if error.errno not in OUT_OF_DESCRIPTORS:
                    raise
                self.unfit = True
                return WorkerLost(pid=0)
            finally:
                self._check()

    def _check(self) -> None:
        """Compare this process and the zygote with their condition before the first run."""
        if self._initial is None:
            return
        if not repair(os.getpid(), self._initial):
            self.unfit = True
        elif self._zygote is not None and condition(self._zygote.pid) not in (None, self._initial):
            self._end_lost_zygote()
            self.start()

    def _run(
        self,
        key: WorkerKey,
        request: bytes,
        limits: Limits,
        *,
        began: float,
        cancel: CancelToken | None,
        alarm: Alarm,
        on_progress: Callable[[float, str], None],
        on_log: Callable[[LogLine], None],
        fill: Callable[[str], None],
    ) -> Ending:
        with contextlib.ExitStack() as folders:
            try:
                worker, folder = self._prepare(key, folders)
            except ZygoteGone:
                return WorkerLost(pid=0)
            limits = replace(limits, total_s=limits.total_s - (time.monotonic() - began))
            ending, limits = self._fill(worker, folder, limits, fill, cancel)
            if ending is not None:
                return ending
            try:
                run = Run(
                    worker, self._running_zygote(), limits,
                    cancel=cancel, alarm=alarm, on_progress=on_progress, on_log=on_log,
                )  # fmt: skip
                ending, warm = run.wait_until_over(request, folder)
            except ZygoteGone:
                self._end_lost_zygote(worker)
                self.start()  # now, because the next run would have to wait for it
                return WorkerLost(pid=worker.pid)
            except BaseException:  # raised by a callback, or by Ctrl-C
                self._discard(worker)
                raise
            if warm:
                self._keep(worker)
            else:
                worker.close()
            return ending

    def _fill(
        self,
        worker: WorkerProcess,
        folder: str,
        limits: Limits,
        fill: Callable[[str], None],
        cancel: CancelToken | None,
    ) -> tuple[Ending | None, Limits]:
        """Fill the run's directory. Return an ending if the run was cancelled or its time is over before it starts."""
        began = time.monotonic()
        try:
            fill(folder)
        except BaseException:
            self._keep(worker)  # it has not received a request
            raise
        left = replace(limits, total_s=limits.total_s - (time.monotonic() - began))
        ending: Ending | None = None
        if cancel is not None and cancel.is_set:
            ending = Cancelled(pid=0, how="stopped")
        elif left.total_s <= 0:
            ending = TimedOut(pid=0, how="stopped", while_loading=False)
        if ending is not None:
            self._keep(worker)
        return ending, left

    def close(self) -> None:
        """End the zygote and all worker processes."""
        with self._lock:
            if self._zygote is not None:
                self._zygote.close()
                self._end_lost_zygote()
                self._initial = None

    def _prepare(self, key: WorkerKey, folders: contextlib.ExitStack) -> tuple[WorkerProcess, str]:
        """Return the worker process of the key and a new directory.

        If the zygote has ended or its directory is unusable, both are created anew, once. Raises `ZygoteGone` and
        OSError.
        """
        try:
            return self._take_worker_and_folder(key, folders)
        except (ZygoteGone, OSError):
            self._end_lost_zygote()
            return self._take_worker_and_folder(key, folders)

    def _take_worker_and_folder(self, key: WorkerKey, folders: contextlib.ExitStack) -> tuple[WorkerProcess, str]:
        zygote = self._running_zygote()
        folder = folders.enter_context(zygote.folders.create())
        worker = self._warm.pop(key, None)
        if worker is not None and (is_readable(worker.end_descriptor) or not still_stopped(worker)):
            self._discard(worker)  # it was ended, or continued, while it was idle
            worker = None
        return worker or zygote.spawn(key), folder

    def _running_zygote(self) -> ZygoteProcess:
        """Return the zygote. Start a new one if the previous one was ended while it was idle."""
        if self._zygote is not None and is_readable(self._zygote.fileno()):
            self._end_lost_zygote()
        self.start()
        assert self._zygote is not None  # noqa: S101 - started the line before
        return self._zygote

    def _keep(self, worker: WorkerProcess) -> None:
        self._warm[worker.key] = worker
        if len(self._warm) > MAX_WARM:
            _, oldest = self._warm.popitem(last=False)
            self._discard(oldest)

    def _discard(self, worker: WorkerProcess) -> None:
        if self._zygote is None:
            return
        try:
            self._zygote.end(worker)
            worker.close()
        except ZygoteGone:
            self._end_lost_zygote(worker)

    def _end_lost_zygote(self, *workers: WorkerProcess) -> None:
        """Take over from a lost zygote: end all worker processes and everything that they have started.

        On Linux the kernel has ended the worker processes together with the zygote, and their orphans are now children
        of this process.
        """
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.kill()
        for worker in (*self._warm.values(), *workers):
            worker.signal(signal.SIGKILL)
            worker.close()
        self._warm.clear()
        end_children(self._strays)
        if zygote is not None:
            zygote.folders.remove()

    def _strays(self) -> set[int]:
        """Return children of this process that descend from a worker process. Each worker process has a session that
        differs from this process's session."""
        own = os.getsid(0)
        return {
            pid
            for pid in children(os.getpid()) - self._foreign - ZygoteProcess.running
            if _session(pid) not in (own, None)
        }


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
