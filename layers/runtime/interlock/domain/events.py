"""What happened to a job, in order: its states, its progress, and what its tool wrote. Bounded, as part of the job."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from interlock.domain.job_status import JobStatus

MAX_LOG_LINES = 300
MAX_LOG_BYTES = 24 * 1024
"""Of what the log lines say, in UTF-8: a job's item holds its input, its result and its events, of 400 KB in all."""

MAX_PROGRESS = 100
MAX_MESSAGE_BYTES = 1000

TRACEBACK = "traceback"
"""The level of lines that are for the function's log alone: a traceback names files of the service."""


class EventType(StrEnum):
    """STATE: the job took a step. PROGRESS: its tool said how far it is. LOG: its tool wrote a line. DROPPED: earlier
    events were more than are kept."""

    STATE = "state"
    PROGRESS = "progress"
    LOG = "log"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `seq` counts from 1 within its job, and 0 is one that has no number yet; `said` is what its type
    has to say."""

    at: datetime
    type: EventType
    said: Mapping[str, Any]
    seq: int = 0


def state_event(status: JobStatus, at: datetime) -> Event:
    return Event(at, EventType.STATE, {"status": status.value})


def progress_event(fraction: float, message: str, at: datetime) -> Event:
    return Event(at, EventType.PROGRESS, {"fraction": fraction, "message": message})


def log_event(level: str, stream: str, message: str, at: datetime) -> Event:
    """The message is cut to `MAX_MESSAGE_BYTES`, between two characters."""
    cut = message.encode("utf-8", "replace")[:MAX_MESSAGE_BYTES].decode("utf-8", "ignore")
    return Event(at, EventType.LOG, {"level": level, "stream": stream, "message": cut})


def dropped_event(count: int, at: datetime) -> Event:
    return Event(at, EventType.DROPPED, {"count": count, "message": f"{count} earlier events were dropped"})


@dataclass(frozen=True, slots=True)
class EventLog:
    """The events of a job that are kept, by their numbers. `last_seq` is that of the latest: who writes the job makes
    sure that it still is, so that no number is given twice and none changes."""

    events: tuple[Event, ...] = ()
    last_seq: int = 0

    def adding(self, news: Iterable[Event]) -> Self:
        """With further events, numbered as they come. The oldest log lines go first, and one event says how many."""
        numbered = [replace(event, seq=seq) for seq, event in enumerate(news, self.last_seq + 1)]
        return type(self)(_bounded([*self.events, *numbered]), self.last_seq + len(numbered))

    def after(self, seq: int) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.seq > seq)

    def lacks(self, news: Iterable[Event], since: int) -> list[Event]:
        """Those of `news` that are not among what came after `since`: a write of which no answer came may have
        arrived."""
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
    count = len(over) + sum(event.said["count"] for event in dropped)
    # It stands where the latest of those stood that it speaks for.
    latest = max((*over, *dropped), key=lambda event: event.seq)
    marker = replace(dropped_event(count, latest.at), seq=latest.seq)
    kept = [event for event in events if event.seq not in gone]
    return tuple(sorted([*kept, marker], key=lambda event: event.seq))


def _too_many(lines: Sequence[Event]) -> int:
    """How many of the oldest have to go."""
    kept, size = 0, 0
    for event in reversed(lines):
        size += len(event.said["message"].encode())
        if kept == MAX_LOG_LINES or size > MAX_LOG_BYTES:
            break
        kept += 1
    return len(lines) - kept
