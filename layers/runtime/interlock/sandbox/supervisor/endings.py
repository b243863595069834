"""How a run in the sandbox ended: one of these, whatever the code in it did."""

from dataclasses import dataclass

from interlock.domain.stop import Stopped


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that the code wrote: `stream` is `stdout`, `stderr` or `log`; `level` is set for the last alone. One with
    `dropped` is no line itself: it stands for so many that were more than could be handed on."""

    stream: str
    message: str
    level: str | None = None
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """What every ending has: the worker's process id, for who wants to see that it is gone; 0 when none was started."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(_Ended):
    """The target returned `payload`."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed(_Ended):
    """The process died of its own: by an exit code or a signal."""

    exit_code: int | None
    signal: int | None
    while_loading: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut(_Ended):
    """It ran over its wall-clock limit, or took too long to load, and is gone."""

    how: Stopped
    while_loading: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryExceeded(_Ended):
    """It, with its children, was resident with more memory than its limit, and is gone."""

    resident_mb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(_Ended):
    """It was asked to stop, and is gone."""

    how: Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTooLarge(_Ended):
    """Its result is over the limit. The process is gone."""

    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost(_Ended):
    """The zygote died, and the worker with it."""


type Ending = Completed | Crashed | TimedOut | MemoryExceeded | Cancelled | OutputTooLarge | WorkerLost
