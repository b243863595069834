"""The endings of runs in the sandbox. Every run ends with one of these values, whatever its code does."""

from msgspec import Struct

from interlock.domain.stop import Stopped


class LogLine(Struct, frozen=True):
    """A line of output. `stream` is `stdout`, `stderr` or `log`; only `log` has a `level`. If `dropped` is set, the
    line replaces that many lines that could not be forwarded."""

    stream: str
    message: str
    level: str | None = None
    dropped: int = 0


class _Ended(Struct, frozen=True, kw_only=True):
    """The fields that all endings share. `pid` is the worker process's id, or 0 if none was started."""

    pid: int


class Completed(_Ended, frozen=True, kw_only=True):
    """The target returned `payload`."""

    payload: bytes


class Crashed(_Ended, frozen=True, kw_only=True):
    """The process ended without being asked to, with an exit code or by a signal."""

    exit_code: int | None
    signal: int | None
    while_loading: bool


class TimedOut(_Ended, frozen=True, kw_only=True):
    """The run exceeded its wall-clock limit, or loading took too long. The process has ended.

    `past_deadline`: the run was stopped at its deadline, which came before the limit.
    """

    how: Stopped
    while_loading: bool
    past_deadline: bool = False


class MemoryExceeded(_Ended, frozen=True, kw_only=True):
    """The process and its children exceeded their limit of resident memory. They have ended."""

    resident_mb: int


class Cancelled(_Ended, frozen=True, kw_only=True):
    """The run was cancelled. The process has ended."""

    how: Stopped


class OutputTooLarge(_Ended, frozen=True, kw_only=True):
    """The result exceeds the limit. The process has ended."""

    size_bytes: int


class WorkerLost(_Ended, frozen=True, kw_only=True):
    """The zygote ended, and the worker process with it."""


type Ending = Completed | Crashed | TimedOut | MemoryExceeded | Cancelled | OutputTooLarge | WorkerLost
