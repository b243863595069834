"""Execution metrics: sums over jobs.

Durations are counted in a histogram with exponential buckets, so percentiles of the whole fleet follow from sums. A
bucket spans 8 %. A percentile is reported as the bucket's geometric middle, at most `PERCENTILE_ERROR` off.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Self

from msgspec import Struct, field

from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState, RunState

GROWTH = 1.08
SMALLEST_MS = 0.01
PERCENTILE_ERROR = math.sqrt(GROWTH) - 1
"""The documented error of p50, p95 and p99: 3.93 % of the true value. Durations below `SMALLEST_MS` are equal."""

COUNTERS: Mapping[JobStatus, str] = MappingProxyType(
    {
        JobStatus.SUCCEEDED: "success_count",
        JobStatus.FAILED: "error_count",
        JobStatus.CANCELLED: "cancelled_count",
        JobStatus.TIMED_OUT: "timed_out_count",
    }
)
"""Names of the counters by final status, in the API and in CloudWatch."""


def bucket_of(elapsed_ms: float) -> int:
    """Return the bucket of a duration: bucket n spans `SMALLEST_MS * GROWTH**n` up to `GROWTH` times that."""
    return max(0, math.floor(math.log(max(elapsed_ms, SMALLEST_MS) / SMALLEST_MS, GROWTH)))


def middle_of(bucket: int) -> float:
    """Return the geometric middle of a bucket in milliseconds."""
    return SMALLEST_MS * math.pow(GROWTH, bucket + 0.5)


class ExecutionMetrics(Struct, frozen=True):
    """Sums over finished jobs of a plugin or of one of its tools, fleet-wide, or over changes of them. Times in
    milliseconds."""

    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    cancelled: int = 0
    in_flight: int = 0
    executed: int = 0
    total_ms: float = 0.0
    last_ms: float | None = None
    last_used: datetime | None = None
    lifecycle: LifecycleState | None = None
    lifecycle_at: datetime | None = None
    reason: str | None = None
    fork_finding: ForkFinding | None = None
    fork_finding_at: datetime | None = None
    buckets: Mapping[int, int] = field(default_factory=dict)
    as_of: datetime | None = None
    """Time of the latest change of a job that is counted."""

    @property
    def run_state(self) -> RunState:
        return RunState(
            self.in_flight > 0,
            self.lifecycle,
            self.lifecycle_at,
            self.reason,
            self.fork_finding,
            self.fork_finding_at,
        )

    @property
    def average_ms(self) -> float | None:
        return self.total_ms / self.executed if self.executed else None

    def percentile_ms(self, share: float) -> float | None:
        """Return the nearest-rank percentile: the duration that a `share` (0 to 1) of the executions did not exceed."""
        rank = max(1, math.ceil(share * sum(self.buckets.values())))
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                return middle_of(bucket)
        return None

    @classmethod
    def sum(cls, parts: Iterable[Self]) -> Self:
        """Add the counters of changes or tools. For values that are not summed, the latest is kept."""
        parts = list(parts)
        latest = parts[::-1]  # of equal times, the last part's values are kept
        buckets: dict[int, int] = {}
        for part in parts:
            for bucket, count in part.buckets.items():
                buckets[bucket] = buckets.get(bucket, 0) + count
        used = max((part for part in latest if part.last_used), key=lambda part: str(part.last_used), default=cls())
        moved = max(
            (part for part in latest if part.lifecycle_at), key=lambda part: str(part.lifecycle_at), default=cls()
        )
        found = max(
            (part for part in latest if part.fork_finding_at), key=lambda part: str(part.fork_finding_at), default=cls()
        )
        return cls(
            succeeded=sum(part.succeeded for part in parts),
            failed=sum(part.failed for part in parts),
            timed_out=sum(part.timed_out for part in parts),
            cancelled=sum(part.cancelled for part in parts),
            in_flight=sum(part.in_flight for part in parts),
            executed=sum(part.executed for part in parts),
            total_ms=math.fsum(part.total_ms for part in parts),
            last_ms=used.last_ms,
            last_used=used.last_used,
            lifecycle=moved.lifecycle,
            lifecycle_at=moved.lifecycle_at,
            reason=moved.reason,
            fork_finding=found.fork_finding,
            fork_finding_at=found.fork_finding_at,
            buckets=buckets,
            as_of=max((part.as_of for part in parts if part.as_of), default=None),
        )
