"""Counters, buckets and percentiles."""

import math
from copy import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.fork_safety import ForkFinding
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import (
    GROWTH,
    PERCENTILE_ERROR,
    SMALLEST_MS,
    ExecutionMetrics,
    bucket_of,
    middle_of,
)
from tests.fakes.outside import NOON

STATED_ERROR = 0.0393
durations = st.floats(min_value=SMALLEST_MS, max_value=900_000, allow_nan=False)
shares = st.sampled_from([0.5, 0.95, 0.99])


def nearest_rank(values: list[float], share: float) -> float:
    """Return the percentile by the nearest-rank definition, in exact arithmetic."""
    rank = math.ceil(Fraction(str(share)) * len(values))
    return sorted(values)[rank - 1]


def of_durations(values: list[float]) -> ExecutionMetrics:
    buckets: dict[int, int] = {}
    for value in values:
        buckets[bucket_of(value)] = buckets.get(bucket_of(value), 0) + 1
    return ExecutionMetrics(executed=len(values), total_ms=sum(values), buckets=buckets)


def test_stated_percentile_error_is_under_five_percent() -> None:
    assert PERCENTILE_ERROR <= STATED_ERROR < 0.05
    # The ends of a bucket have the largest distance from its middle, relative to the duration.
    assert middle_of(0) / SMALLEST_MS - 1 == pytest.approx(PERCENTILE_ERROR)
    assert 1 - middle_of(0) / (SMALLEST_MS * GROWTH) <= PERCENTILE_ERROR


@given(durations)
def test_middle_of_a_bucket_is_within_the_stated_error(duration: float) -> None:
    assert abs(middle_of(bucket_of(duration)) - duration) <= STATED_ERROR * duration


@given(st.lists(durations, min_size=1, max_size=300), shares)
def test_percentile_is_within_the_stated_error_of_the_true_one(values: list[float], share: float) -> None:
    reported = of_durations(values).percentile_ms(share)
    true = nearest_rank(values, share)
    assert reported is not None
    assert abs(reported - true) <= STATED_ERROR * true


@given(durations, durations)
def test_longer_duration_is_never_in_a_lower_bucket(one: float, other: float) -> None:
    assert bucket_of(min(one, other)) <= bucket_of(max(one, other))


@pytest.mark.parametrize("duration", [0.0, 0.001, SMALLEST_MS])
def test_shortest_durations_share_the_first_bucket(duration: float) -> None:
    assert bucket_of(duration) == 0


def test_bucket_ends_where_the_next_begins() -> None:
    # Just inside both ends, since the logarithm may round either way at the ends.
    for bucket in range(250):
        start = SMALLEST_MS * GROWTH**bucket
        assert bucket_of(start * 1.0001) == bucket
        assert bucket_of(start * GROWTH * 0.9999) == bucket


def test_counters_start_at_zero() -> None:
    nothing = ExecutionMetrics()
    assert [nothing.succeeded, nothing.failed, nothing.timed_out, nothing.cancelled] == [0, 0, 0, 0]
    assert (nothing.in_flight, nothing.executed, nothing.total_ms, nothing.buckets) == (0, 0, 0.0, {})
    assert ExecutionMetrics.sum([]) == nothing


def test_percentile_and_average_are_none_without_executions() -> None:
    assert ExecutionMetrics().percentile_ms(0.5) is None
    assert ExecutionMetrics().average_ms is None


def test_average_counts_executed_jobs_only() -> None:
    # A job cancelled before its run counts as a job but not as an execution.
    assert ExecutionMetrics(succeeded=2, cancelled=5, executed=2, total_ms=30.0).average_ms == 15.0


@given(st.lists(st.tuples(durations, st.integers(0, 5)), min_size=1, max_size=60), shares)
def test_sum_of_shards_equals_one_counter(marked: list[tuple[float, int]], share: float) -> None:
    shards = [of_durations([value for value, shard in marked if shard == number]) for number in range(6)]
    together = of_durations([value for value, _ in marked])
    summed = ExecutionMetrics.sum(shards)
    assert summed.buckets == together.buckets
    assert summed.executed == together.executed
    assert summed.total_ms == pytest.approx(together.total_ms)
    assert summed.percentile_ms(share) == together.percentile_ms(share)


def test_sum_adds_every_counter() -> None:
    part = ExecutionMetrics(succeeded=1, failed=2, timed_out=3, cancelled=4, in_flight=5, executed=6, total_ms=7.0)
    summed = ExecutionMetrics.sum([part, part])
    assert summed == ExecutionMetrics(
        succeeded=2, failed=4, timed_out=6, cancelled=8, in_flight=10, executed=12, total_ms=14.0
    )


naive = NOON.replace(tzinfo=None)  # Hypothesis adds the zone
moments = st.datetimes(naive.replace(year=2000), naive.replace(year=2100), timezones=st.just(UTC))


@given(st.lists(moments, min_size=1, max_size=8, unique=True))
def test_sum_keeps_the_latest_of_the_last_values(when: list[datetime]) -> None:
    parts = [ExecutionMetrics(last_ms=float(n), last_used=moment) for n, moment in enumerate(when)]
    parts += [ExecutionMetrics(lifecycle=LifecycleState.FAILED, lifecycle_at=moment) for moment in when[1:]]
    parts.append(ExecutionMetrics(lifecycle=LifecycleState.INITIALIZED, lifecycle_at=max(when) + timedelta(days=1)))
    summed = ExecutionMetrics.sum(parts)
    assert (summed.last_used, summed.last_ms) == (max(when), float(when.index(max(when))))
    assert summed.lifecycle is LifecycleState.INITIALIZED


def test_sum_keeps_the_latest_verdict_finding_and_change_whatever_the_order() -> None:
    later, latest = NOON + timedelta(seconds=1), NOON + timedelta(seconds=2)
    failed = ExecutionMetrics(lifecycle=LifecycleState.FAILED, lifecycle_at=NOON, as_of=NOON)
    unloaded = ExecutionMetrics(
        lifecycle=LifecycleState.UNAVAILABLE, lifecycle_at=later, reason="no model", as_of=latest
    )
    early = ExecutionMetrics(fork_finding=ForkFinding("1.0.0", "runs threads"), fork_finding_at=NOON, as_of=NOON)
    late = ExecutionMetrics(fork_finding=ForkFinding("1.0.0", "holds files"), fork_finding_at=later, as_of=later)
    expected = replace(unloaded, fork_finding=late.fork_finding, fork_finding_at=later)
    parts = [failed, unloaded, early, late, ExecutionMetrics()]
    assert ExecutionMetrics.sum(parts) == ExecutionMetrics.sum(parts[::-1]) == expected


def test_sum_keeps_the_last_of_simultaneous_verdicts_and_findings() -> None:
    one = ExecutionMetrics(
        lifecycle=LifecycleState.FAILED,
        lifecycle_at=NOON,
        fork_finding=ForkFinding("1.0.0", "runs threads"),
        fork_finding_at=NOON,
    )
    other = replace(one, lifecycle=LifecycleState.INITIALIZED, fork_finding=ForkFinding("1.0.0", "holds files"))
    assert ExecutionMetrics.sum([one, other]) == other
