"""The supervisor: gives requests to warm workers, watches the runs, and ends what has to be ended."""

import contextlib
import os
import select
import shutil
import signal
import stat
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from interlock.sandbox.cancel import CancelToken
from interlock.sandbox.endings import Ending, LogLine, WorkerLost
from interlock.sandbox.limits import Limits
from interlock.sandbox.processes import adopt_orphans, children, descendants, send
from interlock.sandbox.run import Run
from interlock.sandbox.workers import Worker, ZygoteGone, ZygoteProcess

MAX_WARM = 4


class Sandbox:
    """Runs a target, `module:function`, in worker processes: one a key, kept warm, one run at a time.

    The target gets `(request: bytes, channel: Channel)` and returns bytes. `preload` are modules that the zygote
    imports once for all workers. All children of this process that come up while the sandbox is there are taken for
    its own: that is how orphans are found when the zygote was killed.
    """

    def __init__(self, target: str, *, preload: Sequence[str] = (), env: Mapping[str, str] | None = None) -> None:
        self._target = target
        self._preload = preload
        self._env = dict(env or {})
        self._zygote: ZygoteProcess | None = None
        self._warm: OrderedDict[str, Worker] = OrderedDict()
        self._lock = threading.Lock()
        self._foreign = frozenset(children(os.getpid()))

    def start(self) -> None:
        """Starts the zygote without waiting for it."""
        if self._zygote is None:
            adopt_orphans()
            self._zygote = ZygoteProcess(self._target, self._preload, self._env)

    def run(
        self,
        key: str,
        request: bytes,
        limits: Limits,
        *,
        cancel: CancelToken | None = None,
        on_progress: Callable[[float, str], None] = lambda _fraction, _message: None,
        on_log: Callable[[LogLine], None] = lambda _line: None,
    ) -> Ending:
        """Runs the target on a request in the worker of this key, and returns how that ended.

        When it returns, nothing that the run has started is running any more, and its directory is gone.
        """
        with self._lock, _TemporaryDirectory() as folder:
            worker = None
            try:
                worker = self._worker(key)
                run = Run(worker, self._zygote_now(), limits, cancel=cancel, on_progress=on_progress, on_log=on_log)
                ending, warm = run.until_over(request, folder)
                if warm:
                    self._keep(worker)
                else:
                    worker.close()
            except ZygoteGone:
                self._zygote_lost(worker)
                return WorkerLost(pid=worker.pid if worker else 0)
            return ending

    def close(self) -> None:
        """Ends the zygote with all workers."""
        with self._lock:
            for worker in self._warm.values():
                worker.close()
            self._warm.clear()
            if self._zygote is not None:
                self._zygote.close()
                self._zygote = None

    def _zygote_now(self) -> ZygoteProcess:
        self.start()
        assert self._zygote is not None  # noqa: S101 - started the line before
        return self._zygote

    def _worker(self, key: str) -> Worker:
        """The warm worker of the key, or a new one. A zygote or worker that died while idle is replaced unseen."""
        if self._zygote is not None and _readable(self._zygote.fileno()):
            self._zygote_lost(None)
        worker = self._warm.pop(key, None)
        if worker is not None:
            if not _readable(worker.exited if worker.exited >= 0 else worker.answers):
                return worker
            self._discard(worker)
        return self._zygote_now().spawn(key)

    def _keep(self, worker: Worker) -> None:
        self._warm[worker.key] = worker
        if len(self._warm) > MAX_WARM:
            _, oldest = self._warm.popitem(last=False)
            self._discard(oldest)

    def _discard(self, worker: Worker) -> None:
        self._zygote_now().end(worker)
        worker.close()

    def _zygote_lost(self, worker: Worker | None) -> None:
        """Somebody killed the zygote. The kernel ended its workers; what they had started was handed to us."""
        for one in [*self._warm.values(), *([worker] if worker else [])]:
            one.signal(signal.SIGKILL)
            one.close()
        self._warm.clear()
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None
        while strays := children(os.getpid()) - self._foreign:
            for pid in strays | {below for stray in strays for below in descendants(stray)}:
                send(pid, signal.SIGKILL)
            for pid in strays:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class _TemporaryDirectory:
    """A directory of one run. It goes with all that is in it, whatever modes the code has set."""

    def __enter__(self) -> str:
        self._path = tempfile.mkdtemp(prefix="interlock-")
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, onexc=_make_removable)


def _make_removable(remove: Callable[..., Any], path: str, _: BaseException) -> None:
    with contextlib.suppress(OSError):
        Path(path).parent.chmod(stat.S_IRWXU)
        os.chmod(path, stat.S_IRWXU, follow_symlinks=False) if not os.path.islink(path) else None
        remove(path)
