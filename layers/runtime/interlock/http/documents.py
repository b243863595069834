"""The response documents of the HTTP contract, one type each. The OpenAPI document describes the same fields.

Readers must expect fields that are new to them. Times are RFC 3339 in UTC with milliseconds.
"""

from typing import Any, Literal, TypedDict

from interlock.domain.errors import ErrorCode
from interlock.domain.events import EventType
from interlock.domain.job import CancelOutcome
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState

type Time = str
type JobId = str


class Error(TypedDict):
    """An error, the inner object of the envelope."""

    type: str
    """The coarse kind of the error, `ValidationError` for example."""
    code: ErrorCode
    """The exact code of the error, for programs."""
    message: str
    """A message for a human."""
    details: dict[str, Any]
    """Further facts, which depend on `code`."""
    plugin: str | None
    """The plugin that the error is about."""
    tool: str | None
    """The tool that the error is about."""
    job_id: JobId | None
    """The job that the error is about."""
    retryable: bool
    """Whether the same request may succeed when it is sent again."""
    timestamp: Time
    """When the error occurred."""


class ErrorEnvelope(TypedDict):
    """The body of every error response."""

    error: Error


class Progress(TypedDict):
    """How far a running tool is."""

    fraction: float
    """From 0 to 1."""
    message: str
    """A message for a human."""
    at: Time


class Cancel(TypedDict):
    """The request to stop a job, and its outcome."""

    requested_at: Time
    reason: str | None
    """The reason that the caller gave."""
    outcome: CancelOutcome | None


class Job(TypedDict):
    """A job, without its result."""

    job_id: JobId
    plugin: str
    tool: str
    plugin_version: str
    """Version of the plugin when the job was created."""
    status: JobStatus
    attempt: int
    """How often a worker has claimed the job."""
    progress: Progress | None
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    updated_at: Time
    expires_at: Time
    execution_time_ms: float | None
    """Wall-clock time of the tool in milliseconds, null if it did not run to an end."""
    timeout_s: float
    """Limit of the run in seconds."""
    cancel: Cancel | None
    error: Error | None


class JobList(TypedDict):
    """A page of jobs, newest first."""

    jobs: list[Job]
    count: int
    """Number of jobs in the page."""
    next_cursor: str | None
    """The `cursor` of the next page, null on the last page."""


class Download(TypedDict):
    """A result that is too large for a response."""

    download_url: str
    """Where to GET the result as JSON, without a key."""
    size: int
    """Size in bytes."""
    expires_at: Time


class FinishedJob(TypedDict):
    """A job that succeeded, with its result."""

    job_id: JobId
    plugin: str
    tool: str
    status: Literal[JobStatus.SUCCEEDED]
    result: Any
    """The result of the tool, or a `Download`."""
    execution_time_ms: float
    """Wall-clock time of the tool in milliseconds."""
    created_at: Time
    started_at: Time
    completed_at: Time


class JobResult(TypedDict):
    """A finished job with any outcome. `error` is null if it succeeded, `result` if it did not."""

    job_id: JobId
    plugin: str
    tool: str
    status: Literal[JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.TIMED_OUT, JobStatus.CANCELLED]
    result: Any
    """The result of the tool, or a `Download`."""
    execution_time_ms: float | None
    """Wall-clock time of the tool in milliseconds, null if it did not run to an end."""
    created_at: Time
    started_at: Time | None
    completed_at: Time
    error: Error | None


class StateEvent(TypedDict):
    """The job changed its status."""

    seq: int
    """Number of the event within its job, from 1."""
    at: Time
    type: Literal[EventType.STATE]
    status: JobStatus


class ProgressEvent(TypedDict):
    """The tool reported progress."""

    seq: int
    """Number of the event within its job, from 1."""
    at: Time
    type: Literal[EventType.PROGRESS]
    fraction: float
    """From 0 to 1."""
    message: str
    """A message for a human."""


class LogEvent(TypedDict):
    """The tool wrote a line."""

    seq: int
    """Number of the event within its job, from 1."""
    at: Time
    type: Literal[EventType.LOG]
    level: str
    """Level of the tool's logger, `info` for standard output, `warning` for standard error."""
    stream: Literal["stdout", "stderr", "log"]
    message: str
    """The line, cut if it is long."""


class DroppedEvent(TypedDict):
    """Counts older events that were dropped."""

    seq: int
    """Number of the event within its job, from 1."""
    at: Time
    type: Literal[EventType.DROPPED]
    count: int
    """Number of dropped events."""
    message: str
    """A message for a human."""


type Event = StateEvent | ProgressEvent | LogEvent | DroppedEvent


class EventList(TypedDict):
    """Events of a job in order."""

    events: list[Event]
    next: int
    """The `after` that continues the list."""


class Upload(TypedDict):
    """An upload, and the presigned request that writes it."""

    upload_id: str
    method: Literal["PUT"]
    url: str
    """Presigned URL, valid for one write."""
    headers: dict[str, str]
    """Headers to send unchanged: they are signed."""
    expires_at: Time


class Tool(TypedDict):
    """A tool with its schemas (JSON Schema 2020-12)."""

    name: str
    title: str
    description: str
    timeout_s: float
    """Limit of one run in seconds of wall-clock time."""
    memory_mb: int
    """Limit of the resident memory in MiB."""
    network: bool
    """Whether the tool may open network connections."""
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]


class PluginManifest(TypedDict):
    """A plugin with its tools."""

    name: str
    version: str
    title: str
    description: str
    tools: list[Tool]
    """The first is the default. Empty if the plugin could not be loaded."""


class PluginSummary(TypedDict):
    """A plugin in the list."""

    name: str
    version: str
    title: str
    description: str
    state: LifecycleState
    reason: str | None
    """Why the plugin is `UNAVAILABLE`, or how its layer has changed since the index was built."""
    tools: list[str]
    """Names of the tools. The first is the default."""


class PluginList(TypedDict):
    """All plugins, including those that could not be loaded."""

    plugins: list[PluginSummary]
    """In alphabetical order."""
    total: int
    available: int
    failed: int
    unavailable: int


class Counters(TypedDict):
    """Sums over the finished jobs of the whole fleet. Times in milliseconds, null before the first execution."""

    success_count: int
    error_count: int
    cancelled_count: int
    timed_out_count: int
    last_execution_time_ms: float | None
    avg_execution_time_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    last_used: Time | None


class PluginHealth(Counters):
    """A plugin's state, and its counters together and by tool."""

    name: str
    version: str
    state: LifecycleState
    reason: str | None
    """Why the plugin is `UNAVAILABLE`, or how its layer has changed since the index was built."""
    tools: dict[str, Counters]


class ServiceHealth(TypedDict):
    """The service answers."""

    status: Literal["ok"]
    version: str
