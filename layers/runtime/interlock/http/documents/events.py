"""The events of a job."""

from typing import Annotated, Literal, TypedDict

from interlock.domain.events import MAX_LOG_BYTES, MAX_LOG_LINES, MAX_MESSAGE_BYTES, EventType
from interlock.domain.job_status import JobStatus
from interlock.http.documents.values import Count, Fraction, Message, Schema, Time


class _Event(TypedDict):
    """Fields of every event."""

    seq: Annotated[int, Schema("Number of the event within its job. It never changes.", minimum=1)]
    at: Time


class StateEvent(_Event):
    """The job changed its status."""

    type: Literal[EventType.STATE]
    """Type of the event."""
    status: JobStatus


class ProgressEvent(_Event):
    """The tool reported progress. Only the latest report of each second is stored."""

    type: Literal[EventType.PROGRESS]
    """Type of the event."""
    fraction: Fraction
    message: Message


class LogEvent(_Event):
    """The tool wrote a line to its logger or to a standard stream."""

    type: Literal[EventType.LOG]
    """Type of the event."""
    level: str
    """Log level: that of the logger's record, `info` for standard output, `warning` for standard error."""
    stream: Literal["stdout", "stderr", "log"]
    """Source of the line. `log` is the logger of the tool's context."""
    message: Annotated[str, Schema(f"The line, truncated to {MAX_MESSAGE_BYTES} bytes.")]


class DroppedEvent(_Event):
    """Older events were dropped. A job has at most one such event."""

    type: Literal[EventType.DROPPED]
    """Type of the event."""
    count: Annotated[
        Count,
        Schema(
            f"Number of dropped events. A job keeps its last {MAX_LOG_LINES} log lines, at most {MAX_LOG_BYTES} bytes."
        ),
    ]
    message: Message


type Event = Annotated[
    StateEvent | ProgressEvent | LogEvent | DroppedEvent,
    Schema("An event in the life of a job. Clients must ignore types that they do not know."),
]


class EventList(TypedDict):
    """Events of a job, in order."""

    events: list[Event]
    """The events after `after`."""
    next: Count
    """Value of `after` that continues the list."""
