"""Rates: their text form, and the requests that the algorithm allows."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.rate import Rate
from tests.fakes.outside import NOON, MemoryRates


@pytest.mark.parametrize(("text", "rate"), [("1/s", Rate(1, "s")), ("600/m", Rate(600, "m")), ("5/h", Rate(5, "h"))])
def test_rate_round_trips_through_text(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate
    assert str(rate) == text


@pytest.mark.parametrize(
    "text", ["", "1", "0/s", "-1/s", "1.5/s", "1/d", "01/s", "1/s ", "1000000/s", "1 /s", "\u0661/s"]
)
def test_invalid_rate_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid rate"):
        Rate.parse(text)


def test_rate_allows_a_burst_and_then_evenly_spaced_requests() -> None:
    rates, rate = MemoryRates(), Rate(4, "s")
    assert [rates.take("k", rate, NOON) for _ in range(6)] == [0, 0, 0, 0, 0.25, 0.25]
    assert rates.take("k", rate, NOON + timedelta(milliseconds=249)) == pytest.approx(0.001)
    assert rates.take("k", rate, NOON + timedelta(milliseconds=250)) == 0
    assert rates.take("k", rate, NOON + timedelta(milliseconds=250)) == 0.25


@given(
    st.builds(Rate, st.integers(1, 999_999), st.sampled_from("smh")),
    st.lists(st.integers(0, 10**9), max_size=60).map(sorted),
)
def test_requests_in_any_span_are_at_most_the_burst_plus_the_rate(rate: Rate, offsets_us: list[int]) -> None:
    rates = MemoryRates()
    times = [NOON + timedelta(microseconds=offset) for offset in offsets_us]
    taken = [time for time in times if rates.take("k", rate, time) == 0]
    for start in range(len(taken)):
        for end in range(start, len(taken)):
            span = taken[end] - taken[start]
            assert end - start + 1 <= rate.count + span / rate.interval + 1e-6


@given(st.builds(Rate, st.integers(1, 999_999), st.sampled_from("smh")))
def test_interval_is_never_shorter_than_the_rate_allows(rate: Rate) -> None:
    period = timedelta(seconds={"s": 1, "m": 60, "h": 3600}[rate.unit])
    assert rate.interval * rate.count >= period


def test_rate_is_within_another_by_burst_and_by_mean() -> None:
    own = Rate(60, "m")
    assert [str(rate) for rate in (Rate(60, "m"), Rate(1, "s"), Rate(60, "h")) if rate.within(own)] == [
        "60/m",
        "1/s",
        "60/h",
    ]
    assert not Rate(2, "s").within(own)
    assert not Rate(61, "h").within(own)
