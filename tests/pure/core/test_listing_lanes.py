"""Merging partitions in chunks: consecutive pages have each matching entry exactly once, whatever the budget."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from interlock.adapters.dynamo.lanes import Chunk, Lane, Merged, merged

ABOVE_ALL = "999"

# Job ids with their partition, and whether a filter lets the entry through.
entries = st.dictionaries(st.integers(0, 60).map("{:03}".format), st.tuples(st.integers(0, 3), st.booleans()))


def lane(partition: Sequence[tuple[str, bool]], before: str) -> Lane:
    """Return a lane that reads like DynamoDB: the limit counts the entries before filtering, and a chunk that reaches
    the limit has a position to continue from, even at the end of the partition."""

    def read(below: str, limit: int) -> Chunk:
        rest = [(job_id, matching) for job_id, matching in partition if job_id < below]
        looked_at = rest[:limit]
        position = looked_at[-1][0] if len(looked_at) == limit else None
        return Chunk([{"job_id": job_id} for job_id, matching in looked_at if matching], len(looked_at), position)

    return Lane(read, before)


def page(stored: Mapping[str, tuple[int, bool]], before: str, count: int, budget: int) -> Merged:
    newest = sorted(((job_id, matching, number) for job_id, (number, matching) in stored.items()), reverse=True)
    partitions = [[(job_id, matching) for job_id, matching, of in newest if of == number] for number in range(4)]
    return merged([lane(partition, before) for partition in partitions], count, budget)


@given(stored=entries, count=st.integers(1, 9), budget=st.integers(1, 20))
def test_pages_have_each_matching_entry_once(stored: dict[str, tuple[int, bool]], count: int, budget: int) -> None:
    listed: list[str] = []
    before: str | None = ABOVE_ALL
    while before is not None:
        found = page(stored, before, count, budget)
        assert found.floor is None or found.floor < before
        listed += [entry["job_id"] for entry in found.entries]
        before = found.floor
    assert listed == sorted((job_id for job_id, (_, matching) in stored.items() if matching), reverse=True)
