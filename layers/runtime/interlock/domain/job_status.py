"""The statuses of a job and the only transitions between them, as data."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobStatus(StrEnum):
    """The status of a job, as clients see it. Plugins have another enum (`interlock.domain.lifecycle`)."""

    PENDING = "pending"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = MappingProxyType(
    {
        JobStatus.PENDING: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.FAILED, JobStatus.TIMED_OUT}),
        JobStatus.RUNNING: frozenset(
            {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.TIMED_OUT, JobStatus.CANCELLING}
        ),
        JobStatus.CANCELLING: frozenset(
            {JobStatus.CANCELLED, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.TIMED_OUT}
        ),
        JobStatus.SUCCEEDED: frozenset(),
        JobStatus.FAILED: frozenset(),
        JobStatus.TIMED_OUT: frozenset(),
        JobStatus.CANCELLED: frozenset(),
    }
)

FINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)
"""Statuses that never change."""

UNFINISHED = frozenset(JobStatus) - FINAL
"""Statuses of jobs that are waiting or running."""

UNSUCCESSFUL = FINAL - {JobStatus.SUCCEEDED}
"""Final statuses of jobs without a result."""

CLAIMED = frozenset({JobStatus.RUNNING, JobStatus.CANCELLING})
"""Statuses in which a worker holds the job under a lease."""

STATUS_ALIASES: Mapping[str, JobStatus] = MappingProxyType(
    {
        "queued": JobStatus.PENDING,
        "done": JobStatus.SUCCEEDED,
        "success": JobStatus.SUCCEEDED,
        "error": JobStatus.FAILED,
    }
)
"""Other names that a filter accepts."""


class IllegalTransition(ValueError):
    """The transition table does not allow this transition."""


def advance(current: JobStatus, to: JobStatus) -> JobStatus:
    """Return `to`. Raise `IllegalTransition` if the table does not allow it from `current`."""
    if to not in TRANSITIONS[current]:
        raise IllegalTransition(f"{current} -> {to}")
    return to
