"""The items of jobs, as the adapter writes them, and ids of jobs that are the same in each run."""

import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ulid import ULID

from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain.job import Job

type Item = Mapping[str, Any]

NEWEST = datetime(2026, 1, 1, tzinfo=UTC)


class _Items:
    """A client that keeps the items that an adapter writes."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def put_item(self, *, Item: Item, **_: Any) -> dict[str, Any]:  # noqa: N803 - botocore's name
        self.items.append(Item)
        return {}


def items_of(jobs: Iterable[Job]) -> list[Item]:
    """Return an item for each job."""
    client = _Items()
    store = DynamoJobs(client, "table")  # type: ignore[arg-type]
    for job in jobs:
        store.create(job)
    return client.items


def fixed_ids(count: int) -> Iterator[tuple[datetime, str]]:
    """Yield the time and the id of jobs, one for each second, newest first. With the ids, the jobs' shards are the
    same in each run."""
    chosen = random.Random(0)  # noqa: S311 - protects nothing
    for number in range(count):
        at = NEWEST - timedelta(seconds=number)
        yield at, str(ULID.from_bytes(ULID.from_datetime(at).bytes[:6] + chosen.randbytes(10)))
