"""The outcome of one run of a tool, as a value, and the input that the run could request from its client.

The ToolRunner returns nothing else, whatever a plugin does.
"""

from collections.abc import Mapping
from typing import Any, Self

from msgspec import Struct, field

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job_status import JobStatus
from interlock.domain.stop import Stopped


class ClientInput(Struct, frozen=True):
    """The methods that the client of a job supports, the requests of the latest run, and all responses so far.

    See `interlock.domain.client_input`, which is imported where input is requested.
    """

    methods: tuple[str, ...] = ()
    requests: Mapping[str, Any] = field(default_factory=dict)
    responses: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outstanding(self) -> dict[str, Any]:
        """The input requests without a response."""
        return {key: request for key, request in self.requests.items() if key not in self.responses}

    def supports(self, requests: Mapping[str, Any]) -> bool:
        """Return whether the client can respond to all of these requests."""
        return {request["method"] for request in requests.values()} <= set(self.methods)


NO_CLIENT_INPUT = ClientInput()
"""The value for clients that cannot respond to requests, such as callers of the HTTP API."""


def past_deadline(message: str) -> ErrorInfo:
    """Return the error of a job whose own deadline has passed."""
    return ErrorInfo(ErrorCode.TIMEOUT, message, {"limit": "deadline"})


class Outcome(Struct, frozen=True):
    """`status` is the final status of the job. `stopped` is set if the process was asked to stop, `fork_finding` if the
    run has loaded the plugin in a process that cannot be a template."""

    status: JobStatus
    result: Any = None
    error: ErrorInfo | None = None
    execution_time_ms: float = 0.0
    stopped: Stopped | None = None
    fork_finding: ForkFinding | None = None

    @classmethod
    def succeeded(cls, result: Any) -> Self:
        return cls(JobStatus.SUCCEEDED, result=result)

    @classmethod
    def failed(cls, code: ErrorCode, message: str, **details: Any) -> Self:
        return cls(JobStatus.FAILED, error=ErrorInfo(code, message, details))

    @classmethod
    def timed_out(cls, deadline: Deadline, stopped: Stopped) -> Self:
        over = f"The tool ran over its limit of {deadline.limit_s:g} s."
        message = f"{over} {deadline.advice}" if deadline.advice else over
        error = ErrorInfo(ErrorCode.TIMEOUT, message, {"timeout_s": deadline.limit_s, "limit": "timeout_s"})
        return cls(JobStatus.TIMED_OUT, error=error, stopped=stopped)

    @classmethod
    def past_deadline(cls, stopped: Stopped) -> Self:
        error = past_deadline("The deadline of the job passed while its tool was running.")
        return cls(JobStatus.TIMED_OUT, error=error, stopped=stopped)

    @classmethod
    def cancelled(cls, stopped: Stopped) -> Self:
        return cls(JobStatus.CANCELLED, error=ErrorInfo(ErrorCode.CANCELLED, "The job was cancelled."), stopped=stopped)
