"""In-memory jobs and counters, under the conditions of `interlock.ports.JobStore`."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import replace
from datetime import datetime
from typing import Literal

from interlock.domain.counters import delta
from interlock.domain.errors import ServiceUnavailable, TooManyJobs
from interlock.domain.events import Event
from interlock.domain.job import Job, Progress, after_heartbeat, listed
from interlock.domain.job_id import random_part, random_part_of_key
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import RunState, combined
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import JobExists, JobFilter, JobStore, KeyAlreadyUsed, StaleJob


class MemoryJobs:
    """A thread-safe `JobStore`. `down` makes every call fail like a table that does not respond."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], Job] = {}
        self._metrics: dict[tuple[str, str], ExecutionMetrics] = {}
        self.slots: Counter[str | None] = Counter()
        self._lock = threading.RLock()
        self.down = False

    @property
    def all_jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: job.job_id)

    def forget(self, job: Job) -> None:
        """Remove a job, as the table's TTL does."""
        with self._open():
            del self._jobs[_key(job)]

    def create(self, job: Job) -> None:
        with self._open():
            existing = self._jobs.get(_key(job))
            if existing is not None and not (job.key_hash and existing.expired(job.created_at)):
                own = (existing.job_id, existing.write_id) == (job.job_id, job.write_id)
                if existing == job or (own and existing.held_as(job)):
                    return
                if job.key_hash is not None and existing.key_hash == job.key_hash:
                    raise KeyAlreadyUsed(existing)
                raise StaleJob(existing) if own else JobExists
            self._move_slot(None, job)
            self._write(existing, job)

    def get(self, tenant: str, job_id: str) -> Job | None:
        with self._open():
            job = self._jobs.get((tenant, random_part(job_id)))
            return None if job is None or job.job_id != job_id else job

    def find_by_key(self, tenant: str, key_hash: str) -> Job | None:
        with self._open():
            return self._jobs.get((tenant, random_part_of_key(key_hash)))

    def change(self, before: Job, after: Job) -> None:
        with self._open():
            self._write_change(before, after)

    def heartbeat(
        self,
        job: Job,
        *,
        now: datetime,
        lease_expires_at: datetime,
        progress: Progress | None,
        news: Sequence[Event] = (),
    ) -> Job:
        with self._open():
            current = self.get(job.tenant, job.job_id)
            if current is None or not current.held_as(job):
                raise StaleJob(current)
            if news and current.events.last_seq != job.events.last_seq:
                raise StaleJob(current)
            after = after_heartbeat(current, now=now, lease_expires_at=lease_expires_at, progress=progress, news=news)
            self._write(current, after)
            return after

    def settle(self, before: Job, after: Job) -> None:
        with self._open():
            self._write_change(before, after, same_lease=True)

    def of_items(self, tenant: str, job_ids: Sequence[str]) -> Mapping[str, Job]:
        with self._open():
            return {job_id: job for job_id in job_ids if (job := self.get(tenant, job_id)) is not None}

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        with self._open():
            found = [
                listed(job)
                for job in reversed(self.all_jobs)
                if job.tenant == wanted.tenant
                and (wanted.lowest_id or "0") <= job.job_id < (wanted.below(before_id) or "Z")
                and wanted.plugin in {None, job.plugin}
                and wanted.tool in {None, job.tool}
                and (not wanted.statuses or job.status in wanted.statuses)
            ]
        return found[:limit], found[limit - 1].job_id if len(found) > limit else None

    def with_lapsed_lease(self, now: datetime) -> Iterator[Job]:
        with self._open():
            yield from [job for job in self.all_jobs if job.lease_ran_out(now)]

    def metrics(self, plugin: str) -> dict[str, ExecutionMetrics]:
        with self._open():
            return {tool: metrics for (of, tool), metrics in self._metrics.items() if of == plugin}

    def states(self) -> Mapping[str, RunState]:
        with self._open():
            plugins = {plugin for plugin, _ in self._metrics}
            return {one: combined(metrics.run_state for metrics in self.metrics(one).values()) for one in plugins}

    def _move_slot(self, before: Job | None, after: Job) -> None:
        change = after.occupies_slot - (before is not None and before.occupies_slot)
        if change > 0 and self.slots[after.key_id] >= (after.key_limit or 0):
            raise TooManyJobs
        self.slots[after.key_id] += change

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self.down:
                raise ServiceUnavailable(service="table")
            yield

    def _write_change(self, before: Job, after: Job, *, same_lease: bool = False) -> None:
        """Write the fields that differ, or raise `StaleJob`. Nothing happens if this change is already stored."""
        current = self.get(before.tenant, before.job_id)
        unchanged = current is not None and (current.status, current.attempt) == (before.status, before.attempt)
        if current is not None and after.events != before.events:
            unchanged = unchanged and current.events.last_seq == before.events.last_seq
        if current is not None and same_lease:
            unchanged = unchanged and current.lease_expires_at == before.lease_expires_at
        if current is None or not unchanged:
            if current is not None and current == after:
                return
            raise StaleJob(current)
        self._move_slot(before, after)
        changes = {
            name: getattr(after, name)
            for name in Job.__struct_fields__
            if getattr(after, name) != getattr(before, name)
        }
        self._write(current, replace(current, **changes))

    def _write(self, old: Job | None, new: Job) -> None:
        """Store a job and count the change at once. With the table, its stream counts the change a moment later."""
        self._jobs[_key(new)] = new
        added = delta(old, new)
        if added is not None:
            known = self._metrics.get((new.plugin, new.tool), ExecutionMetrics())
            self._metrics[new.plugin, new.tool] = ExecutionMetrics.sum([known, added])


def _key(job: Job) -> tuple[str, str]:
    return job.tenant, random_part(job.job_id)


type Moment = Literal["before", "after"]
type Hook = Callable[[Moment, str], None]


class Interposed:
    """A `JobStore` that wraps another, records the names of the methods called in `calls`, and calls `hook` before and
    after each: the hook may raise, or change the store as a concurrent process would."""

    def __init__(self, inner: JobStore, hook: Hook = lambda _moment, _name: None) -> None:
        self._inner = inner
        self.hook = hook
        self.calls: list[str] = []

    def create(self, job: Job) -> None:
        with self._around("create"):
            self._inner.create(job)

    def get(self, tenant: str, job_id: str) -> Job | None:
        with self._around("get"):
            return self._inner.get(tenant, job_id)

    def find_by_key(self, tenant: str, key_hash: str) -> Job | None:
        with self._around("find_by_key"):
            return self._inner.find_by_key(tenant, key_hash)

    def change(self, before: Job, after: Job) -> None:
        with self._around("change"):
            self._inner.change(before, after)

    def heartbeat(
        self,
        job: Job,
        *,
        now: datetime,
        lease_expires_at: datetime,
        progress: Progress | None,
        news: Sequence[Event] = (),
    ) -> Job:
        with self._around("heartbeat"):
            return self._inner.heartbeat(job, now=now, lease_expires_at=lease_expires_at, progress=progress, news=news)

    def settle(self, before: Job, after: Job) -> None:
        with self._around("settle"):
            self._inner.settle(before, after)

    def of_items(self, tenant: str, job_ids: Sequence[str]) -> Mapping[str, Job]:
        with self._around("of_items"):
            return self._inner.of_items(tenant, job_ids)

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        with self._around("page"):
            return self._inner.page(wanted, limit=limit, before_id=before_id)

    def with_lapsed_lease(self, now: datetime) -> Iterator[Job]:
        with self._around("with_lapsed_lease"):
            yield from self._inner.with_lapsed_lease(now)

    def metrics(self, plugin: str) -> dict[str, ExecutionMetrics]:
        with self._around("metrics"):
            return self._inner.metrics(plugin)

    def states(self) -> Mapping[str, RunState]:
        with self._around("states"):
            return self._inner.states()

    @contextmanager
    def _around(self, name: str) -> Iterator[None]:
        self.calls.append(name)
        self.hook("before", name)
        yield
        self.hook("after", name)


def once(moment: Moment, name: str, action: Callable[[], object]) -> Hook:
    """Return a hook that acts at the first such call only."""
    left = [action]

    def hook(now: Moment, called: str) -> None:
        if (now, called) == (moment, name) and left:
            left.pop()()

    return hook


def finished_counts(jobs: Sequence[Job]) -> dict[tuple[str, str], dict[JobStatus, int]]:
    """Count finished jobs by plugin and tool, and by status: the expected counters."""
    counts: dict[tuple[str, str], dict[JobStatus, int]] = {}
    for job in jobs:
        if job.finished:
            by_status = counts.setdefault((job.plugin, job.tool), {})
            by_status[job.status] = by_status.get(job.status, 0) + 1
    return counts
