"""The errors of the framework, as types with a stable code. `interlock.http.responses` maps codes to HTTP statuses."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Self

from msgspec import Struct, field


class ErrorCode(StrEnum):
    """The exact code of an error. Clients switch on it, so a code is never renamed."""

    INVALID_REQUEST = "invalid_request"
    INVALID_INPUT = "invalid_input"
    UNKNOWN_PLUGIN = "unknown_plugin"
    UNKNOWN_TOOL = "unknown_tool"
    PLUGIN_EXCEPTION = "plugin_exception"
    PLUGIN_CRASHED = "plugin_crashed"
    INVALID_OUTPUT = "invalid_output"
    OUTPUT_TOO_LARGE = "output_too_large"
    PLUGIN_UNAVAILABLE = "plugin_unavailable"
    TIMEOUT = "timeout"
    MEMORY_EXCEEDED = "memory_exceeded"
    CANCELLED = "cancelled"
    WORKER_LOST = "worker_lost"
    INPUT_REQUIRED = "input_required"
    TOO_MANY_FAILURES = "too_many_failures"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    NOT_FINISHED = "not_finished"
    ALREADY_FINISHED = "already_finished"
    EXPIRED = "expired"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"


_CODES_BY_TYPE: Mapping[str, tuple[ErrorCode, ...]] = {
    "ValidationError": (
        ErrorCode.INVALID_REQUEST,
        ErrorCode.INVALID_INPUT,
        ErrorCode.UNKNOWN_PLUGIN,
        ErrorCode.UNKNOWN_TOOL,
    ),
    "PluginError": (
        ErrorCode.PLUGIN_EXCEPTION,
        ErrorCode.PLUGIN_CRASHED,
        ErrorCode.INVALID_OUTPUT,
        ErrorCode.OUTPUT_TOO_LARGE,
        ErrorCode.PLUGIN_UNAVAILABLE,
    ),
    "ExecutionError": (
        ErrorCode.TIMEOUT,
        ErrorCode.MEMORY_EXCEEDED,
        ErrorCode.CANCELLED,
        ErrorCode.WORKER_LOST,
        ErrorCode.INPUT_REQUIRED,
        ErrorCode.TOO_MANY_FAILURES,
    ),
    "AuthenticationError": (ErrorCode.UNAUTHORIZED,),
    "PermissionError": (ErrorCode.FORBIDDEN,),
    "NotFoundError": (ErrorCode.NOT_FOUND,),
    "ConflictError": (ErrorCode.NOT_FINISHED, ErrorCode.ALREADY_FINISHED, ErrorCode.EXPIRED),
    "PayloadError": (ErrorCode.PAYLOAD_TOO_LARGE,),
    "IdempotencyError": (ErrorCode.IDEMPOTENCY_MISMATCH,),
    "ThrottlingError": (ErrorCode.RATE_LIMITED,),
    "ServiceError": (ErrorCode.UNAVAILABLE,),
}

ERROR_TYPES: Mapping[ErrorCode, str] = MappingProxyType(
    {code: error_type for error_type, codes in _CODES_BY_TYPE.items() for code in codes}
)
"""The coarse `type` of each code."""

RETRYABLE = frozenset({ErrorCode.WORKER_LOST, ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE})
"""Codes after which the same request may succeed when it is sent again."""

PLUGIN_FAULTS = frozenset(
    {
        ErrorCode.PLUGIN_EXCEPTION,
        ErrorCode.PLUGIN_CRASHED,
        ErrorCode.INVALID_OUTPUT,
        ErrorCode.OUTPUT_TOO_LARGE,
        ErrorCode.TIMEOUT,
        ErrorCode.MEMORY_EXCEEDED,
    }
)
"""Codes of failures that the plugin caused. They move its lifecycle to FAILED."""


class ErrorInfo(Struct, frozen=True):
    """An error as a value, stored with a job and shown in an envelope."""

    code: ErrorCode
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        return ERROR_TYPES[self.code]

    @property
    def retryable(self) -> bool:
        return self.code in RETRYABLE

    @property
    def plugin_fault(self) -> bool:
        """Whether the plugin caused the failure. A timeout at the job's deadline does not count."""
        return self.code in PLUGIN_FAULTS and self.details.get("limit") != "deadline"


class InterlockError(Exception):
    """Base of the errors that become an envelope. A subclass's docstring is its default message."""

    code: ClassVar[ErrorCode]

    def __init__(self, message: str | None = None, **details: Any) -> None:
        super().__init__(message or type(self).__doc__ or self.code)
        self.details = details
        self.about: Mapping[str, Any] = {}

    @property
    def info(self) -> ErrorInfo:
        return ErrorInfo(self.code, str(self), self.details)

    def of(self, *, plugin: str, tool: str, job_id: str) -> Self:
        """Return the same error, naming the job that it is about."""
        self.about = {"plugin": plugin, "tool": tool, "job_id": job_id}
        return self


class InvalidRequest(InterlockError):
    """The request is malformed."""

    code = ErrorCode.INVALID_REQUEST


class InvalidInput(InterlockError):
    """The input does not fit the tool's schema. `errors` holds `{"path": JSON Pointer, "message": text}` items."""

    code = ErrorCode.INVALID_INPUT


class UnknownPlugin(InterlockError):
    """No such plugin."""

    code = ErrorCode.UNKNOWN_PLUGIN


class UnknownTool(InterlockError):
    """The plugin has no such tool."""

    code = ErrorCode.UNKNOWN_TOOL


class PluginUnavailable(InterlockError):
    """The plugin could not be loaded."""

    code = ErrorCode.PLUGIN_UNAVAILABLE


class Unauthorized(InterlockError):
    """A valid API key is required in the X-API-Key header."""

    code = ErrorCode.UNAUTHORIZED


class Forbidden(InterlockError):
    """The API key lacks the scope that this call needs."""

    code = ErrorCode.FORBIDDEN


class NotFound(InterlockError):
    """There is no such resource."""

    code = ErrorCode.NOT_FOUND


class NotFinished(InterlockError):
    """The job has not finished yet."""

    code = ErrorCode.NOT_FINISHED


class AlreadyFinished(InterlockError):
    """The job has already finished."""

    code = ErrorCode.ALREADY_FINISHED


class InputExpired(InterlockError):
    """The input of the job is not stored any more."""

    code = ErrorCode.EXPIRED


MAX_REQUEST_BYTES = 6 * 1024 * 1024
"""Lambda's limit of a request."""


class PayloadTooLarge(InterlockError):
    """The request is larger than 6 MiB. Upload files with POST /v1/uploads and pass their upload_id instead."""

    code = ErrorCode.PAYLOAD_TOO_LARGE


class IdempotencyMismatch(InterlockError):
    """This Idempotency-Key was used before with another request body."""

    code = ErrorCode.IDEMPOTENCY_MISMATCH


class RateLimited(InterlockError):
    """Too many requests. Try again after `details.retry_after_s` seconds."""

    code = ErrorCode.RATE_LIMITED


class TooManyJobs(RateLimited):
    """The API key has reached its limit of unfinished jobs. Try again when one has finished."""

    def __init__(self) -> None:
        super().__init__(limit="concurrency", retry_after_s=1)


class ServiceUnavailable(InterlockError):
    """A service that Interlock depends on is unavailable. Try again shortly."""

    code = ErrorCode.UNAVAILABLE
