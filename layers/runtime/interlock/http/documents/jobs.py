"""Jobs, their results, and uploads."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from interlock.domain.job import CancelOutcome, Source
from interlock.domain.job_status import JobStatus
from interlock.http.documents.errors import Error, InputRequest
from interlock.http.documents.values import (
    MAX_PAGE,
    BatchId,
    Count,
    Fraction,
    JobId,
    Message,
    Milliseconds,
    MillisecondsOrNull,
    PluginName,
    Quantity,
    Schema,
    Time,
    ToolName,
)
from interlock.http.documents.webhooks import Webhook


class Progress(TypedDict):
    """Progress that a running tool has reported."""

    fraction: Fraction
    message: Message
    at: Time


class Cancel(TypedDict):
    """A request to cancel a job, and its outcome."""

    requested_at: Time
    reason: str | None
    """Reason that the caller gave."""
    outcome: CancelOutcome | None


class Client(TypedDict):
    """The program that created a job, as it names itself. Not verified."""

    name: str
    """Name of the program."""
    version: str
    """Version of the program."""


class Job(TypedDict):
    """A job, without its result."""

    job_id: JobId
    plugin: PluginName
    tool: ToolName
    plugin_version: Annotated[str, Schema("Version of the plugin when the job was created.")]
    status: JobStatus
    attempt: Annotated[Count, Schema("Number of times that a worker has claimed the job.")]
    progress: Progress | None
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    updated_at: Time
    expires_at: Time
    """Time after which the job is deleted."""
    execution_time_ms: MillisecondsOrNull
    timeout_s: Annotated[Quantity, Schema("Limit of the run in seconds.")]
    deadline_at: Time | None
    """Time at which the job is over, wherever it is then, if the request set `deadline_s`."""
    rerun_of: JobId | None
    """Id of the job that this one runs again."""
    batch_id: BatchId | None
    """Id of the batch that the job is an item of."""
    key: str | None
    """Name of the item, if its batch gave it one."""
    source: Source
    """Interface that created the job: `http`, or `mcp` for the Model Context Protocol."""
    client: Client | None
    """Program that created the job, if it named itself. Only MCP clients do."""
    input_requests: dict[str, InputRequest] | None
    """The requests that the job's MCP client has not responded to yet, by key. The job uses no worker while it waits.
    Null in lists."""
    webhook: Webhook | None
    cancel: Cancel | None
    error: Error | None


class JobList(TypedDict):
    """A page of jobs, newest first."""

    jobs: Annotated[list[Job], Schema(maxItems=MAX_PAGE)]
    """The jobs of the page."""
    count: Annotated[Count, Schema(maximum=MAX_PAGE)]
    """Number of jobs in the page."""
    next_cursor: str | None
    """`cursor` of the next page. Null on the last page; a page before it may have fewer jobs than `limit`."""


class Download(TypedDict):
    """A link to a result that is too large for a response: over 5 MB, or over 6 MB when it is escaped."""

    download_url: Annotated[str, Schema(format="uri")]
    """URL to GET the result from, as JSON. No key is needed."""
    size: Count
    """Size of the result in bytes."""
    expires_at: Time


type ToolResult = Annotated[
    Annotated[Any, Schema("The result itself.")] | Download,
    Schema("The result of the tool, valid against its `output_schema`, or a link to download the result."),
]


class _Finished(TypedDict):
    """Fields of every finished job."""

    job_id: JobId
    plugin: PluginName
    tool: ToolName
    result: ToolResult
    created_at: Time
    completed_at: Time


class FinishedJob(_Finished):
    """A job that succeeded, with its result."""

    status: Literal[JobStatus.SUCCEEDED]
    """Final status of the job."""
    execution_time_ms: Milliseconds
    started_at: Time


class JobResult(_Finished):
    """A finished job with any outcome. `error` is null if it succeeded, otherwise `result` is null."""

    status: Literal[JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.TIMED_OUT, JobStatus.CANCELLED]
    """Final status of the job."""
    execution_time_ms: MillisecondsOrNull
    started_at: Time | None
    error: Error | None


class WebhookData(Job):
    """The job of a message, as it was when the message was sent."""

    result: NotRequired[ToolResult]
    """Result of a job that succeeded, if it has at most 16 KB."""


class WebhookMessage(TypedDict):
    """The body of a message about a job."""

    type: Literal["job.started", "job.succeeded", "job.failed", "job.timed_out", "job.cancelled"]
    """The event of the job."""
    timestamp: Time
    data: WebhookData


class Upload(TypedDict):
    """A presigned upload. PUT the file to `url` with these headers before `expires_at`.

    For 24 hours, `{"upload_id": "..."}` can then be used in place of the file in any input of the tenant.
    """

    upload_id: Annotated[str, Schema(minLength=1, maxLength=255)]
    """Opaque id of the upload."""
    method: Literal["PUT"]
    """HTTP method of the upload request."""
    url: Annotated[str, Schema(format="uri")]
    """Presigned URL, valid for one upload. No key is needed."""
    headers: dict[str, str]
    """Headers to send unchanged, because they are signed. Most HTTP clients set `Content-Length` themselves."""
    expires_at: Time
