"""What the target of a run says to its supervisor while it runs."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType as StackFrame

from interlock.sandbox.wire.protocol import (
    SMALL_FRAME_BYTES,
    Flag,
    FrameType,
    RunHeader,
    Told,
    frame_head,
    log_body,
    progress_record,
    write_all,
)

ANSWERS = 4
"""The descriptor of a worker for its frames."""

PROGRESS = 5
"""The descriptor of a worker for its slot of progress."""


class Channel:
    """What a target has besides its request: it tells when it is ready and how far it is, and hears of a stop.

    SIGTERM ends the process until `arm` names an exception, which is then raised in the main thread, once.
    """

    def __init__(self, header: RunHeader, on_ready: Callable[[], None]) -> None:
        self._token = header.token
        self._wall_s = header.wall_s
        self._on_ready = on_ready
        self._exception: type[BaseException] | None = None
        self._flags = Flag.WARM
        self._progress_count = 0
        # A thread that still talks may not get between the parts of the answer. A finalizer talks in the same thread,
        # at any moment: it must not wait for itself.
        self._lock = threading.RLock()
        self._answering = False
        self.temp_dir = Path(header.temp_dir)
        self.deadline = time.time() + header.wall_s
        self.cancelled = False

    def ready(self) -> None:
        """Says that loading is over. From now on the wall-clock limit counts, and what a run changes in its process
        is noticed: so threads that are to stay warm, say of a native library, are to be started while loading."""
        self._on_ready()
        self.deadline = time.time() + self._wall_s
        self._send(FrameType.READY, b"")

    def progress(self, fraction: float, message: str) -> None:
        """Tells how far the run is, from 0 to 1. It costs one small write, to where the supervisor looks now and then:
        a tool may tell it as often as it likes, and the latest is never kept back."""
        self._progress_count += 1
        told = Told(self._progress_count, min(1.0, max(0.0, fraction)), message)
        os.pwrite(PROGRESS, progress_record(self._token, told), 0)

    def log(self, level: str, message: str) -> None:
        """Sends a line for the job's log, cut at 1,000 characters."""
        self._send(FrameType.LOG, log_body(level, message))

    def arm(self, exception: type[BaseException]) -> None:
        """From now on a stop is raised as this exception. Only in the main thread."""
        self._exception = exception
        signal.signal(signal.SIGTERM, self._stop)

    def disarm(self) -> None:
        """From now on a stop is only noted: the run is over but for its answer."""
        self._exception = None

    def retire(self) -> None:
        """Asks for a fresh process after this run."""
        self._flags |= Flag.RETIRE

    def interrupted(self) -> None:
        """Says that the answer is that of a run which was stopped."""
        self._flags |= Flag.INTERRUPTED

    def finish(self, answer: bytes) -> None:
        """Sends the answer. What is said after it is not heard.

        A stop that comes meanwhile waits: it may be for the next run, which the supervisor begins when it has the
        answer, and ends the process then.
        """
        self.disarm()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._answer(answer)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

    def _answer(self, answer: bytes) -> None:
        with self._lock:
            self._answering = True
            head = frame_head(self._token, FrameType.RESULT, len(answer), self._flags)
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
        # In one write, whole or not at all: a stop may be raised between two.
        with self._lock:
            if not self._answering:
                os.write(ANSWERS, frame_head(self._token, kind, len(body)) + body)
