"""A sandbox without processes, for tests of plugins: the tool runs in the thread that calls it.

Debuggers, coverage and patches reach the tool. Of the limits, only the time is enforced; a crash ends the tests.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock import sandbox
from interlock.domain.events import TRACEBACK
from interlock.sandbox import LogLine
from interlock.tools.tool_runner import serve_class

if TYPE_CHECKING:
    from interlock.domain.stop import Stopped
    from interlock.sandbox import Alarm, CancelToken, Channel, Code, Ending, Limits

_STOPPED: Stopped = "stopped"


class InProcessSandbox:
    """Runs one plugin class with the interface of `interlock.sandbox.Sandbox`. `error` is the exception that ended the
    last run, if one did."""

    unfit = False

    def __init__(self, plugin: type[Any]) -> None:
        self._plugin = plugin
        self.error: BaseException | None = None

    def run(
        self,
        code: Code,
        tenant: str,  # noqa: ARG002
        request: bytes,
        limits: Limits,
        *,
        once: bool,  # noqa: ARG002
        cancel: CancelToken,
        alarm: Alarm | None,  # noqa: ARG002
        on_progress: Callable[[float, str], None],
        on_log: Callable[[LogLine], None],
        on_unforkable: Callable[[str], None],  # noqa: ARG002
        fill: Callable[[str], None],
    ) -> Ending:
        """Run a request. Raises KeyboardInterrupt if the developer interrupts the tool."""
        with _run_folder() as folder:
            fill(str(folder))
            left_s = min(limits.wall_s, limits.deadline.left_s)
            channel = _InProcessChannel(folder, left_s, cancel, on_progress, on_log)
            with _stops(channel, cancel, left_s):
                answer = serve_class(self._plugin, code.request, request, _as_channel(channel))
        self.error = channel.error
        if isinstance(channel.error, KeyboardInterrupt):
            raise channel.error
        if not channel.interrupted:
            return sandbox.Completed(pid=os.getpid(), payload=answer)
        if cancel.is_set:
            return sandbox.Cancelled(pid=os.getpid(), how=_STOPPED)
        return sandbox.TimedOut(pid=os.getpid(), how=_STOPPED, while_loading=False)


class _InProcessChannel:
    """The `interlock.sandbox.Channel` of a run in this process."""

    def __init__(
        self,
        folder: Path,
        left_s: float,
        cancel: CancelToken,
        on_progress: Callable[[float, str], None],
        on_log: Callable[[LogLine], None],
    ) -> None:
        self._cancel = cancel
        self._on_progress = on_progress
        self._on_log = on_log
        self._exception: type[BaseException] | None = None
        self.temp_dir = folder
        self.deadline = time.time() + left_s
        self.cancelled = False
        self.interrupted = False
        self.error: BaseException | None = None

    def progress(self, fraction: float, message: str) -> None:
        self._on_progress(fraction, message)
        if self._cancel.is_set:
            self.stop()

    def log(self, level: str, message: str) -> None:
        if level == TRACEBACK:
            self.error = sys.exception()
        self._on_log(LogLine("log", message, level))

    def arm(self, exception: type[BaseException]) -> None:
        self._exception = exception

    def disarm(self) -> None:
        self._exception = None

    def stop(self) -> None:
        """Request the stop, and raise the armed exception, once."""
        self.cancelled = True
        exception, self._exception = self._exception, None
        if exception is not None:
            raise exception

    def mark_interrupted(self) -> None:
        self.interrupted = True

    def retire(self) -> None:
        """Do nothing: no process is used again."""


def _as_channel(channel: _InProcessChannel) -> Channel:
    found: Any = channel
    return found  # type: ignore[no-any-return]


@contextlib.contextmanager
def _run_folder() -> Iterator[Path]:
    """Work in an empty directory, which `tempfile` uses as well, as a worker process does."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="interlock-run-") as name:
        folder = Path(name).resolve()
        tempfile.tempdir = str(folder)
        try:
            with contextlib.chdir(folder):
                yield folder
        finally:
            tempfile.tempdir = before


@contextlib.contextmanager
def _stops(channel: _InProcessChannel, cancel: CancelToken, limit_s: float) -> Iterator[None]:
    """Stop the run on a cancel and at its time limit, by SIGTERM as in a worker process.

    Python handles signals in the main thread only. In other threads a cancel is seen when the tool reports progress.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: channel.stop())
    over_read, over = os.pipe()

    def watch() -> None:
        ready, _, _ = select.select([cancel.fileno(), over_read], [], [], limit_s)
        if over_read not in ready:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    watcher = threading.Thread(target=watch, name="interlock-stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        os.close(over)
        watcher.join()
        os.close(over_read)
        signal.signal(signal.SIGTERM, before)
