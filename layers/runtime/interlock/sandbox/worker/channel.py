"""The messages that a running target sends to its supervisor."""

import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType as StackFrame

from interlock.sandbox.wire.protocol import (
    SMALL_FRAME_BYTES,
    Flag,
    FrameType,
    Progress,
    RunHeader,
    frame_head,
    log_body,
    progress_record,
    write_all,
)

ANSWERS = 4
"""The descriptor for frames."""

PROGRESS = 5
"""The descriptor of the slot for progress."""


class Channel:
    """The connection of a running target to its supervisor: progress, log lines, the answer, and a requested stop.

    Until `arm` is called, SIGTERM ends the process. From then on, it raises the given exception once, in the main
    thread.
    """

    def __init__(self, header: RunHeader) -> None:
        self._token = header.token
        self._exception: type[BaseException] | None = None
        self._flags = Flag.WARM
        self._progress_count = 0
        # The lock keeps other threads from writing between the parts of the answer. It is reentrant because a finalizer
        # may log at any moment in the thread that holds it.
        self._lock = threading.RLock()
        self._answering = False
        self.temp_dir = Path(header.temp_dir)
        self.deadline = time.time() + header.left_s
        self.cancelled = False

    def progress(self, fraction: float, message: str) -> None:
        """Report progress, from 0 to 1. A report costs one small write to shared memory, which the supervisor reads
        from time to time. A tool may report as often as it likes; the latest report is never delayed."""
        self._progress_count += 1
        progress = Progress(self._progress_count, min(1.0, max(0.0, fraction)), message)
        os.pwrite(PROGRESS, progress_record(self._token, progress), 0)

    def log(self, level: str, message: str) -> None:
        """Send a line for the job's log, cut to 1,000 characters."""
        self._send(FrameType.LOG, log_body(level, message))

    def arm(self, exception: type[BaseException]) -> None:
        """Raise this exception when a stop is requested. Call it in the main thread only."""
        self._exception = exception
        signal.signal(signal.SIGTERM, self._stop)

    @staticmethod
    def handles(handler: object) -> bool:
        """Return whether the handler of a signal is that of a channel."""
        return getattr(handler, "__func__", None) is Channel._stop

    def disarm(self) -> None:
        """Only record a requested stop from now on: the run is complete except for its answer."""
        self._exception = None

    def retire(self) -> None:
        """Request a fresh process after this run."""
        self._flags |= Flag.RETIRE

    def mark_interrupted(self) -> None:
        """Mark the answer as that of a run that was stopped."""
        self._flags |= Flag.INTERRUPTED

    def finish(self, answer: bytes, kind: FrameType = FrameType.RESULT) -> None:
        """Send the answer. Messages after it are ignored.

        A SIGTERM that arrives meanwhile stays pending, and ends the process after the answer: it may be meant for the
        next run, which the supervisor starts as soon as it has the answer.
        """
        self.disarm()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._answer(answer, kind)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

    def _answer(self, answer: bytes, kind: FrameType) -> None:
        with self._lock:
            self._answering = True
            head = frame_head(self._token, kind, len(answer), self._flags)
            if len(answer) < SMALL_FRAME_BYTES:
                write_all(ANSWERS, head + answer)
            else:
                write_all(ANSWERS, head)
                write_all(ANSWERS, answer)

    def _stop(self, _number: int, _frame: StackFrame | None) -> None:
        self.cancelled = True
        exception, self._exception = self._exception, None
        if exception is not None:
            raise exception

    def _send(self, kind: FrameType, body: bytes) -> None:
        # One write, complete or not at all: a stop may raise an exception between two writes.
        with self._lock:
            if not self._answering:
                os.write(ANSWERS, frame_head(self._token, kind, len(body)) + body)
