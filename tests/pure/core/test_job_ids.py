"""Job ids: their order in time, and the ids of the items of a batch."""

from datetime import UTC, datetime, timedelta

import pytest
from ulid import ULID

from interlock.domain.job_id import above_items, first_id, items_prefix, job_id_of_item
from tests.fakes.outside import NOON

BATCH = str(ULID.from_datetime(NOON))
LAST_ITEM = 32**4 - 1


@pytest.mark.parametrize(
    ("moment", "time"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), "0000000000"),
        (datetime(1969, 12, 31, tzinfo=UTC), "0000000000"),
        (datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC), "0000000001"),
        (NOON, BATCH[:10]),
    ],
)
def test_first_id_is_the_lowest_id_of_its_millisecond(moment: datetime, time: str) -> None:
    assert first_id(moment) == time + "0" * 16


@pytest.mark.parametrize(
    ("index", "characters"), [(0, "0000"), (31, "000Z"), (32, "0010"), (1057, "0111"), (LAST_ITEM, "ZZZZ")]
)
def test_id_of_an_item_ends_with_its_index(index: int, characters: str) -> None:
    assert job_id_of_item(BATCH, index) == items_prefix(BATCH) + characters
    assert len(job_id_of_item(BATCH, index)) == len(BATCH)


def test_ids_of_items_are_below_the_bound_of_their_batch_and_later_ids_above_it() -> None:
    prefix = items_prefix(BATCH)
    following = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    assert job_id_of_item(BATCH, 0) < job_id_of_item(BATCH, LAST_ITEM) < above_items(BATCH) < following
    assert above_items(BATCH) < first_id(NOON + timedelta(milliseconds=1))
