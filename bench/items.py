"""The items of jobs, as the adapter writes them."""

from collections.abc import Iterable, Mapping
from typing import Any

from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain.job import Job

type Item = Mapping[str, Any]


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
