"""Collect the events of a running tool between two writes of its job, and pass its output to the function's log."""

import logging
import threading
from collections import deque
from collections.abc import Sequence

from interlock.domain.events import MAX_LOG_LINES, TRACEBACK, Event, EventType, dropped_event, log_event, progress_event
from interlock.domain.job import Progress
from interlock.ports import Clock
from interlock.sandbox import LogLine

logger = logging.getLogger(__name__)

MAX_PROGRESS_MESSAGE = 200
LOGGED_LINES = 1000
LOGGED_BYTES = 64 * 1024
"""Limit of a run's output in the function's log, which takes the first lines. The job's events keep the last ones."""

_LEVELS = {"stdout": "info", "stderr": "warning"}
_LOG_LEVELS = {name.lower(): level for name, level in logging.getLevelNamesMapping().items()}


def _level_of(line: LogLine) -> str:
    return line.level or _LEVELS.get(line.stream, "info")


class EventBuffer:
    """A bounded buffer between the thread that receives lines and progress and the thread that writes them.

    It holds no more than a job keeps: the last lines, and the latest progress.
    """

    def __init__(self, job_id: str, clock: Clock) -> None:
        self._job_id = job_id
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: deque[Event] = deque()
        self._dropped = 0
        self._progress_event: Event | None = None
        self._lines_left, self._bytes_left, self._unlogged = LOGGED_LINES, LOGGED_BYTES, 0
        self._traceback: list[str] = []
        self.progress: Progress | None = None
        """The latest progress, written or not."""

    def add_progress(self, fraction: float, message: str) -> None:
        """Add progress. It comes from the worker process, so it is cut to valid values."""
        fraction = round(min(1.0, max(0.0, fraction)), 6)
        message = message[:MAX_PROGRESS_MESSAGE].encode("utf-8", "replace").decode()
        now = self._clock()
        with self._lock:
            self.progress = Progress(fraction, message, now)
            self._progress_event = progress_event(fraction, message, now)

    def add_line(self, line: LogLine) -> None:
        """Add a log line, or a number of dropped lines. Tracebacks only go to the function's log, not to callers."""
        self._pass_on(line)
        if line.level == TRACEBACK:
            return
        with self._lock:
            if line.dropped:
                self._dropped += line.dropped
            else:
                self._lines.append(log_event(_level_of(line), line.stream, line.message, self._clock()))
            self._bound()

    def take(self) -> list[Event]:
        """Remove and return the events to write, in order of time."""
        with self._lock:
            events = [*self._lines, *([self._progress_event] if self._progress_event else [])]
            events.sort(key=lambda event: event.at)
            if self._dropped:
                events.insert(0, dropped_event(self._dropped, events[0].at if events else self._clock()))
            self._lines.clear()
            self._dropped, self._progress_event = 0, None
            return events

    def put_back(self, events: Sequence[Event]) -> None:
        """Put events whose write failed back into the buffer."""
        with self._lock:
            self._lines.extendleft(event for event in reversed(events) if event.type is EventType.LOG)
            self._dropped += sum(event.fields["count"] for event in events if event.type is EventType.DROPPED)
            progress = next((event for event in events if event.type is EventType.PROGRESS), None)
            self._progress_event = self._progress_event or progress
            self._bound()

    def close(self) -> None:
        """Log how many lines the function's log left out."""
        self._log_traceback()
        if self._unlogged:
            logger.warning("plugin output was left out", extra={"job_id": self._job_id, "lines": self._unlogged})

    def _bound(self) -> None:
        while len(self._lines) > MAX_LOG_LINES:
            self._lines.popleft()
            self._dropped += 1

    def _pass_on(self, line: LogLine) -> None:
        if line.level != TRACEBACK:
            self._log_traceback()
        size = len(line.message.encode("utf-8", "replace"))
        if line.dropped or not self._lines_left or size > self._bytes_left:
            self._lines_left, self._unlogged = 0, self._unlogged + (line.dropped or 1)
            return
        self._lines_left, self._bytes_left = self._lines_left - 1, self._bytes_left - size
        if line.level == TRACEBACK:
            self._traceback.append(line.message)
            return
        level = _LOG_LEVELS.get(_level_of(line), logging.INFO)
        extra = {"job_id": self._job_id, "stream": line.stream, "line": line.message}
        logger.log(level, "plugin output", extra=extra)

    def _log_traceback(self) -> None:
        """Log the lines of a traceback, which arrive one after the other, as one record."""
        if self._traceback:
            stack = "\n".join(self._traceback)
            self._traceback.clear()
            level = logging.ERROR if "Traceback (most recent call last)" in stack else logging.WARNING
            logger.log(level, "plugin traceback", extra={"job_id": self._job_id, "stack": stack})
