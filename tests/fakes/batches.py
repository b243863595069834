"""Batches in each status; in-memory batches and their workflow, under the conditions of `interlock.ports`."""

from collections.abc import Callable, Iterator, Sequence
from copy import replace
from datetime import datetime, timedelta
from typing import Any

from ulid import ULID

from interlock.domain.batch import BATCH_FINAL, Batch, BatchCounts, BatchStatus
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job_id import random_part, random_part_of_key
from interlock.ports import StaleBatch
from tests.fakes.outside import NOON
from tests.fakes.store import MemoryJobs


def a_batch(status: BatchStatus = BatchStatus.RUNNING, **fields: Any) -> Batch:
    """Return a batch in this status; `fields` override the defaults."""
    given: dict[str, Any] = {
        "tenant": "acme",
        "batch_id": str(ULID.from_datetime(NOON)),
        "plugin": "echo",
        "tool": "say",
        "plugin_version": "1.0.0",
        "timeout_s": 20.0,
        "max_concurrency": 10,
        "items_key": "items",
        "status": status,
        "created_at": NOON,
        "updated_at": NOON,
        "expires_at": NOON + timedelta(days=7),
        "completed_at": NOON if status in BATCH_FINAL else None,
    }
    return Batch(**given | fields)


class MemoryBatches:
    """A `BatchStore`. Its counts always match the jobs, as if the table's stream had no delay.

    `before_change` is called before a change is written: it may change the batch as a concurrent process would.
    """

    def __init__(self, jobs: MemoryJobs) -> None:
        self._jobs = jobs
        self._batches: dict[tuple[str, str], Batch] = {}
        self._tolerated: dict[tuple[str, str], int | None] = {}
        self.before_change: Callable[[Batch], None] = lambda after: None
        self.changes: list[tuple[Batch, Batch]] = []

    def create(self, batch: Batch) -> None:
        key = batch.tenant, random_part(batch.batch_id)
        found = self._batches.get(key)
        if found == batch:
            return
        if found is not None and not found.expired(batch.created_at):
            raise StaleBatch(found)
        self._batches[key] = batch

    def get(self, tenant: str, batch_id: str) -> Batch | None:
        found = self._batches.get((tenant, random_part(batch_id)))
        if found is None or found.finished:
            return found
        return replace(found, counts=self.counts(tenant, batch_id))

    def counts(self, tenant: str, batch_id: str) -> BatchCounts:
        """Return the counts that `count_jobs` would have written."""
        jobs = [job.status for job in self._jobs.all_jobs if (job.tenant, job.batch_id) == (tenant, batch_id)]
        return replace(BatchCounts.of(jobs), tolerated=self._tolerated.get((tenant, batch_id)))

    def find_by_key(self, tenant: str, key_hash: str) -> Batch | None:
        found = self._batches.get((tenant, random_part_of_key(key_hash)))
        return None if found is None or found.key_hash != key_hash else found

    def stopping(self, tenant: str, batch_id: str) -> bool:
        found = self.get(tenant, batch_id)
        return found is None or found.stopping

    def change(self, before: Batch, after: Batch) -> Batch:
        self.before_change(after)
        key = before.tenant, random_part(before.batch_id)
        found = self._batches.get(key)
        after = replace(after, version=before.version + 1)
        if found == after:
            return after
        if found is None or (found.batch_id, found.version) != (before.batch_id, before.version):
            raise StaleBatch(found)
        self._batches[key] = after
        self.changes.append((found, after))
        return after

    def open_counts(self, batch: Batch, tolerated: int | None) -> None:
        self._tolerated[batch.tenant, batch.batch_id] = tolerated

    def page(self, tenant: str, *, limit: int, before_id: str | None) -> tuple[Sequence[Batch], str | None]:
        ids = sorted((one.batch_id for (of, _), one in self._batches.items() if of == tenant), reverse=True)
        ids = [one for one in ids if one < (before_id or "Z")]
        found = [batch for one in ids[:limit] if (batch := self.get(tenant, one)) is not None]
        return found, ids[limit - 1] if len(ids) > limit else None

    def with_lapsed_lease(self, now: datetime) -> Iterator[Batch]:
        for batch in list(self._batches.values()):
            if batch.look_at is not None and batch.look_at < now:
                yield batch


class MemoryBatchWorkflow:
    """A `BatchWorkflow` that only records its executions, by batch id and round. `down` makes every call fail."""

    def __init__(self) -> None:
        self.running: set[tuple[str, int]] = set()
        self.over: set[tuple[str, int]] = set()
        self.down = False

    def start(self, batch: Batch) -> bool:
        self._raise_if_down()
        name = batch.batch_id, batch.round
        if name in self.over:
            return False
        self.running.add(name)
        return True

    def stop(self, batch: Batch, cause: str) -> None:
        self._raise_if_down()
        self.finish(batch)

    def finish(self, batch: Batch) -> None:
        """End the execution of the batch's round."""
        name = batch.batch_id, batch.round
        if name in self.running:
            self.running.remove(name)
            self.over.add(name)

    def _raise_if_down(self) -> None:
        if self.down:
            raise ServiceUnavailable(service="workflow")
