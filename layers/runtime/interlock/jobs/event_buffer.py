"""What a running tool says, gathered between two writes of its job, and passed on to the function's log."""

import threading
from collections import deque
from collections.abc import Sequence

from aws_lambda_powertools import Logger

from interlock.domain.events import MAX_LOG_LINES, TRACEBACK, Event, EventType, dropped_event, log_event, progress_event
from interlock.domain.job import Progress
from interlock.ports import Clock
from interlock.sandbox import LogLine

logger = Logger(service="interlock", child=True)

MAX_PROGRESS_MESSAGE = 200
LOGGED_LINES = 1000
LOGGED_BYTES = 64 * 1024
"""The first of a run's output that the function's log takes. Of the job's events the last are kept."""

_LEVELS = {"stdout": "info", "stderr": "warning"}


class EventBuffer:
    """Takes lines and progress in one thread, for another to write them. It holds no more than a job keeps: of many
    lines the last, of much progress the last word."""

    def __init__(self, job_id: str, clock: Clock) -> None:
        self._job_id = job_id
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: deque[Event] = deque()
        self._dropped = 0
        self._said: Event | None = None
        self._lines_left, self._bytes_left, self._unlogged = LOGGED_LINES, LOGGED_BYTES, 0
        self.progress: Progress | None = None
        """The latest, written or not."""

    def progressed(self, fraction: float, message: str) -> None:
        """Takes progress, cut to what the table takes: it comes from the plugin's process."""
        fraction = round(min(1.0, max(0.0, fraction)), 6)
        message = message[:MAX_PROGRESS_MESSAGE].encode("utf-8", "replace").decode()
        now = self._clock()
        with self._lock:
            self.progress = Progress(fraction, message, now)
            self._said = progress_event(fraction, message, now)

    def logged(self, line: LogLine) -> None:
        """Takes a line, or the word of how many were dropped. A traceback is no event: no caller is to see it."""
        self._pass_on(line)
        if line.level == TRACEBACK:
            return
        with self._lock:
            if line.dropped:
                self._dropped += line.dropped
            else:
                level = line.level or _LEVELS.get(line.stream, "info")
                self._lines.append(log_event(level, line.stream, line.message, self._clock()))
            self._bound()

    def take(self) -> list[Event]:
        """Hands over what is to be written, by its time."""
        with self._lock:
            events = [*self._lines, *([self._said] if self._said else [])]
            events.sort(key=lambda event: event.at)
            if self._dropped:
                events.insert(0, dropped_event(self._dropped, events[0].at if events else self._clock()))
            self._lines.clear()
            self._dropped, self._said = 0, None
            return events

    def put_back(self, events: Sequence[Event]) -> None:
        """Takes back what could not be written."""
        with self._lock:
            self._lines.extendleft(event for event in reversed(events) if event.type is EventType.LOG)
            self._dropped += sum(event.fields["count"] for event in events if event.type is EventType.DROPPED)
            said = next((event for event in events if event.type is EventType.PROGRESS), None)
            self._said = self._said or said
            self._bound()

    def close(self) -> None:
        """Says in the function's log how much it has not taken."""
        if self._unlogged:
            logger.warning("plugin output was left out", extra={"job_id": self._job_id, "lines": self._unlogged})

    def _bound(self) -> None:
        while len(self._lines) > MAX_LOG_LINES:
            self._lines.popleft()
            self._dropped += 1

    def _pass_on(self, line: LogLine) -> None:
        size = len(line.message.encode("utf-8", "replace"))
        if line.dropped or not self._lines_left or size > self._bytes_left:
            self._lines_left, self._unlogged = 0, self._unlogged + (line.dropped or 1)
            return
        self._lines_left, self._bytes_left = self._lines_left - 1, self._bytes_left - size
        logger.info("plugin output", extra={"job_id": self._job_id, "stream": line.stream, "line": line.message})
