"""The supervisor: sends requests to warm worker processes, watches the runs, and ends processes."""

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from interlock.sandbox.supervisor.cancel import CancelToken
from interlock.sandbox.supervisor.endings import Cancelled, Ending, LogLine, TimedOut, WorkerLost
from interlock.sandbox.supervisor.limits import Limits
from interlock.sandbox.supervisor.observers import Alarm, Observers
from interlock.sandbox.supervisor.pool import WorkerPool
from interlock.sandbox.supervisor.run import Run
from interlock.sandbox.supervisor.self_check import Condition, condition, repair
from interlock.sandbox.supervisor.worker_process import Code, WorkerKey, WorkerProcess
from interlock.sandbox.supervisor.zygote_process import Settings, ZygoteGone
from interlock.sandbox.wire.processes import OUT_OF_DESCRIPTORS, OUT_OF_PROCESSES

MAX_WARM = 4


class _Call(Struct, frozen=True):
    key: WorkerKey
    request: bytes
    limits: Limits
    observers: Observers
    fill: Callable[[str], None]
    once: bool


class Sandbox:
    """Runs a target (`module:function`) in worker processes, one run at a time.

    Code is loaded once, in a process that never sees a request: the template. Worker processes are forked from it, for
    one tenant each, and stay warm: at most `max_warm` of them, and as many templates. Code from which no process can be
    forked is loaded by each worker process.

    The target takes `(request: bytes, channel: Channel)` and returns bytes. `loader` (`module:function`) takes the same
    and returns None, or the answer to the request if the code cannot be loaded. The zygote imports the `preload`
    modules once for all processes, and `env` is added to their environment. Worker processes with the network cannot
    connect to `closed_ports` (TCP, from Linux 6.7), and all of them can write only to their own directory and to the
    `writable` folders (from Linux 5.19).

    Side effects on this process: orphaned descendants become its children, so that they can be ended after the zygote
    was killed. A child process that is started later, with a session that differs from this process's, is taken for
    such an orphan. On Linux, other processes of the same user, including debuggers, can no longer read this process's
    memory and environment.
    """

    def __init__(
        self,
        target: str,
        *,
        loader: str = "",
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        closed_ports: Sequence[int] = (),
        writable: Sequence[str] = (),
        max_warm: int = MAX_WARM,
    ) -> None:
        self._pool = WorkerPool(Settings((target, loader), preload, dict(env or {}), closed_ports, writable), max_warm)
        self._lock = threading.Lock()
        self._initial: Condition | None = None
        self.unfit = False
        """Whether this process must end after its current work, because it cannot be repaired or ran out of file
        descriptors."""

    def start(self) -> None:
        """Start the zygote without waiting for it."""
        self._pool.start()
        self._initial = self._initial or condition(os.getpid())

    def wait_until_ready(self) -> None:
        """Wait until the zygote has imported its modules. Raise `ZygoteGone` if it cannot start."""
        with self._lock:
            self._pool.running_zygote().sweep()

    def run(
        self,
        code: Code,
        tenant: str,
        request: bytes,
        limits: Limits,
        *,
        once: bool = False,
        cancel: CancelToken | None = None,
        alarm: Alarm | None = None,
        on_progress: Callable[[float, str], None] = lambda _fraction, _message: None,
        on_log: Callable[[LogLine], None] = lambda _line: None,
        on_unforkable: Callable[[str], None] = lambda _reason: None,
        fill: Callable[[str], None] = lambda _folder: None,
    ) -> Ending:
        """Run the target on a request in a worker process that has loaded the code and serves only this tenant. With
        `once`, the process serves no other request. Return how the run ended.

        `fill` writes files into the run's directory before the run. `alarm` rings while code is loaded or runs.
        `on_unforkable` gets the reason if a process that has loaded the code for this run cannot become its template.

        When the method returns or raises, nothing that the run started is running any more, and the run's directory has
        been removed. Raises exceptions of the callbacks, and OSError if the disk is full.
        """
        observers = Observers(cancel, alarm or Alarm.never(), on_progress, on_log, on_unforkable)
        call = _Call(WorkerKey(code, tenant), request, limits, observers, fill, once)
        with self._lock:
            return Cancelled(pid=0, how="stopped") if cancel is not None and cancel.is_set else self._run_or_lose(call)

    def _run_or_lose(self, call: _Call) -> Ending:
        try:
            return self._run(call)
        except ZygoteGone:
            return WorkerLost(pid=0)
        except OSError as error:
            if error.errno not in (*OUT_OF_DESCRIPTORS, *OUT_OF_PROCESSES):
                raise
            self.unfit = self.unfit or error.errno in OUT_OF_DESCRIPTORS
            return WorkerLost(pid=0)
        finally:
            self._check()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._pool.close()
            self._initial = None

    def _check(self) -> None:
        """Compare this process and the zygote with their condition at the start. Repair this process; replace a changed
        zygote."""
        if self._initial is None:
            return
        zygote = self._pool.zygote
        if not repair(os.getpid(), self._initial):
            self.unfit = True
        elif zygote is not None and condition(zygote.pid) not in (None, self._initial):
            self._restart()

    def _restart(self, *workers: WorkerProcess) -> None:
        """End all processes. Start a new zygote now, so that the next run does not have to wait for it."""
        self._pool.end_all(*workers)
        self._pool.start()

    def _run(self, call: _Call) -> Ending:
        with contextlib.ExitStack() as folders:
            worker = self._warm_worker(call, folders) or self._new_worker(call, folders)
            if not isinstance(worker, WorkerProcess):
                return worker
            folder = worker.folder.run_path
            try:
                ending = self._fill(call, folder)
            except BaseException:
                self._keep(call, worker)  # it has not received a request
                raise
            if ending is None:
                return self._serve(call, worker, folder)
            self._keep(call, worker)
            return ending

    def _fill(self, call: _Call, folder: str) -> Ending | None:
        """Fill the run's directory. Return an ending if the run was cancelled or its time is over before it starts."""
        call.fill(folder)
        cancel = call.observers.cancel
        if cancel is not None and cancel.is_set:
            return Cancelled(pid=0, how="stopped")
        if call.limits.deadline.passed:
            return TimedOut(pid=0, how="stopped", while_loading=False, past_deadline=True)
        return None

    def _serve(self, call: _Call, worker: WorkerProcess, folder: str) -> Ending:
        run = Run(worker, self._pool.current_zygote, call.limits, call.observers)
        ending, warm = self._watch(run, call.request, worker, folder)
        if warm:
            self._keep(call, worker)
        return ending

    def _watch(self, run: Run, request: bytes, worker: WorkerProcess, folder: str) -> tuple[Ending, bool]:
        """Wait for the end of a run. Return the ending, and whether the process may be used again. If not, or if this
        raises, it has ended."""
        try:
            ending, warm = run.wait_until_over(request, folder)
        except ZygoteGone:
            self._restart(worker)
            return WorkerLost(pid=worker.pid), False
        except BaseException:  # raised by a callback, or by Ctrl-C
            self._pool.discard(worker)
            raise
        if not warm:
            worker.close()
        return ending, warm

    def _keep(self, call: _Call, worker: WorkerProcess) -> None:
        if call.once:
            self._pool.discard(worker)
        else:
            self._pool.warm.keep(call.key, worker)

    def _warm_worker(self, call: _Call, folders: contextlib.ExitStack) -> WorkerProcess | None:
        """Return the warm worker process of the key with a new directory for the run, if there is one."""
        self._pool.running_zygote()
        worker = None if call.once else self._pool.warm.take(call.key)
        if worker is None:
            return None
        try:
            folders.enter_context(worker.folder.create_for_run())
        except OSError:  # code has removed it
            self._pool.discard(worker)
            return None
        return worker

    def _new_worker(self, call: _Call, folders: contextlib.ExitStack) -> WorkerProcess | Ending:
        """Return a new worker process that has loaded the code, with a directory for the run. If the code was not
        loaded, return the ending of the run instead. Raise `ZygoteGone` or OSError."""
        code = call.key.code
        worker = self._pool.fork(code) or self._load(call)
        if isinstance(worker, WorkerProcess) and worker.forks is not None:
            worker = self._pool.fork(code) or self._load(call, "no process could be forked from it")
        if not isinstance(worker, WorkerProcess):
            return worker
        try:
            folders.enter_context(worker.folder.create_for_run())
        except OSError:
            self._pool.discard(worker)
            raise
        return worker

    def _load(self, call: _Call, unforkable: str = "") -> WorkerProcess | Ending:
        """Return a new process that has loaded the code, or the ending of the run if loading fails. The process becomes
        a template if it can. Otherwise, or if `unforkable` gives a reason, it serves requests itself."""
        code = call.key.code
        worker = self._pool.spawn(network=code.network)
        try:
            folder = worker.folder.create_for_loading()
        except OSError:
            self._pool.discard(worker)
            raise
        run = Run(worker, self._pool.current_zygote, call.limits, call.observers, loading=True)
        ending, loaded = self._watch(run, code.request, worker, folder)
        if not loaded:
            return ending
        if code.fork_safe:
            unforkable = unforkable or self._why_unforkable(run) or self._keep_template(code, worker)
            if not unforkable:
                return worker
            call.observers.on_unforkable(unforkable)
        worker.serve_itself()
        worker.resume()
        return worker

    def _why_unforkable(self, run: Run) -> str:
        left = run.unforkable
        if not left and self._pool.current_zygote.has_strays():
            left = "processes that are no longer its children"
        return f"loading it leaves behind: {left}" if left else ""

    def _keep_template(self, code: Code, worker: WorkerProcess) -> str:
        """Keep a template, or return why it cannot be one."""
        return "" if self._pool.keep_template(code, worker) else "its process does not stop"
