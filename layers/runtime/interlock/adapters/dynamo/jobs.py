"""Write and read jobs. Each write is one conditional call (`interlock.adapters.dynamo.job_writes`)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from interlock.adapters.aws import error_code, reasons, translated
from interlock.adapters.dynamo import job_writes as writes
from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import deserialized, serialized
from interlock.adapters.dynamo.counter_items import read_counters
from interlock.adapters.dynamo.listing import JobListing
from interlock.domain.errors import ServiceUnavailable, TooManyJobs
from interlock.domain.events import Event
from interlock.domain.job import Job, Progress
from interlock.domain.job_id import random_part_of_key
from interlock.domain.lifecycle import RunState
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import JobExists, JobFilter, KeyAlreadyUsed, StaleJob

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from interlock.adapters.dynamo.states import StateReader

TRANSACTION_TRIES = 20
CONFLICT_PAUSE_S = 0.01
CONDITION_FAILED = "ConditionalCheckFailed"


class DynamoJobs:
    """`interlock.ports.JobStore` on one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._listing = JobListing(client, table)

    # --- Writing ---

    def create(self, job: Job) -> None:
        put = {"Put": writes.creation(self._table, job)}
        try:
            self._write(put, writes.slot(self._table, None, job))
        except StaleJob as error:
            _raise_unless_own_write(job, error)

    def change(self, before: Job, after: Job) -> None:
        self._step(before, after, writes.change(self._table, before, after))

    def settle(self, before: Job, after: Job) -> None:
        self._step(before, after, writes.end(self._table, before, after))

    def _step(self, before: Job, after: Job, update: writes.Request) -> None:
        try:
            # The job and its slot change in one transaction, so a crash cannot separate them.
            self._write({"Update": update}, writes.slot(self._table, before, after))
        except StaleJob as error:
            if error.current != after:  # equal: an SDK retry of our own successful write
                raise StaleJob(_if_same(before, error.current)) from error

    def heartbeat(
        self,
        job: Job,
        *,
        now: datetime,
        lease_expires_at: datetime,
        progress: Progress | None,
        news: Sequence[Event] = (),
    ) -> Job:
        update = writes.heartbeat(
            self._table, job, now=now, lease_expires_at=lease_expires_at, progress=progress, news=news
        )
        try:
            answer = self._conditional(self._client.update_item, update)
        except StaleJob as error:
            raise StaleJob(_if_same(job, error.current)) from error
        return items.job_from_item(deserialized(answer["Attributes"]))

    def _write(self, job_write: dict[str, writes.Request], slot: writes.Request | None) -> None:
        """Write the job by one conditional call, or in a transaction if its slot changes with it."""
        if slot is None:
            [(kind, write)] = job_write.items()
            self._conditional(self._client.put_item if kind == "Put" else self._client.update_item, write)
        else:
            self._transact([job_write, {"Update": slot}])

    @staticmethod
    def _conditional(call: Callable[..., Any], write: writes.Request) -> Any:
        """Call a single conditional write. It is retried on a conflict with a transaction, such as a cancel that meets
        the end of its job, because botocore does not retry that."""
        for attempt in range(TRANSACTION_TRIES):
            with translated("table"):
                try:
                    return call(**write)
                except ClientError as error:
                    if error_code(error) == "ConditionalCheckFailedException":
                        raise StaleJob(_job(error.response.get("Item"))) from error  # type: ignore[arg-type]
                    if error_code(error) != "TransactionConflictException":
                        raise
            _pause(attempt)
        raise ServiceUnavailable(service="table")

    def _transact(self, together: Sequence[dict[str, writes.Request]]) -> None:
        """Write a job together with its slot. A transaction that only conflicts with another one is retried."""
        transaction: Any = together
        for attempt in range(TRANSACTION_TRIES):
            try:
                self._client.transact_write_items(TransactItems=transaction)
            except (BotoCoreError, ClientError) as error:
                _raise_unless_conflict(error)
                _pause(attempt)
            else:
                return
        raise ServiceUnavailable(service="table")

    # --- Reading ---

    def get(self, tenant: str, job_id: str) -> Job | None:
        job = self._read(items.job_key(tenant, job_id))
        # An expired job may have been replaced by a later one with the same idempotency key.
        return None if job is None or job.job_id != job_id else job

    def find_by_key(self, tenant: str, key_hash: str) -> Job | None:
        job = self._read(items.job_key(tenant, random_part_of_key(key_hash)))
        return None if job is None or job.key_hash != key_hash else job

    def _read(self, key: Mapping[str, Any]) -> Job | None:
        with translated("table"):
            answer = self._client.get_item(TableName=self._table, Key=serialized(key), ConsistentRead=True)
        return _job(answer.get("Item"))

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        return self._listing.page(wanted, limit=limit, before_id=before_id)

    def of_items(self, tenant: str, job_ids: Sequence[str]) -> Mapping[str, Job]:
        return self._listing.read(tenant, job_ids, items.ITEM_ATTRIBUTES)

    def with_lapsed_lease(self, now: datetime) -> Iterator[Job]:
        for tenant, job_id in self._listing.lapsed(now):
            job = self.get(tenant, job_id)
            if job is not None:
                yield job

    def metrics(self, plugin: str) -> dict[str, ExecutionMetrics]:
        return read_counters(self._client, self._table, plugin)

    def states(self) -> Mapping[str, RunState]:
        return self._states.read()

    @cached_property
    def _states(self) -> StateReader:
        from interlock.adapters.dynamo.states import StateReader

        return StateReader(self._client, self._table)


def _pause(attempt: int) -> None:
    """Pause between two tries of a write that conflicted with another one."""
    time.sleep(random.uniform(0, CONFLICT_PAUSE_S * attempt))  # noqa: S311 - spreads load, protects nothing


def _raise_unless_conflict(error: BotoCoreError | ClientError) -> None:
    """Raise the error for a failed transaction, unless it only conflicted with another one. Its first write is the
    job's; of its other writes, only a slot's has a condition."""
    if isinstance(error, ClientError) and error_code(error) == "TransactionCanceledException":
        of_writes = reasons(error)
        codes = [reason.get("Code", "None") for reason in of_writes]
        if codes[0] == CONDITION_FAILED:
            raise StaleJob(_job(of_writes[0].get("Item"))) from error
        if CONDITION_FAILED in codes:
            raise TooManyJobs from error
        if set(codes) <= {"None", "TransactionConflict"}:
            return
    raise ServiceUnavailable(service="table") from error


def _raise_unless_own_write(job: Job, error: StaleJob) -> None:
    """Raise the error for a new job whose item exists, unless the item is that job: an SDK retry of our own successful
    write. The job may have been cancelled in between."""
    found = error.current
    if found is None:
        raise JobExists from error
    own = (found.job_id, found.write_id) == (job.job_id, job.write_id)
    if found == job or (own and found.held_as(job)):
        return
    if job.key_hash is not None and found.key_hash == job.key_hash:
        raise KeyAlreadyUsed(found) from error
    raise (error if own else JobExists()) from error


def _if_same(job: Job, found: Job | None) -> Job | None:
    """Return the found job, or None if it is a later one with the same idempotency key: then the job is gone."""
    return None if found is None or found.job_id != job.job_id else found


def _job(item: Mapping[str, Any] | None) -> Job | None:
    return items.job_from_item(deserialized(item)) if item else None
