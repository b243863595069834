"""Times in the format of the contract (RFC 3339)."""

import re
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.times import from_rfc3339, rfc3339, to_millisecond, utc_now
from tests.fakes.outside import NOON

FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
naive = NOON.replace(tzinfo=None)  # Hypothesis adds the zone
aware = st.datetimes(
    naive.replace(year=1971),
    naive.replace(year=9998),
    timezones=st.integers(-14, 14).map(lambda h: timezone(timedelta(hours=h))),
)


def test_times_have_milliseconds_and_z() -> None:
    assert rfc3339(datetime(2026, 11, 22, 10, 11, 12, 345_678, tzinfo=UTC)) == "2026-11-22T10:11:12.345Z"
    assert rfc3339(datetime(2026, 11, 22, 10, 11, 12, tzinfo=UTC)) == "2026-11-22T10:11:12.000Z"


@given(aware)
def test_times_round_trip_to_the_same_instant(moment: datetime) -> None:
    text = rfc3339(moment)
    assert FORM.fullmatch(text)
    assert from_rfc3339(text) == to_millisecond(moment)
    assert from_rfc3339(text).utcoffset() == timedelta(0)


@given(aware, aware)
def test_texts_sort_like_their_instants(one: datetime, other: datetime) -> None:
    # The table compares them as text.
    assert (rfc3339(one) < rfc3339(other)) == (to_millisecond(one) < to_millisecond(other))


def test_utc_now_has_millisecond_precision() -> None:
    before = to_millisecond(datetime.now(UTC))
    now = utc_now()
    assert now.microsecond % 1000 == 0
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)
