"""The error envelope."""

from typing import Annotated, Any, Literal, TypedDict

from interlock.domain.access import Scope
from interlock.domain.batch import BatchStatus
from interlock.domain.errors import ERROR_TYPES, ErrorCode
from interlock.domain.job_status import JobStatus
from interlock.http.documents.values import Count, ErrorTime, Message, Quantity, Schema

type ErrorType = Annotated[
    str, Schema("Category of an error. `code` is more exact.", enum=[*dict.fromkeys(ERROR_TYPES.values())])
]


class FieldError(TypedDict):
    """A problem with one field."""

    path: str
    """JSON Pointer to the field (RFC 6901). Empty for the whole document."""
    message: Message


class InputRequest(TypedDict):
    """A request of a tool for input from its client, as the Model Context Protocol has it."""

    method: Literal["elicitation/create", "sampling/createMessage", "roots/list"]
    """The kind of request: a form for a person, a prompt for the model, or the list of the client's roots."""
    params: dict[str, Any]
    """Parameters of the method."""


class ErrorDetails(TypedDict, total=False):
    """Further facts about an error. Every field is optional; which ones are present depends on `code`."""

    errors: list[FieldError]
    """`invalid_request`, `invalid_input`, `invalid_output`: the problems, one per field."""
    exception: str
    """`plugin_exception`: class name of the exception."""
    signal: int
    """`plugin_crashed`: signal that ended the process."""
    exit_code: int | None
    """`plugin_crashed`: exit code of the process."""
    reason: str
    """`plugin_unavailable`: why the plugin could not be loaded."""
    timeout_s: Quantity
    """`timeout`: the limit in seconds."""
    memory_mb: Count
    """`memory_exceeded`: the limit in MiB."""
    input_requests: dict[str, InputRequest]
    """`input_required`: what the tool has requested from its client."""
    size_bytes: Count
    """`output_too_large`: size of the result in bytes."""
    limit_bytes: Count
    """`output_too_large`, `payload_too_large`: the limit in bytes."""
    status: JobStatus | BatchStatus
    """`not_finished`, `already_finished`: status of the job or batch."""
    scope: Scope
    """`forbidden`: the scope that the key lacks."""
    allow: list[str]
    """`invalid_request` with HTTP status 405: the methods that the path supports."""
    service: str
    """`unavailable`: the service that is down."""
    limit: Literal["rate", "concurrency", "timeout_s", "deadline"]
    """`rate_limited`: which limit of the key is reached. `timeout`: which limit of the job."""
    rate: str
    """`rate_limited`: the permitted rate, for example `10/s`."""
    retry_after_s: Count
    """`rate_limited`: seconds until the request may be retried, as in the `Retry-After` header."""


class Error(TypedDict):
    """An error, the inner object of the envelope."""

    type: ErrorType
    code: ErrorCode
    message: Message
    details: ErrorDetails
    plugin: str | None
    """Name of the plugin that the error is about."""
    tool: str | None
    """Name of the tool that the error is about."""
    job_id: str | None
    """Id of the job that the error is about."""
    retryable: bool
    """Whether the same request may succeed if it is sent again."""
    timestamp: ErrorTime


class ErrorEnvelope(TypedDict):
    """The body of every error response."""

    error: Error
