"""The interfaces that the framework calls. `interlock.adapters` implements them with AWS, tests in memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from interlock.domain.access import Principal
from interlock.domain.batch import Batch, BatchCounts
from interlock.domain.events import Event
from interlock.domain.job import Job, Progress
from interlock.domain.job_id import above_items, first_id, job_id_of_item
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import RunState
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.rate import Rate

Clock = Callable[[], datetime]

type ToolName = tuple[str, str]
"""The names of a plugin and of one of its tools."""

type BatchName = tuple[str, str]
"""The tenant and the id of a batch."""


class StaleJob(Exception):
    """The job has changed since it was read. `current` is the job now, None if it is gone."""

    def __init__(self, current: Job | None) -> None:
        super().__init__(f"the job is {current.status if current else 'gone'}")
        self.current = current


class JobExists(Exception):
    """A job with this id exists already."""


class KeyAlreadyUsed(Exception):
    """A job with the idempotency key exists already: `job`, as it is now."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"the idempotency key belongs to job {job.job_id}")
        self.job = job


class JobFilter(Struct, frozen=True):
    """The jobs of a tenant to list. Empty fields do not filter. `tool` without `plugin` is the tool of any plugin. Jobs
    were created at `created_after` or later, and before `created_before`, and are items of the batch `batch_id`."""

    tenant: str
    plugin: str | None = None
    tool: str | None = None
    statuses: Sequence[JobStatus] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    batch_id: str | None = None

    @property
    def lowest_id(self) -> str | None:
        """The lowest id that the wanted jobs can have, None if there is no bound."""
        bounds = [
            first_id(self.created_after) if self.created_after else None,
            job_id_of_item(self.batch_id, 0) if self.batch_id else None,
        ]
        return max(filter(None, bounds), default=None)

    def below(self, before_id: str | None) -> str | None:
        """Return the exclusive upper bound of the wanted jobs' ids, for the page that continues after `before_id`."""
        bounds = [
            before_id,
            first_id(self.created_before) if self.created_before else None,
            above_items(self.batch_id) if self.batch_id else None,
        ]
        return min(filter(None, bounds), default=None)


class RunHistory(Protocol):
    """States and counters of plugins, derived from all jobs. Raises `ServiceUnavailable` like `JobStore`."""

    def metrics(self, plugin: str) -> dict[str, ExecutionMetrics]:
        """Return the counters of a plugin by tool, for the whole fleet."""

    def states(self) -> Mapping[str, RunState]:
        """Return the states of all plugins that had jobs. While no state changes, this may be the same mapping."""


class JobStore(RunHistory, Protocol):
    """Jobs, and the counters derived from them. Writes are conditional and raise `StaleJob` if their condition fails.

    All methods raise `interlock.domain.errors.ServiceUnavailable` if the table is down after the SDK's retries.
    """

    def create(self, job: Job) -> None:
        """Write a new job in any status, and take its slot of the API key.

        All or nothing. Raise `JobExists`, `KeyAlreadyUsed` if the idempotency key belongs to another job,
        `TooManyJobs` if the API key has reached its limit, and `StaleJob` if the job was written by an earlier try of
        this call and another process has ended it since. An expired job does not keep its key.
        """

    def get(self, tenant: str, job_id: str) -> Job | None:
        """Read a job consistently."""

    def find_by_key(self, tenant: str, key_hash: str) -> Job | None:
        """Read the job of an idempotency key consistently. It may have expired."""

    def change(self, before: Job, after: Job) -> None:
        """Update an unfinished job. Raise `StaleJob` unless it still has `before`'s status, attempt and events."""

    def heartbeat(
        self,
        job: Job,
        *,
        now: datetime,
        lease_expires_at: datetime,
        progress: Progress | None,
        news: Sequence[Event] = (),
    ) -> Job:
        """Extend the lease of an attempt, add events, and return the current job, which shows a requested cancel.

        Raise `StaleJob` if the attempt is over, or if there are new events and another was added since `job` was read.
        """

    def of_items(self, tenant: str, job_ids: Sequence[str]) -> Mapping[str, Job]:
        """Read jobs consistently, without inputs and events. Jobs that no longer exist are left out."""

    def settle(self, before: Job, after: Job) -> None:
        """Write a final status, and release the slot of the API key.

        Raise `StaleJob` unless the job still has `before`'s status, attempt, lease and events. So a job is settled
        once, and not while its worker continues.
        """

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        """Return a page of jobs older than `before_id`, newest first, and the id to continue after (None: no more).

        The jobs are as `interlock.domain.job.listed` returns them. Where few jobs match, a page ends after a number of
        jobs have been read, and has fewer than `limit` jobs or none.
        """

    def with_lapsed_lease(self, now: datetime) -> Iterator[Job]:
        """Yield the unfinished jobs whose lease has expired, some of them up to ten seconds later."""


class CountedChange(Struct, frozen=True):
    """The change that one record of the table's stream makes to the counters of a tool."""

    sequence_number: int
    delta: ExecutionMetrics


class CounterStore(Protocol):
    """The counters of tools and batches as `count_jobs` writes them. Raises `ServiceUnavailable` like `JobStore`."""

    def add(self, tool: ToolName, shard: str, changes: Sequence[CountedChange]) -> None:
        """Add changes of a tool's jobs, in the order of their shard of the stream.

        Changes whose sequence number was added from the same shard before are left out, so any batch may be repeated.
        """

    def add_to_batch(self, batch: BatchName, shard: str, changes: Sequence[CountedChange]) -> BatchCounts:
        """Add changes of the jobs of a batch to its counts in the same way, and return the counts."""


class StaleBatch(Exception):
    """The batch has changed since it was read. `current` is the batch now, None if it is gone."""

    def __init__(self, current: Batch | None) -> None:
        super().__init__(f"the batch is {current.status if current else 'gone'}")
        self.current = current


class BatchStore(Protocol):
    """Batches. Raises `ServiceUnavailable` like `JobStore`."""

    def create(self, batch: Batch) -> None:
        """Write a new batch. Raise `StaleBatch` if there is one with its idempotency key."""

    def get(self, tenant: str, batch_id: str) -> Batch | None:
        """Read a batch consistently. The counts of an unfinished batch are those so far."""

    def find_by_key(self, tenant: str, key_hash: str) -> Batch | None:
        """Read the batch of an idempotency key consistently, without its counts. It may have expired."""

    def stopping(self, tenant: str, batch_id: str) -> bool:
        """Return whether no item of the batch may start any more. Read consistently."""

    def change(self, before: Batch, after: Batch) -> Batch:
        """Write an unfinished batch and return it as written. Raise `StaleBatch` if another process changed it."""

    def open_counts(self, batch: Batch, tolerated: int | None) -> None:
        """Store how many of the batch's items may fail, before there are jobs to count."""

    def page(self, tenant: str, *, limit: int, before_id: str | None) -> tuple[Sequence[Batch], str | None]:
        """Return a page of batches, newest first, and the id to continue after (None: no more)."""

    def with_lapsed_lease(self, now: datetime) -> Iterator[Batch]:
        """Yield the unfinished batches that have to be looked at again."""


class BatchWorkflow(Protocol):
    """The workflow of batches. Methods raise `ServiceUnavailable` like those of `Workflow`."""

    def start(self, batch: Batch) -> bool:
        """Start the execution of the current round, unless it is running. Return false if it has already ended."""

    def stop(self, batch: Batch, cause: str) -> None:
        """Stop the execution of the batch's current round. Do nothing if it has ended or is unknown."""


class InvalidToken(Exception):
    """The caller is not authenticated. The message is for the caller and quotes nothing of the request."""


class Tokens(Protocol):
    """Bearer tokens of an identity provider."""

    def principal(self, token: str) -> Principal:
        """Return the token's principal. Raise `InvalidToken`, or `ServiceUnavailable` if the provider is down."""


class RateStore(Protocol):
    """The used rates of keys, for all execution environments. Raises `ServiceUnavailable` like `JobStore`."""

    def take(self, key_id: str, rate: Rate, now: datetime) -> float:
        """Count a request and return 0. A request over the rate is not counted: return the seconds until a retry."""


class Secrets(Protocol):
    """The service's own secrets. Raises `ServiceUnavailable` like `JobStore`."""

    def secret(self, name: str) -> bytes:
        """Return 256 random bits, created on first use and the same in all execution environments."""


class Workflow(Protocol):
    """The workflow of asynchronous jobs. Methods raise `ServiceUnavailable` if it is down after the SDK's retries."""

    def start(self, job: Job) -> bool:
        """Start the execution of the job's next attempt, unless it is running. Return false if it has already ended."""

    def stop(self, job: Job, cause: str) -> None:
        """Stop the execution of the job's attempt. Do nothing if it has ended or is unknown."""


class StoredObject(Struct, frozen=True):
    """The size and type of an object."""

    size_bytes: int
    content_type: str


class PutRequest(Struct, frozen=True):
    """A presigned request that writes one object. `headers` must be sent unchanged."""

    url: str
    headers: Mapping[str, str]


class ObjectStore(Protocol):
    """Documents that are too large for the table, and uploads. Raises `ServiceUnavailable` like `JobStore`."""

    def put(self, key: str, text: str) -> None:
        """Write a document."""

    def get(self, key: str) -> str:
        """Read a document. Raise `NotFound` if it is gone."""

    def download_url(self, key: str, *, expires_in_s: int) -> str:
        """Return a presigned URL that reads the document."""

    def upload_request(self, key: str, content_type: str, size_bytes: int, *, expires_in_s: int) -> PutRequest:
        """Return a presigned request that writes one object of exactly this size and type, once."""

    def describe(self, key: str) -> StoredObject | None:
        """Return an object's size and type, None if there is no such object."""

    def fetch(self, key: str, path: Path, expected: StoredObject, stop: Callable[[], bool]) -> StoredObject | None:
        """Write an object to a file in chunks, and return its size and type, None if there is no such object.

        An object that is not as expected is not written. Writing ends early once `stop` returns true. Raises OSError if
        the file cannot be written.
        """


class MetricsSink(Protocol):
    """Publishes metrics of single executions for dashboards and alarms. The fleet's counters are in `CounterStore`."""

    def execution(self, plugin: str, tool: str, status: JobStatus, elapsed_ms: float) -> None:
        """Publish one execution."""

    def wait(self, waited_ms: float) -> None:
        """Publish how long an asynchronous job has waited between its submission and its run."""
