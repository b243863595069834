"""One run of a worker, watched: its frames, its output, its limits, a cancel, its end; all waited for at once."""

import json
import os
import selectors
import signal
import time
from collections.abc import Callable
from enum import Enum, auto

from interlock.sandbox.cancel import CancelToken
from interlock.sandbox.endings import (
    Cancelled,
    Completed,
    Crashed,
    Ending,
    How,
    LogLine,
    MemoryExceeded,
    OutputTooLarge,
    TimedOut,
)
from interlock.sandbox.limits import MIB, Limits
from interlock.sandbox.output import OutputLines
from interlock.sandbox.processes import children, resident_bytes
from interlock.sandbox.protocol import Flag, FrameReader, FrameType, RunHeader, TooLarge, request_frame
from interlock.sandbox.workers import Worker, ZygoteGone, ZygoteProcess

MEMORY_PERIOD_S = 0.1
READ_BYTES = 1 << 20
FRAME_OVERHEAD_BYTES = 4096


class Stop(Enum):
    """Why a run was asked to stop."""

    CANCEL = auto()
    TIME = auto()


class Over(Enum):
    """Why there is nothing to wait for any more."""

    ANSWERED = auto()
    DIED = auto()
    STUBBORN = auto()
    MEMORY = auto()
    TOO_LARGE = auto()


class Run:
    """Gives a request to a worker and waits for the end."""

    def __init__(
        self,
        worker: Worker,
        zygote: ZygoteProcess,
        limits: Limits,
        *,
        cancel: CancelToken | None,
        on_progress: Callable[[float, str], None],
        on_log: Callable[[LogLine], None],
    ) -> None:
        self._worker = worker
        self._zygote = zygote
        self._limits = limits
        self._cancel = cancel
        self._on_progress = on_progress
        self._output = OutputLines(limits.log_lines, limits.log_bytes, on_log)
        self._token = os.urandom(16)
        self._frames = FrameReader(self._token, limits.result_bytes + FRAME_OVERHEAD_BYTES)
        self._selector = selectors.DefaultSelector()
        self._unsent = memoryview(b"")
        self._deadline = time.monotonic() + (limits.wall_s if worker.loaded else limits.load_s)
        self._stop: Stop | None = None
        self._over: Over | None = None
        self._answer = b""
        self._size_bytes = 0

    def until_over(self, request: bytes, temp_dir: str) -> tuple[Ending, bool]:
        """The ending, and whether the worker may be used again; if not, it is gone. Raises `ZygoteGone`."""
        header = RunHeader(self._token.hex(), self._limits.wall_s, self._limits.memory_mb, temp_dir)
        self._unsent = memoryview(request_frame(header, request))
        self._output.discard(self._worker.stdout, self._worker.stderr)
        with self._selector:
            self._register()
            self._watch()
        try:
            return self._ending()
        finally:
            self._output.finish(self._worker.stdout, self._worker.stderr)

    def _register(self) -> None:
        register, worker = self._selector.register, self._worker
        register(worker.requests, selectors.EVENT_WRITE, self._send)
        register(worker.answers, selectors.EVENT_READ, self._receive)
        register(worker.stdout, selectors.EVENT_READ, lambda: self._read_output(worker.stdout))
        register(worker.stderr, selectors.EVENT_READ, lambda: self._read_output(worker.stderr))
        register(self._zygote, selectors.EVENT_READ, self._zygote_ended)
        if worker.exited >= 0:
            register(worker.exited, selectors.EVENT_READ, self._worker_ended)
        if self._cancel is not None:
            register(self._cancel, selectors.EVENT_READ, self._cancel_asked)

    def _watch(self) -> None:
        next_look = time.monotonic() + MEMORY_PERIOD_S
        while self._over is None:
            wait_s = min(self._deadline, next_look) - time.monotonic()
            for key, _ in self._selector.select(max(0.0, wait_s)):
                key.data()
            now = time.monotonic()
            if self._over is None and now >= self._deadline:
                self._out_of_time()
            if self._over is None and now >= next_look:
                next_look = now + MEMORY_PERIOD_S
                self._look_at_memory()

    # --- What may happen while it runs ---

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._worker.requests, self._unsent[:READ_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent = memoryview(b"")  # it is dead: its end comes by another descriptor
        if not self._unsent:
            self._selector.unregister(self._worker.requests)

    def _receive(self) -> bool:
        """Reads frames; False when there is nothing to read now."""
        try:
            data = os.read(self._worker.answers, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            # Closed by the code, or by its death. Where there is no other word of a death, this is taken for it.
            self._selector.unregister(self._worker.answers)
            if self._worker.exited < 0:
                self._over = Over.DIED
            return False
        try:
            for kind, body in self._frames.feed(data):
                self._take(kind, body)
        except TooLarge as error:
            self._over, self._size_bytes = Over.TOO_LARGE, error.size_bytes
        return True

    def _take(self, kind: FrameType, body: bytes) -> None:
        match kind:
            case FrameType.RESULT:
                self._answer, self._over = body, Over.ANSWERED
            case FrameType.READY if not self._worker.loaded:
                self._worker.loaded = True
                if self._stop is None:
                    self._deadline = time.monotonic() + self._limits.wall_s
            case FrameType.PROGRESS:
                fraction, message = json.loads(body)
                self._on_progress(fraction, message)
            case FrameType.LOG:
                level, message = json.loads(body)
                self._output.add(LogLine("log", message, level))

    def _read_output(self, descriptor: int) -> None:
        if not self._output.read(descriptor, "stdout" if descriptor == self._worker.stdout else "stderr"):
            self._selector.unregister(descriptor)

    def _worker_ended(self) -> None:
        """It died; it may have answered just before."""
        while self._over is None and self._worker.answers in self._selector.get_map() and self._receive():
            pass
        self._over = self._over or Over.DIED

    def _zygote_ended(self) -> None:
        raise ZygoteGone

    def _cancel_asked(self) -> None:
        self._selector.unregister(self._cancel)  # type: ignore[arg-type]
        self._ask_to_stop(Stop.CANCEL)

    def _out_of_time(self) -> None:
        if self._stop is None:
            self._ask_to_stop(Stop.TIME)
        else:
            self._over = Over.STUBBORN

    def _ask_to_stop(self, stop: Stop) -> None:
        if self._stop is None:
            self._stop = stop
            self._deadline = time.monotonic() + self._limits.grace_s
            self._worker.signal(signal.SIGTERM)

    def _look_at_memory(self) -> None:
        self._size_bytes = resident_bytes(self._worker.pid)
        if self._size_bytes > self._limits.memory_mb * MIB:
            self._over = Over.MEMORY

    # --- What it comes to ---

    def _ending(self) -> tuple[Ending, bool]:
        pid = self._worker.pid
        if self._over is Over.ANSWERED:
            return self._answered()
        loading = not self._worker.loaded
        status = self._zygote.end(self._worker)
        match self._over, self._stop:
            case Over.MEMORY, _:
                return MemoryExceeded(pid=pid, resident_mb=self._size_bytes // MIB), False
            case Over.TOO_LARGE, _:
                return OutputTooLarge(pid=pid, size_bytes=self._size_bytes), False
            case Over.STUBBORN, _:
                return self._stopped("killed", while_loading=loading), False
            case Over.DIED, Stop():
                return self._stopped("stopped", while_loading=loading), False
            case _:
                code = os.waitstatus_to_exitcode(status) if status is not None else 0
                exit_code, number = (code, None) if code >= 0 else (None, -code)
                return Crashed(pid=pid, exit_code=exit_code, signal=number, while_loading=loading), False

    def _answered(self) -> tuple[Ending, bool]:
        flags, payload = Flag(self._answer[0]) if self._answer else Flag.RETIRE, self._answer[1:]
        # A worker with children, be they ended and not reaped, is not what it was before.
        warm = self._stop is None and Flag.RETIRE not in flags and not children(self._worker.pid)
        if not warm:
            self._zygote.end(self._worker)
        elif len(children(self._zygote.pid)) > self._zygote.workers:
            # What a run has started ends with it: here what has left its worker's family.
            self._zygote.sweep(self._worker)
        if self._stop is Stop.TIME or (self._stop is Stop.CANCEL and Flag.INTERRUPTED in flags):
            return self._stopped("stopped", while_loading=False), False
        return Completed(pid=self._worker.pid, payload=payload), warm

    def _stopped(self, how: How, *, while_loading: bool) -> Ending:
        if self._stop is Stop.CANCEL:
            return Cancelled(pid=self._worker.pid, how=how)
        return TimedOut(pid=self._worker.pid, how=how, while_loading=while_loading)
