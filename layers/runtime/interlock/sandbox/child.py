"""The worker: waits for a request, has the target answer it, sends the answer, and waits for the next."""

import contextlib
import importlib
import json
import locale
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType as StackFrame
from typing import Any, NoReturn

from interlock.sandbox.limits import bound_memory, no_core_dumps
from interlock.sandbox.protocol import SMALL_FRAME_BYTES, Flag, FrameType, RunHeader, frame, read_request, write_all

REQUESTS, ANSWERS = 3, 4
"""The descriptors of a worker besides the standard three. All others are closed."""

PROGRESS_PAUSE_S = 0.05
"""Progress in between is kept back, the last one excepted: a tool may tell it as often as it likes."""

MAX_TEXT = 500
EXIT_ESCAPED = 70
"""The exit code of a worker whose target let an exception out (EX_SOFTWARE of sysexits.h)."""

type Target = Callable[[bytes, Channel], bytes]


class Channel:
    """What a target has besides its request: it tells when it is ready and how far it is, and hears of a stop.

    SIGTERM ends the process until `arm` names an exception, which is then raised in the main thread, once.
    """

    def __init__(self, header: RunHeader) -> None:
        self._token = bytes.fromhex(header.token)
        self._wall_s = header.wall_s
        self._exception: type[BaseException] | None = None
        self._flags = Flag.WARM
        self._last_progress_at = 0.0
        self._kept_back: tuple[float, str] | None = None
        self.temp_dir = Path(header.temp_dir)
        self.deadline = time.time() + header.wall_s
        self.cancelled = False

    def ready(self) -> None:
        """Says that loading is over: from now on the wall-clock limit counts."""
        self.deadline = time.time() + self._wall_s
        self._send(FrameType.READY, b"")

    def progress(self, fraction: float, message: str) -> None:
        """Tells how far the run is; at most 20 times a second, and the last one before the end."""
        now = time.monotonic()
        if now - self._last_progress_at < PROGRESS_PAUSE_S:
            self._kept_back = (fraction, message)
            return
        self._last_progress_at, self._kept_back = now, None
        self._send(FrameType.PROGRESS, json.dumps([fraction, message[:MAX_TEXT]]).encode())

    def log(self, level: str, message: str) -> None:
        """Sends a line for the job's log, cut at 500 characters."""
        self._send(FrameType.LOG, json.dumps([level, message[:MAX_TEXT]]).encode())

    def arm(self, exception: type[BaseException]) -> None:
        """From now on a stop is raised as this exception."""
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
        """Sends the answer."""
        self.disarm()
        if self._kept_back is not None:
            self._last_progress_at = 0.0
            self.progress(*self._kept_back)
        write_all(ANSWERS, frame(self._token, FrameType.RESULT, bytes([self._flags]) + answer))

    def _stop(self, _number: int, _frame: StackFrame | None) -> None:
        self.cancelled = True
        exception, self._exception = self._exception, None
        if exception is not None:
            raise exception

    def _send(self, kind: FrameType, body: bytes) -> None:
        whole = frame(self._token, kind, body)
        # In one write, or not at all: a stop may be raised between two.
        if len(whole) <= SMALL_FRAME_BYTES:
            os.write(ANSWERS, whole)


def main(descriptors: list[int], target_path: str) -> NoReturn:
    """Never returns: the process ends when the supervisor closes the pipe, or by what the target does."""
    code = 0
    try:
        _own_process(descriptors)
        module, _, name = target_path.partition(":")
        _serve(getattr(importlib.import_module(module), name))
    except BaseException:  # of a target, or of our own: the exit code is the outcome
        with contextlib.suppress(OSError, ValueError):
            sys.excepthook(*sys.exc_info())
        code = _failed()
    os._exit(code)


def _failed() -> int:
    return EXIT_ESCAPED


def _own_process(descriptors: list[int]) -> None:
    """Own session and process group, five descriptors and no more, no core dumps, first to go when memory is short."""
    os.setsid()
    requests, answers, stdout, stderr = (os.dup2(one, 100 + n) for n, one in enumerate(descriptors))
    null = os.open(os.devnull, os.O_RDONLY)
    for source, number in ((null, 0), (stdout, 1), (stderr, 2), (requests, REQUESTS), (answers, ANSWERS)):
        os.dup2(source, number)
    os.closerange(ANSWERS + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    no_core_dumps()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _serve(target: Target) -> None:
    while (asked := read_request(REQUESTS)) is not None:
        header, request = asked
        before = _state()
        bound_memory(header.memory_mb)
        _move_to(header.temp_dir)
        channel = Channel(header)
        answer = target(request, channel)
        channel.disarm()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # closed
                stream.flush()
        _leave(header.temp_dir)
        if _state() != before:
            channel.retire()
        channel.finish(answer)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _move_to(folder: str) -> None:
    os.chdir(folder)
    os.environ["TMPDIR"] = os.environ["HOME"] = tempfile.tempdir = folder


def _leave(folder: str) -> None:
    """Out of the run's directory, if the code has not changed to another, which `_state` then shows."""
    with contextlib.suppress(OSError):
        if os.path.realpath(os.getcwd()) == os.path.realpath(folder):
            os.chdir("/")
    for name in ("TMPDIR", "HOME"):
        os.environ.pop(name, None)
    tempfile.tempdir = None


def _state() -> tuple[Any, ...]:
    """What a run has to leave as it found it, or its process is not used again: environment, working directory,
    locale, mask, Python threads, signal handlers, limits."""
    mask = os.umask(0o022)
    os.umask(mask)
    return (
        dict(os.environ),
        _working_directory(),
        locale.setlocale(locale.LC_ALL),
        mask,
        len(sys._current_frames()),  # noqa: SLF001 - also threads that the threading module does not know
        [signal.getsignal(number) for number in signal.valid_signals() if number != signal.SIGTERM],
        (sys.stdout, sys.stderr),
    )


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""
