"""The supervisor: gives requests to warm workers, watches the runs, and ends what has to be ended."""

import contextlib
import os
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from interlock.sandbox.supervisor.cancel import CancelToken
from interlock.sandbox.supervisor.endings import Cancelled, Ending, LogLine, TimedOut, WorkerLost
from interlock.sandbox.supervisor.idle import still_stopped
from interlock.sandbox.supervisor.limits import Limits
from interlock.sandbox.supervisor.run import Run
from interlock.sandbox.supervisor.self_check import Condition, condition, repaired
from interlock.sandbox.supervisor.waiting import readable
from interlock.sandbox.supervisor.zygote_process import Key, Worker, ZygoteGone, ZygoteProcess
from interlock.sandbox.wire.processes import OUT_OF_DESCRIPTORS, adopt_orphans, children, end_children, hide_memory

MAX_WARM = 4


class Sandbox:
    """Runs a target, `module:function`, in worker processes: one a key, kept warm, one run at a time.

    The target gets `(request: bytes, channel: Channel)` and returns bytes. `preload` are modules that the zygote
    imports once for all workers, `env` is added to the environment of the workers. `closed_ports`: TCP ports that
    workers with the network cannot connect to either, where the kernel can hold them to that (Linux 6.7).

    What it does to this process: orphans among its descendants become its children (that is how they are found when
    the zygote was killed; children of this process that have a session of their own and come up later are taken for
    such), and on Linux its memory and environment are closed to other processes of the same user, debuggers included.
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
        self._warm: OrderedDict[Key, Worker] = OrderedDict()
        self._lock = threading.Lock()
        self._foreign: set[int] = set()
        self._noted: Condition | None = None
        self.unfit = False
        """Whether this process is to be ended after what it does now: it cannot be repaired, or ran out of
        descriptors."""

    def start(self) -> None:
        """Starts the zygote without waiting for it."""
        if self._zygote is None:
            adopt_orphans()
            hide_memory()
            self._foreign = children(os.getpid())
            self._noted = self._noted or condition(os.getpid())
            self._zygote = ZygoteProcess(self._target, self._preload, self._env, self._closed_ports)

    def run(
        self,
        key: str,
        request: bytes,
        limits: Limits,
        *,
        network: bool = False,
        cancel: CancelToken | None = None,
        on_progress: Callable[[float, str], None] = lambda _fraction, _message: None,
        on_log: Callable[[LogLine], None] = lambda _line: None,
        fill: Callable[[str], None] = lambda _folder: None,
    ) -> Ending:
        """Runs the target on a request in the worker of this key, and returns how that ended. `fill` puts into the
        directory of the run what is to be there when it begins; its time and that of a worker's start count for
        `total_s`. `network`: whether the worker may open connections; each key has a worker for either.

        When it returns, nothing that the run has started is running any more, and its directory is gone. So it is
        when it raises, as it does for what the callbacks raise, and OSError when this process is out of disk.
        """
        began = time.monotonic()
        with self._lock:
            try:
                return self._run(
                    (key, network), request, limits,
                    began=began, cancel=cancel, on_progress=on_progress, on_log=on_log, fill=fill,
                )  # fmt: skip
            except OSError as error:
                if error.errno not in OUT_OF_DESCRIPTORS:
                    raise
                self.unfit = True
                return WorkerLost(pid=0)
            finally:
                self._check()

    def _check(self) -> None:
        """Compares this process and the zygote with what was noted before any run."""
        if self._noted is None:
            return
        if not repaired(os.getpid(), self._noted):
            self.unfit = True
        elif self._zygote is not None and condition(self._zygote.pid) not in (None, self._noted):
            self._zygote_lost()
            self.start()

    def _run(
        self,
        key: Key,
        request: bytes,
        limits: Limits,
        *,
        began: float,
        cancel: CancelToken | None,
        on_progress: Callable[[float, str], None],
        on_log: Callable[[LogLine], None],
        fill: Callable[[str], None],
    ) -> Ending:
        with contextlib.ExitStack() as folders:
            if cancel is not None and cancel.is_set:
                return Cancelled(pid=0, how="stopped")
            try:
                worker, folder = self._prepared(key, folders)
            except ZygoteGone:
                return WorkerLost(pid=0)
            limits = replace(limits, total_s=limits.total_s - (time.monotonic() - began))
            ending, limits = self._filled(worker, folder, limits, fill, cancel)
            if ending is not None:
                return ending
            worker.go_on()
            try:
                run = Run(worker, self._zygote_now(), limits, cancel=cancel, on_progress=on_progress, on_log=on_log)
                ending, warm = run.until_over(request, folder)
            except ZygoteGone:
                self._zygote_lost(worker)
                self.start()  # now, since the next run would have to wait for it
                return WorkerLost(pid=worker.pid)
            except BaseException:  # of a callback, or Ctrl-C
                self._discard(worker)
                raise
            if warm:
                self._keep(worker)
            else:
                worker.close()
            return ending

    def _filled(
        self,
        worker: Worker,
        folder: str,
        limits: Limits,
        fill: Callable[[str], None],
        cancel: CancelToken | None,
    ) -> tuple[Ending | None, Limits]:
        """Fills the directory. An ending when there is no run after it: it was cancelled, or all the time is gone."""
        began = time.monotonic()
        try:
            fill(folder)
        except BaseException:
            self._keep(worker)  # it was not asked for anything
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
        """Ends the zygote with all workers."""
        with self._lock:
            if self._zygote is not None:
                self._zygote.close()
                self._zygote_lost()
                self._noted = None

    def _prepared(self, key: Key, folders: contextlib.ExitStack) -> tuple[Worker, str]:
        """The worker of the key, and a new directory. Once, all is made anew when the zygote is gone, or its directory
        can no more be used. Raises `ZygoteGone` and OSError."""
        try:
            return self._worker_and_folder(key, folders)
        except (ZygoteGone, OSError):
            self._zygote_lost()
            return self._worker_and_folder(key, folders)

    def _worker_and_folder(self, key: Key, folders: contextlib.ExitStack) -> tuple[Worker, str]:
        zygote = self._zygote_now()
        folder = folders.enter_context(zygote.folders.one())
        worker = self._warm.pop(key, None)
        if worker is not None and (readable(worker.end_sign) or not still_stopped(worker)):
            self._discard(worker)  # somebody ended it while it was idle, or had it run
            worker = None
        return worker or zygote.spawn(key), folder

    def _zygote_now(self) -> ZygoteProcess:
        """The zygote; a new one when somebody ended the last one while it was idle."""
        if self._zygote is not None and readable(self._zygote.fileno()):
            self._zygote_lost()
        self.start()
        assert self._zygote is not None  # noqa: S101 - started the line before
        return self._zygote

    def _keep(self, worker: Worker) -> None:
        self._warm[worker.key] = worker
        if len(self._warm) > MAX_WARM:
            _, oldest = self._warm.popitem(last=False)
            self._discard(oldest)

    def _discard(self, worker: Worker) -> None:
        if self._zygote is None:
            return
        try:
            self._zygote.end(worker)
            worker.close()
        except ZygoteGone:
            self._zygote_lost(worker)

    def _zygote_lost(self, *workers: Worker) -> None:
        """Does itself what the zygote was for: ends all workers, the warm ones and these, and what they have started.
        On Linux the kernel has ended the workers with the zygote, and made orphans our children."""
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
        """Our children that descend from a worker: each worker has a session of its own, and this process another."""
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
