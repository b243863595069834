"""The errors of the service, one class per `type` of the error envelope, and those of the connection."""

from collections.abc import Mapping
from typing import Any, Self


class InterlockError(Exception):
    """Base class of all errors of this package.

    `message` is for a human. `code` is exact (`invalid_input`, `timeout`, …) and `details` depends on it. `status` is
    the HTTP status of the response, or None if the error is that of a finished job or of the connection.
    """

    code: str = "error"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        job_id: str | None = None,
        plugin: str | None = None,
        tool: str | None = None,
        retryable: bool | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details: Mapping[str, Any] = details or {}
        self.job_id = job_id
        self.plugin = plugin
        self.tool = tool
        self.retryable = type(self).retryable if retryable is None else retryable
        self.status = status

    @classmethod
    def of(cls, error: Mapping[str, Any], *, status: int | None = None) -> Self:
        """Return the error that the inner object of an envelope describes."""
        return cls(
            str(error.get("message", "")),
            code=error.get("code"),
            details=error.get("details"),
            job_id=error.get("job_id"),
            plugin=error.get("plugin"),
            tool=error.get("tool"),
            retryable=bool(error.get("retryable")),
            status=status,
        )


class ValidationError(InterlockError):
    """The request or the tool's input is not valid, or the plugin or tool is unknown (HTTP status 400)."""

    @property
    def errors(self) -> list[dict[str, str]]:
        """The problems as `{"path": JSON Pointer, "message": text}`, one per field. May be empty."""
        return list(self.details.get("errors") or [])


class PluginError(InterlockError):
    """The plugin failed: it raised an exception, crashed, returned an invalid result, or could not be loaded."""


class ExecutionError(InterlockError):
    """The run was ended: time limit, memory limit, cancel, or a lost worker."""


class AuthenticationError(InterlockError):
    """The API key is missing, unknown, revoked or expired (HTTP status 401)."""


class PermissionDeniedError(InterlockError):
    """The API key lacks the scope that the call needs (HTTP status 403, type `PermissionError`)."""


class NotFoundError(InterlockError):
    """There is no such job, plugin or route (HTTP status 404)."""


class ConflictError(InterlockError):
    """The job has not finished yet, or has finished already (HTTP status 409)."""


class PayloadError(InterlockError):
    """The request is larger than the service accepts (HTTP status 413)."""


class IdempotencyError(InterlockError):
    """The idempotency key was used before with another request (HTTP status 422)."""


class ThrottlingError(InterlockError):
    """The API key has reached its rate or its number of unfinished jobs (HTTP status 429)."""


class ServiceError(InterlockError):
    """A service that Interlock depends on is unavailable (HTTP status 503)."""


class ConnectionFailed(InterlockError):
    """The service did not respond. The request may have arrived."""

    code = "connection_failed"
    retryable = True


class UnexpectedResponse(InterlockError):
    """The response does not come from Interlock, but from a proxy, for example."""

    code = "unexpected_response"


class TransferFailed(InterlockError):
    """The bucket refused an upload or a download."""

    code = "transfer_failed"


class WaitTimeout(InterlockError, TimeoutError):
    """The job has not finished within the time that the caller wanted to wait. It keeps running."""

    code = "wait_timeout"
    retryable = True


CLASSES: Mapping[str, type[InterlockError]] = {
    "ValidationError": ValidationError,
    "PluginError": PluginError,
    "ExecutionError": ExecutionError,
    "AuthenticationError": AuthenticationError,
    "PermissionError": PermissionDeniedError,
    "NotFoundError": NotFoundError,
    "ConflictError": ConflictError,
    "PayloadError": PayloadError,
    "IdempotencyError": IdempotencyError,
    "ThrottlingError": ThrottlingError,
    "ServiceError": ServiceError,
}
"""The class of each `type` of the contract."""


def error_of(error: Mapping[str, Any], *, status: int | None = None) -> InterlockError:
    """Return the error that the inner object of an envelope describes. Unknown types become the base class."""
    return CLASSES.get(str(error.get("type")), InterlockError).of(error, status=status)
