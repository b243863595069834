"""A run of a worker process: wait for its frames, output, limits, a cancel and its end at once."""

import os
import signal
import time
from collections.abc import Iterator
from enum import Enum, auto

from interlock.domain.stop import Stopped
from interlock.sandbox.supervisor.endings import (
    Cancelled,
    Completed,
    Crashed,
    Ending,
    LogLine,
    MemoryExceeded,
    OutputTooLarge,
    TimedOut,
)
from interlock.sandbox.supervisor.idle import stops_for_good
from interlock.sandbox.supervisor.limits import Limits
from interlock.sandbox.supervisor.memory import MemoryWatch
from interlock.sandbox.supervisor.observers import Observers
from interlock.sandbox.supervisor.output import OutputLines, discard
from interlock.sandbox.supervisor.polling import Poller
from interlock.sandbox.supervisor.worker_process import WorkerProcess
from interlock.sandbox.supervisor.zygote_process import ZygoteGone, ZygoteProcess
from interlock.sandbox.wire.processes import descendants
from interlock.sandbox.wire.protocol import (
    FIRST_READ_BYTES,
    MIB,
    READ_BYTES,
    SLOT_BYTES,
    TOKEN_BYTES,
    Flag,
    Frame,
    FrameReader,
    FrameType,
    RunHeader,
    TooLarge,
    read_loaded,
    read_log,
    read_progress,
    request_head,
)

_LAST_READS = 40
"""Maximum number of reads from the pipe of a worker process that has ended: enough for all that the pipe holds, and
bounded in case another process still writes."""


class Stop(Enum):
    """The reason for asking a run to stop."""

    CANCEL = auto()
    TIME = auto()


class Over(Enum):
    """The reason why waiting is over."""

    ANSWERED = auto()
    DIED = auto()
    STUBBORN = auto()
    MEMORY = auto()
    TOO_LARGE = auto()


class Run:
    """Sends a request to a worker process and waits for the end of the run.

    With `loading`, the request is to load code. If that succeeds, `unforkable` is set to the reason why no process may
    be forked from this one, or to an empty text if there is none.

    Each turn of the loop reads every descriptor at most once and a bounded amount, so that no output delays a deadline,
    a memory check or a cancel. The first reason to stop counts: a cancelled run cannot time out any more, and vice
    versa.
    """

    def __init__(
        self,
        worker: WorkerProcess,
        zygote: ZygoteProcess,
        limits: Limits,
        observers: Observers,
        *,
        loading: bool = False,
    ) -> None:
        self._worker = worker
        self._zygote = zygote
        self._limits = limits
        self._loading = loading
        self._cancel = observers.cancel
        self._alarm = observers.alarm
        self._on_progress = observers.on_progress
        self._output = OutputLines(observers.on_log)
        self._token = os.urandom(TOKEN_BYTES)
        self._frames = FrameReader(self._token, limits.result_bytes)
        self._memory = MemoryWatch(limits.memory_mb, self._processes)
        self._poller = Poller()
        self._read_bytes = FIRST_READ_BYTES
        self._unsent: list[memoryview] = []
        own_end = time.monotonic() + (limits.load_s if loading else limits.wall_s)
        self._ends_at = min(own_end, limits.deadline.at)
        self._by_deadline = limits.deadline.at <= own_end
        self._stop: Stop | None = None
        self._over: Over | None = None
        self._answer = Frame(FrameType.RESULT, Flag.RETIRE, b"")
        self._size_bytes = 0
        self._progress_count = 0
        self.unforkable: str | None = None

    def wait_until_over(self, request: bytes, temp_dir: str) -> tuple[Ending, bool]:
        """Return the ending, and whether the worker process may be used again. If not, it has ended. Raises
        `ZygoteGone`."""
        header = RunHeader(self._token, self._ends_at - time.monotonic(), self._limits.memory_mb, temp_dir)
        self._unsent = [memoryview(part) for part in (request_head(header, len(request)), request) if part]
        discard(self._worker.stdout, self._worker.stderr)
        self._register_handlers()
        if self._worker.stopped is None:
            # The process is already running. A SIGCONT sent after the request could arrive when it has answered and
            # stopped itself.
            self._worker.resume()
            self._send()
        else:
            self._send()  # a short request fits into the pipe, so the worker process wakes up only once
            self._worker.resume()
        self._watch()
        self._check_progress()
        ended = self._ending()
        self._output.finish(self._worker.stdout, self._worker.stderr)
        return ended

    def _register_handlers(self) -> None:
        worker, register = self._worker, self._poller.register
        register(worker.requests, self._send, to_write=True)
        register(worker.answers, self._receive)
        register(worker.stdout, lambda: self._read_output(worker.stdout, "stdout"))
        register(worker.stderr, lambda: self._read_output(worker.stderr, "stderr"))
        register(self._zygote.fileno(), self._zygote_ended)
        if worker.exited >= 0:
            register(worker.exited, self._worker_ended)
        if self._cancel is not None:
            register(self._cancel.fileno(), self._cancel_asked)

    def _watch(self) -> None:
        while self._over is None:
            next_at = min(self._ends_at, self._memory.next_look_at, self._alarm.at)
            for handle in self._poller.wait(next_at - time.monotonic()):
                handle()
                if self._over is not None:
                    return
            self._alarm.ring_if_due()
            now = time.monotonic()
            if now >= self._ends_at:
                self._out_of_time()
            if self._over is None and now >= self._memory.next_look_at:
                self._check_progress()
                self._check_memory()

    # --- Events during the run ---

    def _send(self) -> None:
        try:
            sent = os.writev(self._worker.requests, self._unsent)
        except BlockingIOError:
            return
        except BrokenPipeError:
            sent, self._unsent = 0, []  # the process has ended: another descriptor reports it
        while self._unsent and sent >= len(self._unsent[0]):
            sent -= len(self._unsent.pop(0))
        if self._unsent:
            self._unsent[0] = self._unsent[0][sent:]
        else:
            self._poller.unregister(self._worker.requests)

    def _receive(self) -> bool:
        """Read frames. Return False if nothing can be read now."""
        try:
            data = os.read(self._worker.answers, self._read_bytes)
        except BlockingIOError:
            return False
        if len(data) == self._read_bytes:
            self._read_bytes = READ_BYTES
        if not data:
            # The code has closed the pipe, or the process has ended. Without a pidfd, both count as its end.
            self._poller.unregister(self._worker.answers)
            if self._worker.exited < 0:
                self._over = Over.DIED
            return False
        try:
            for frame in self._frames.feed(data):
                self._take(frame)
        except TooLarge as error:
            self._over, self._size_bytes = Over.TOO_LARGE, error.size_bytes
        return True

    def _take(self, frame: Frame) -> None:
        if frame.kind is FrameType.RESULT:
            self._answer, self._over = frame, Over.ANSWERED
        elif frame.kind is FrameType.LOG:
            level, message = read_log(frame.body)
            self._output.add(LogLine("log", message, level))
        elif self._loading:
            self._answer, self._over = frame, Over.ANSWERED
            self._worker.threads, self.unforkable = read_loaded(frame.body)

    def _read_output(self, descriptor: int, stream: str) -> None:
        if not self._output.read(descriptor, stream):
            self._poller.unregister(descriptor)

    def _worker_ended(self) -> None:
        """Handle the end of the process, which may have sent an answer just before."""
        for _ in range(_LAST_READS):
            if self._over is not None or self._worker.answers not in self._poller or not self._receive():
                break
        self._over = self._over or Over.DIED

    def _zygote_ended(self) -> None:
        raise ZygoteGone

    def _cancel_asked(self) -> None:
        if self._cancel is not None:
            self._poller.unregister(self._cancel.fileno())
        self._ask_to_stop(Stop.CANCEL)

    def _out_of_time(self) -> None:
        if self._stop is None:
            self._ask_to_stop(Stop.TIME)
        else:
            self._over = Over.STUBBORN

    def _ask_to_stop(self, stop: Stop) -> None:
        if self._stop is None:
            self._stop = stop
            self._ends_at = time.monotonic() + self._limits.grace_s
            self._worker.signal(signal.SIGTERM)

    def _check_progress(self) -> None:
        progress = read_progress(self._token, os.pread(self._worker.progress, SLOT_BYTES, 0))
        if progress is not None and progress.count != self._progress_count:
            self._progress_count = progress.count
            self._on_progress(progress.fraction, progress.message)

    def _check_memory(self) -> None:
        size = self._memory.look()
        if size is not None:
            self._over, self._size_bytes = Over.MEMORY, size

    def _processes(self) -> Iterator[int]:
        """Yield the worker process and everything that it has started. All other processes below the zygote are idle
        worker processes."""
        others = self._zygote.workers - {self._worker.pid}
        return (pid for pid in descendants(self._zygote.pid) if pid not in others)

    # --- The result ---

    def _ending(self) -> tuple[Ending, bool]:
        pid = self._worker.pid
        if self._over is Over.ANSWERED:
            return self._answered()
        status = self._zygote.end(self._worker)
        match self._over, self._stop:
            case Over.MEMORY, _:
                return MemoryExceeded(pid=pid, resident_mb=self._size_bytes // MIB), False
            case Over.TOO_LARGE, _:
                return OutputTooLarge(pid=pid, size_bytes=self._size_bytes), False
            case Over.STUBBORN, stop:
                return self._stopped(stop, "killed"), False
            case Over.DIED, Stop() as stop:
                return self._stopped(stop, "stopped"), False
            case _:
                code = os.waitstatus_to_exitcode(status)
                exit_code, number = (code, None) if code >= 0 else (None, -code)
                return Crashed(pid=pid, exit_code=exit_code, signal=number, while_loading=self._loading), False

    def _answered(self) -> tuple[Ending, bool]:
        flags, stop = self._answer.flags, self._stop
        warm = stop is None and Flag.RETIRE not in flags and self._may_stay()
        if not warm:
            self._zygote.end(self._worker)
        if stop is Stop.TIME or (stop is Stop.CANCEL and (self._loading or Flag.INTERRUPTED in flags)):
            return self._stopped(stop, "stopped"), False
        return Completed(pid=self._worker.pid, payload=self._answer.body), warm

    def _may_stay(self) -> bool:
        if self._loading:  # whatever it has started, it has not received any input
            return self.unforkable is not None
        worker = self._worker
        return stops_for_good(worker, self._zygote, threads=worker.threads, memory_mb=self._limits.memory_mb)

    def _stopped(self, stop: Stop | None, how: Stopped) -> Ending:
        if stop is Stop.CANCEL:
            return Cancelled(pid=self._worker.pid, how=how)
        return TimedOut(pid=self._worker.pid, how=how, while_loading=self._loading, past_deadline=self._by_deadline)
