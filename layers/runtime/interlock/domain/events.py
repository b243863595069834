"""The events of a job, in order: statuses, progress, and log lines. Bounded, since the job's item holds them."""

from collections.abc import Iterable, Mapping, Sequence
from copy import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from msgspec import Struct

from interlock.domain.job_status import JobStatus

MAX_LOG_LINES = 300
MAX_LOG_BYTES = 24 * 1024
"""Limit of all log messages together, in UTF-8. The item also holds input and result; DynamoDB allows 400 KB."""

MAX_PROGRESS = 100
MAX_MESSAGE_BYTES = 1000

TRACEBACK = "traceback"
"""The level of lines that only the function's log gets, since a traceback names files of the service."""


class EventType(StrEnum):
    """STATE: the status changed. PROGRESS: the tool reported progress. LOG: the tool wrote a line. DROPPED: older
    events were removed."""

    STATE = "state"
    PROGRESS = "progress"
    LOG = "log"
    DROPPED = "dropped"


class Event(Struct, frozen=True):
    """One event. `seq` counts from 1 within its job; 0 means that it has no number yet. `fields` depend on the type."""

    at: datetime
    type: EventType
    fields: Mapping[str, Any]
    seq: int = 0


def state_event(status: JobStatus, at: datetime) -> Event:
    return Event(at, EventType.STATE, {"status": status.value})


def progress_event(fraction: float, message: str, at: datetime) -> Event:
    return Event(at, EventType.PROGRESS, {"fraction": fraction, "message": message})


def log_event(level: str, stream: str, message: str, at: datetime) -> Event:
    """Return the event of a log line. The message is cut to `MAX_MESSAGE_BYTES`, at a character boundary."""
    cut = message.encode("utf-8", "replace")[:MAX_MESSAGE_BYTES].decode("utf-8", "ignore")
    return Event(at, EventType.LOG, {"level": level, "stream": stream, "message": cut})


def dropped_event(count: int, at: datetime) -> Event:
    return Event(at, EventType.DROPPED, {"count": count, "message": f"{count} earlier events were dropped"})


class EventLog(Struct, frozen=True):
    """The events of a job, in the order of their numbers. `last_seq` is the latest number.

    Every write that adds events is conditional on `last_seq`, so a number is never used twice and never changes.
    """

    events: tuple[Event, ...] = ()
    last_seq: int = 0

    def adding(self, news: Iterable[Event]) -> Self:
        """Return the log with more events, numbered in order. One DROPPED event counts the events that are removed."""
        numbered = [Event(event.at, event.type, event.fields, seq) for seq, event in enumerate(news, self.last_seq + 1)]
        events = (*self.events, *numbered)
        if any(event.type is not EventType.STATE for event in numbered):  # the few states are always kept
            events = _bounded(events)
        return type(self)(events, self.last_seq + len(numbered))

    def after(self, seq: int) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.seq > seq)

    def lacks(self, news: Iterable[Event], since: int) -> list[Event]:
        """Return the events of `news` that are missing after `since`: a write without a response may have arrived."""
        arrived = [replace(event, seq=0) for event in self.after(since)]
        missing = []
        for event in news:
            if event in arrived:
                arrived.remove(event)
            else:
                missing.append(event)
        return missing


EMPTY_LOG = EventLog()


def _bounded(events: Sequence[Event]) -> tuple[Event, ...]:
    lines = [event for event in events if event.type is EventType.LOG]
    progress = [event for event in events if event.type is EventType.PROGRESS]
    dropped = [event for event in events if event.type is EventType.DROPPED]
    over = [*lines[: _too_many(lines)], *progress[:-MAX_PROGRESS]]
    if not over and len(dropped) <= 1:
        return tuple(events)
    gone = {event.seq for event in (*over, *dropped)}
    count = len(over) + sum(event.fields["count"] for event in dropped)
    # The marker takes the place of the latest event that it counts.
    latest = max((*over, *dropped), key=lambda event: event.seq)
    marker = replace(dropped_event(count, latest.at), seq=latest.seq)
    kept = [event for event in events if event.seq not in gone]
    return tuple(sorted([*kept, marker], key=lambda event: event.seq))


def _too_many(lines: Sequence[Event]) -> int:
    """Return how many of the oldest lines must be dropped."""
    kept, size = 0, 0
    for event in reversed(lines):
        size += len(event.fields["message"].encode())
        if kept == MAX_LOG_LINES or size > MAX_LOG_BYTES:
            break
        kept += 1
    return len(lines) - kept
