"""Report a plugin's tracebacks, unhandled exceptions and warnings, and why it cannot be loaded, in the worker process.

A caller gets one line without paths. The traceback goes to the function's log, for the plugin's author.
"""

from __future__ import annotations

import io
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from interlock.domain.events import TRACEBACK
from interlock.tools.messages import MAX_NAME, class_name, cut, exception_text, unreadable

if TYPE_CHECKING:
    from interlock.sandbox import Channel

MAX_TRACEBACK_LINES = 200
MAX_REPORTS = 100
"""Maximum number of unhandled exceptions and warnings reported per run."""


def log_traceback(channel: Channel, error: BaseException | None = None) -> None:
    """Write the traceback of an exception, by default the one being handled, to the function's log."""
    try:
        traceback.print_exception(error or sys.exception(), limit=50, file=_FunctionLog(channel))
    except Exception as broken:  # interlock: allow ILK004 - of a plugin's exception; only its traceback is lost
        channel.log(TRACEBACK, f"no traceback {unreadable(broken)}")


def why_unavailable(error: BaseException) -> str:
    """Return the reason why a plugin cannot be loaded, for an exception of its import or `setup()`."""
    if type(error) is ModuleNotFoundError and isinstance(error.name, str):
        return f"needs {cut(error.name, MAX_NAME)}: not installed"
    from interlock.plugin_settings import InvalidSettings  # noqa: PLC0415 - only the worker process imports pydantic

    text = exception_text(error)
    return text if isinstance(error, InvalidSettings) else f"{class_name(error)}: {text}"


class InterpreterReports:
    """The interpreter's hooks for exceptions that no code handles and for warnings.

    By default the interpreter prints them to standard error with paths and source lines, as if the plugin had printed
    them. The hooks are installed once, before the process's state is recorded, and are the same functions in every run.
    Reporting may cause another report (a garbage collector callback that fails), so reports do not nest and their
    number is limited.
    """

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._left = 0
        self._reporting = False

    def direct_to(self, channel: Channel) -> None:
        """Send all reports from now on to this run's channel. Installs the hooks at the first call."""
        if self._channel is None:
            threading.excepthook = self.report_thread
            sys.unraisablehook = self.report_unraisable
            warnings.showwarning = cast("Any", self.report_warning)
        self._channel, self._left = channel, MAX_REPORTS

    def report_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            name = args.thread.name if args.thread is not None else "?"
            self._report("error", f"thread {name} ended by ", args.exc_value)

    def report_unraisable(self, args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            self._report("warning", "an exception was ignored: ", args.exc_value)

    def report_warning(self, message: Warning | str, category: type[Warning], *where: Any) -> None:
        """Report a warning, as `warnings.showwarning`; `where` begins with file name and line."""
        with self._next_report() as channel:
            if channel is not None:
                channel.log("warning", f"{category.__name__}: {message}")
                _FunctionLog(channel).write(warnings.formatwarning(message, category, *where[:2]))

    def _report(self, level: str, what: str, error: BaseException) -> None:
        with self._next_report() as channel:
            if channel is not None:
                channel.log(level, f"{what}{class_name(error)}: {exception_text(error)}")
                log_traceback(channel, error)

    @contextmanager
    def _next_report(self) -> Iterator[Channel | None]:
        """Yield the channel, or None during a report and when `MAX_REPORTS` is reached."""
        if self._reporting or not self._left:
            yield None
            return
        self._reporting, self._left = True, self._left - 1
        try:
            yield self._channel
        finally:
            self._reporting = False


class _FunctionLog(io.TextIOBase):
    """A text file whose lines go to the function's log only."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lines_left = MAX_TRACEBACK_LINES

    def write(self, text: str) -> int:
        for line in text.splitlines()[: self._lines_left]:
            self._channel.log(TRACEBACK, line)
            self._lines_left -= 1
        return len(text)
