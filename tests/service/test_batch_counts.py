"""The counts of a batch from the table's stream: each change is counted once, however its records are delivered."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ulid import ULID

from interlock.adapters.dynamo.batches import DynamoBatches
from interlock.adapters.dynamo.counters import DynamoCounters
from interlock.domain.batch import BatchCounts
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.stream import Batch, Change
from interlock.jobs.counting import count
from tests.fakes.batches import a_batch
from tests.fakes.jobs import a_job
from tests.service.conftest import Table
from tests.volume import volume

SHARDS = ("shardId-00000001795341600000-f35f62ef", "shardId-00000001795341600000-0a1b2c3d")


def lives_of(batch_id: str, ends: Sequence[JobStatus | None]) -> list[list[Change[Any]]]:
    """Return the changes of a batch's jobs, by shard. `ends` are their final statuses, or None while a job runs."""
    shards: list[list[Change[Any]]] = [[], []]
    for number, end in enumerate(ends):
        pending = a_job(JobStatus.PENDING, batch_id=batch_id)
        running = a_job(JobStatus.RUNNING, job_id=pending.job_id, batch_id=batch_id)
        steps = [(None, pending), (pending, running)]
        if end is not None:
            steps.append((running, a_job(end, job_id=pending.job_id, batch_id=batch_id)))
        shard = shards[number % 2]
        shard += [Change(len(shard) + at, old, new) for at, (old, new) in enumerate(steps, 1)]
    return shards


@settings(max_examples=volume(sample=5, full=200))
@given(data=st.data(), ends=st.lists(st.sampled_from([None, *FINAL]), min_size=1, max_size=6))
def test_repeated_split_and_duplicated_records_are_counted_once(
    tables: Callable[[str], Table], data: st.DataObject, ends: list[JobStatus | None]
) -> None:
    table = tables("moto")
    batch = a_batch(total=len(ends), batch_id=str(ULID()))
    store, counters = DynamoBatches(table.client, table.name), DynamoCounters(table.client, table.name)
    store.create(batch)
    tolerated = data.draw(st.integers(0, 2), "tolerated")
    store.open_counts(batch, tolerated)
    stopped: list[tuple[str, str]] = []
    for shard, changes in zip(SHARDS, lives_of(batch.batch_id, ends), strict=True):
        counted = 0
        while counted < len(changes):
            # Lambda repeats a batch from anywhere before its end, with any size, and may deliver an old one again.
            start = data.draw(st.integers(0, counted), "start")
            end = data.draw(st.integers(counted + 1, len(changes)), "end")
            for delivered in (changes[start:end], changes[:start]):
                assert count(counters, Batch(shard, delivered), lambda *name: stopped.append(name)) is None
            counted = end
    found = store.get("acme", batch.batch_id)
    assert found is not None
    expected = BatchCounts.of([end or JobStatus.RUNNING for end in ends])
    assert (found.counts.running, found.counts.succeeded, found.counts.cancelled) == (
        expected.running,
        expected.succeeded,
        expected.cancelled,
    )
    assert (found.counts.failed, found.counts.timed_out) == (expected.failed, expected.timed_out)
    assert found.counts.pending(len(ends)) == 0
    assert bool(stopped) == (expected.failed + expected.timed_out > tolerated)
