"""Cursors are signed for one stack and one query."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interlock.domain.errors import InvalidRequest
from interlock.http.cursors import Cursors

JOB = "01KY4QJ3HS0123456789ABCDEF"
QUERY: list[object] = ["acme", None, None, []]
cursors = Cursors(lambda: b"s" * 32)
queries = st.tuples(
    st.text(max_size=5), st.none() | st.text(max_size=5), st.lists(st.text(max_size=5), max_size=2)
).map(list)


@given(queries)
def test_cursor_round_trips_for_its_query(query: list[object]) -> None:
    written = cursors.write(JOB, query)
    assert cursors.read(written, query) == JOB
    assert all(char.isalnum() or char in "-_" for char in written)


@given(queries, queries)
def test_cursor_is_rejected_for_another_query(query: list[object], other: list[object]) -> None:
    if query != other:
        with pytest.raises(InvalidRequest):
            cursors.read(cursors.write(JOB, query), other)


def test_first_page_needs_no_secret() -> None:
    def no_secret() -> bytes:
        raise AssertionError

    assert Cursors(no_secret).read(None, QUERY) is None


def test_cursor_signed_with_another_secret_is_rejected() -> None:
    with pytest.raises(InvalidRequest):
        Cursors(lambda: b"t" * 32).read(cursors.write(JOB, QUERY), QUERY)


@given(st.integers(0, 10**6), st.characters())
def test_cursor_with_a_changed_character_is_rejected(place: int, char: str) -> None:
    written = cursors.write(JOB, QUERY)
    place %= len(written)
    tampered = written[:place] + char + written[place + 1 :]
    if tampered != written:
        with pytest.raises(InvalidRequest):
            cursors.read(tampered, QUERY)


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
@example(JOB)
@example(cursors.write(JOB, QUERY) + "=")
@example(cursors.write(JOB, QUERY)[:-1])
@example("\ud800")
def test_forged_cursors_are_rejected(text: str) -> None:
    with pytest.raises(InvalidRequest):
        cursors.read(text, QUERY)


def test_cursor_with_a_changed_job_id_is_rejected() -> None:
    raw = base64.urlsafe_b64decode(cursors.write(JOB, QUERY) + "==")
    forged = base64.urlsafe_b64encode(b"7" + raw[1:]).decode().rstrip("=")
    with pytest.raises(InvalidRequest):
        cursors.read(forged, QUERY)
