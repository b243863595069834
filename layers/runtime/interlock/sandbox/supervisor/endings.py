"""The ending of a run in the sandbox: one of these values, whatever the code did."""

from dataclasses import dataclass

from interlock.domain.stop import Stopped


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of output. `stream` is `stdout`, `stderr` or `log`; only `log` has a `level`. If `dropped` is set, the
    line replaces that many lines that could not be forwarded."""

    stream: str
    message: str
    level: str | None = None
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """The fields that all endings share. `pid` is the worker process's id, or 0 if none was started."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(_Ended):
    """The target returned `payload`."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed(_Ended):
    """The process ended without being asked to, with an exit code or by a signal."""

    exit_code: int | None
    signal: int | None
    while_loading: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut(_Ended):
    """The run exceeded its wall-clock limit, or loading took too long. The process has ended.

    `total`: the limit of loading and running together was the shorter one.
    """

    how: Stopped
    while_loading: bool
    total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryExceeded(_Ended):
    """The process and its children exceeded their limit of resident memory. They have ended."""

    resident_mb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(_Ended):
    """The run was cancelled. The process has ended."""

    how: Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTooLarge(_Ended):
    """The result exceeds the limit. The process has ended."""

    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost(_Ended):
    """The zygote ended, and the worker process with it."""


type Ending = Completed | Crashed | TimedOut | MemoryExceeded | Cancelled | OutputTooLarge | WorkerLost
