"""How one execution of a tool ended, as a value: nothing a plugin does leaves the ToolRunner in another form."""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.job_status import JobStatus

Stopped = Literal["stopped", "killed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` is that of the job; `stopped` tells whether a stopped process yielded to SIGTERM or was killed."""

    status: JobStatus
    result: Any = None
    error: ErrorInfo | None = None
    execution_time_ms: float = 0.0
    stopped: Stopped | None = None

    @classmethod
    def succeeded(cls, result: Any) -> Self:
        return cls(JobStatus.SUCCEEDED, result=result)

    @classmethod
    def failed(cls, code: ErrorCode, message: str, **details: Any) -> Self:
        return cls(JobStatus.FAILED, error=ErrorInfo(code, message, details))

    @classmethod
    def timed_out(cls, limit_s: float, stopped: Stopped) -> Self:
        error = ErrorInfo(ErrorCode.TIMEOUT, _over(limit_s), {"timeout_s": limit_s})
        return cls(JobStatus.TIMED_OUT, error=error, stopped=stopped)

    @classmethod
    def cancelled(cls, stopped: Stopped) -> Self:
        return cls(JobStatus.CANCELLED, error=ErrorInfo(ErrorCode.CANCELLED, "The job was cancelled."), stopped=stopped)

    def told_by(self, limit_s: float, advice: str | None = None) -> Self:
        """The same; one that timed out tells this limit, which may be a little more than was left of it for the tool,
        and the advice."""
        if self.error is None or self.error.code is not ErrorCode.TIMEOUT:
            return self
        message = " ".join(filter(None, (_over(limit_s), advice)))
        return replace(self, error=ErrorInfo(ErrorCode.TIMEOUT, message, {"timeout_s": limit_s}))

    @property
    def error_code(self) -> ErrorCode | None:
        return self.error.code if self.error else None


def _over(limit_s: float) -> str:
    return f"The tool ran over its limit of {limit_s:g} s."
