"""What the core asks of the outside world. `interlock.adapters` answers with AWS; tests may answer otherwise."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from interlock.domain.access import Principal
from interlock.domain.events import Event
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Job, Progress
from interlock.domain.job_status import JobStatus
from interlock.domain.metrics import ExecutionMetrics, MetricsDelta
from interlock.domain.rate import Rate

Clock = Callable[[], datetime]


class StaleJob(Exception):
    """The job has moved on since it was read: another attempt, or another status. `current` is the job as it stands,
    None when it is gone."""

    def __init__(self, current: Job | None) -> None:
        super().__init__(f"the job is {current.status if current else 'gone'}")
        self.current = current


class JobExists(Exception):
    """A job of this id is already there."""


class KeyAlreadyUsed(Exception):
    """The idempotency key stands for a job already; `claim` is that of the first request."""

    def __init__(self, record: IdempotencyRecord) -> None:
        super().__init__(f"the key stands for job {record.job_id}")
        self.record = record


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs of a tenant to list. `tools` are pairs of plugin and tool; empty fields do not restrict."""

    tenant: str
    plugin: str | None = None
    tools: Sequence[tuple[str, str]] | None = None
    statuses: Sequence[JobStatus] = ()


class JobStore(Protocol):
    """Jobs and the counters that go with them. Every write is conditional; a lost condition is `StaleJob`.
    All methods raise `interlock.domain.errors.ServiceUnavailable` when the table is down after the SDK's retries."""

    def create(self, job: Job, started: MetricsDelta | None = None, record: IdempotencyRecord | None = None) -> None:
        """Writes a new job, with the in-flight counter when it starts at once, with its idempotency key when it has
        one, and as one of its key's jobs when that has a limit; all or nothing. Raises `JobExists`, `KeyAlreadyUsed`
        when the idempotency key stands for another job, and `TooManyJobs` when the API key has as many as it may."""

    def get(self, tenant: str, job_id: str) -> Job | None:
        """Reads a job consistently."""

    def change(self, before: Job, after: Job, started: MetricsDelta | None = None) -> None:
        """Moves an unfinished job on. Raises `StaleJob` unless it is still in `before`'s status and attempt, and no
        event was added to it since."""

    def find_idempotency_record(self, tenant: str, key_hash: str) -> IdempotencyRecord | None:
        """The claim on an idempotency key, if it has one; it may have expired."""

    def heartbeat(
        self,
        job: Job,
        *,
        now: datetime,
        lease_expires_at: datetime,
        progress: Progress | None,
        news: Sequence[Event] = (),
    ) -> Job:
        """Extends the lease of an attempt, adds to its events, and brings back the job as it stands, a cancel that was
        asked for included. Raises `StaleJob` when the attempt is over, or when there is news and an event was added by
        somebody else since `job` was read."""

    def settle(self, before: Job, after: Job, delta: MetricsDelta) -> None:
        """Writes a final status and its counters in one transaction; a job with a `key_limit` counts no longer as one
        of its key's. Raises `StaleJob` unless the job is still in `before`'s status and attempt, its lease is the same,
        and no event was added to it since: a job is settled once, and none whose worker goes on."""

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        """A page of jobs, newest first, older than `before_id`, and the id to go on from (None: no more)."""

    def with_lapsed_lease(self, now: datetime) -> Iterator[Job]:
        """Unfinished jobs whose lease ran out."""

    def metrics(self, plugin: str) -> dict[str, ExecutionMetrics]:
        """The counters of a plugin by tool, over the whole fleet."""


class InvalidToken(Exception):
    """Who calls is not known. The message is for the caller: it quotes nothing of what was sent."""


class Tokens(Protocol):
    """Bearer tokens of an identity provider."""

    def principal(self, token: str) -> Principal:
        """Who holds the token. Raises `InvalidToken`, and `ServiceUnavailable` when the provider cannot be asked."""


class RateStore(Protocol):
    """How often keys have called, over all execution environments. Raises `ServiceUnavailable` as the jobs do."""

    def take(self, key_id: str, rate: Rate, now: datetime) -> float:
        """Counts a request. 0: it is within the rate. Else it is not counted, and may come in that many seconds."""


class Secrets(Protocol):
    """Secrets of the service's own. Raises `ServiceUnavailable` as the jobs do."""

    def secret(self, name: str) -> bytes:
        """256 random bits, made when first asked for, and the same for all execution environments from then on."""


class Workflow(Protocol):
    """The engine of asynchronous jobs. Methods raise `ServiceUnavailable` when it is down after the SDK's retries."""

    def start(self, tenant: str, job_id: str) -> bool:
        """Starts the execution named after the job. False when that execution is already over; a running one is left
        alone."""

    def stop(self, job_id: str, cause: str) -> None:
        """Stops the execution, so that no retry or wait goes on. One that is over or unknown is left alone."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What an object store says of an object."""

    size_bytes: int
    content_type: str


@dataclass(frozen=True, slots=True)
class PutRequest:
    """A presigned request that writes one object: `headers` have to be sent as they are."""

    url: str
    headers: Mapping[str, str]


class ObjectStore(Protocol):
    """JSON documents too large for the table, and the files that callers upload. Methods raise `ServiceUnavailable`
    when the store is down after the SDK's retries."""

    def put(self, key: str, text: str) -> None:
        """Writes a document."""

    def get(self, key: str) -> str:
        """Reads a document. Raises `NotFound` when it is gone."""

    def download_url(self, key: str, *, expires_in_s: int) -> str:
        """A presigned URL from which the document can be read for that long."""

    def upload_request(self, key: str, content_type: str, size_bytes: int, *, expires_in_s: int) -> PutRequest:
        """Lets its holder write an object of exactly this size and type, once, begun within that long."""

    def describe(self, key: str) -> StoredObject | None:
        """An object's size and type; None when there is no such object."""

    def fetch(self, key: str, path: Path, expected: StoredObject, stop: Callable[[], bool]) -> StoredObject | None:
        """Writes an object to a file, piece by piece, and tells its size and type; None when there is no such object.
        One that is not as expected is not written. When `stop` says so, it leaves off, and the file is cut short.
        Raises OSError when the file cannot be written."""


class MetricsSink(Protocol):
    """Where the metrics of single executions go as they happen: dashboards and alarms, not the fleet's counters."""

    def execution(self, plugin: str, tool: str, status: JobStatus, elapsed_ms: float) -> None:
        """Publishes one execution."""
