"""Write and read jobs. Each write is one conditional call; comments name the race that its condition closes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from interlock.adapters.aws import error_code, reasons, translated
from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import deserialized, epoch_ms, serialized
from interlock.adapters.dynamo.counters import SHARDS, counters_update, read_counters
from interlock.adapters.dynamo.indexes import lease_to_item
from interlock.adapters.dynamo.listing import JobListing
from interlock.domain.errors import ServiceUnavailable, TooManyJobs
from interlock.domain.events import Event
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Job, Progress, after_heartbeat
from interlock.domain.job_status import CLAIMED
from interlock.domain.metrics import ExecutionMetrics, MetricsDelta
from interlock.domain.times import rfc3339
from interlock.ports import JobExists, JobFilter, KeyAlreadyUsed, StaleJob

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TRANSACTION_TRIES = 20
CONFLICT_PAUSE_S = 0.01
CONDITION_FAILED = "ConditionalCheckFailed"

# Each clause of a condition by its name.
IS_NEW = "attribute_not_exists(pk)"
IS_NEW_OR_EXPIRED = "attribute_not_exists(pk) OR #ttl < :now"
SAME_STATUS_AND_ATTEMPT = "#status = :was_status AND #attempt = :was_attempt"
UNDER_ITS_LIMIT = "attribute_not_exists(#used) OR #used < :limit"
STILL_MINE = "#attempt = :was_attempt AND #status IN (:running, :cancelling)"
NO_EVENT_SINCE = "#event_seq = :was_event_seq"
SAME_LEASE = "#lease_expires_at = :was_lease_expires_at"


class DynamoJobs:
    """`interlock.ports.JobStore` on one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._listing = JobListing(client, table)
        # An execution environment handles one job at a time, so its own shard is rarely contended.
        self._shard = random.randrange(SHARDS)  # noqa: S311 - spreads load, protects nothing

    # --- Writing ---

    def create(self, job: Job, started: MetricsDelta | None = None, record: IdempotencyRecord | None = None) -> None:
        put = self._put(items.job_to_item(job), IS_NEW)
        try:
            if started is None and record is None and job.key_limit is None:
                self._conditional(self._client.put_item, put)
            else:
                claim = None if record is None else self._idempotency_put(record, job.created_at)
                self._transact({"Put": put}, started, claim, self._slot_taken(job))
        except StaleJob as error:
            # An SDK retry of our own successful write.
            if error.current != job:
                raise JobExists from error
        except KeyAlreadyUsed as error:
            if error.record != record:
                raise

    def _idempotency_put(self, record: IdempotencyRecord, now: datetime) -> dict[str, Any]:
        # Several requests with one key: the first to write creates the job, the others get its record in the same
        # call. The table removes expired items late, so an expired record counts as none.
        put = self._put(items.idempotency_to_item(record), IS_NEW_OR_EXPIRED)
        put["ExpressionAttributeNames"] = {"#ttl": "ttl"}
        put["ExpressionAttributeValues"] = serialized({":now": int(now.timestamp())})
        return put

    def _slot_taken(self, job: Job) -> dict[str, Any] | None:
        # Several jobs want the last slot of their key: one gets it. The slot is taken with the job's first write and
        # released with its last, so a crash between the two cannot lose it: a job without a worker is settled.
        if job.key_limit is None:
            return None
        write = self._slots(job, 1)
        write["ConditionExpression"] = UNDER_ITS_LIMIT
        write["ExpressionAttributeValues"] |= serialized({":limit": job.key_limit})
        return write

    def _slots(self, job: Job, change: int) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": serialized(access_items.slots_key(job.key_id or "")),
            "UpdateExpression": "ADD #used :change",
            "ExpressionAttributeNames": {"#used": "used"},
            "ExpressionAttributeValues": serialized({":change": change}),
        }

    def _put(self, item: Mapping[str, Any], condition: str) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Item": serialized(item),
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def change(self, before: Job, after: Job, started: MetricsDelta | None = None) -> None:
        # Two claims of a pending job, or a claim and a cancel: the first to write wins, the other gets the current job.
        update = self._update(before, after, SAME_STATUS_AND_ATTEMPT)
        try:
            if started is None:
                self._conditional(self._client.update_item, update)
            else:
                self._transact({"Update": update}, started)
        except StaleJob as error:
            if error.current != after:
                raise

    def heartbeat(
        self,
        job: Job,
        *,
        now: datetime,
        lease_expires_at: datetime,
        progress: Progress | None,
        news: Sequence[Event] = (),
    ) -> Job:
        # A worker that slept through its lease finds the attempt settled, and stops: its write must not revive it.
        # A cancel that came between has numbered its event: what is new gets its numbers after it.
        after = after_heartbeat(job, now=now, lease_expires_at=lease_expires_at, progress=progress, news=news)
        sets: dict[str, Any] = {**lease_to_item(lease_expires_at), "updated_at": rfc3339(now)}
        if progress is not None:
            sets["progress"] = items.progress_to_item(progress)
        if news:
            sets |= {"event_seq": after.events.last_seq, "events": items.events_to_text(after.events)}
        update = self._expression(sets, [], items.job_key(job.tenant, job.job_id), STILL_MINE)
        update["ExpressionAttributeNames"] |= {"#attempt": "attempt", "#status": "status"}
        update["ExpressionAttributeValues"] |= serialized(
            {":was_attempt": job.attempt, **{f":{status}": status.value for status in CLAIMED}}
        )
        if news:
            _demand_no_event_since(update, job)
        answer = self._conditional(self._client.update_item, {**update, "ReturnValues": "ALL_NEW"})
        return items.job_from_item(deserialized(answer["Attributes"]))

    def settle(self, before: Job, after: Job, delta: MetricsDelta) -> None:
        # The job's end and its counters are one transaction, so a crash cannot separate them. If two processes settle
        # the same job (worker, reader, canceller, schedule), one wins and counts. A worker that has extended its lease
        # meanwhile is not treated as lost: its tool would continue in a job that has ended.
        update = self._update(before, after, SAME_STATUS_AND_ATTEMPT)
        if before.lease_expires_at is not None:
            update["ConditionExpression"] += f" AND {SAME_LEASE}"
            update["ExpressionAttributeNames"]["#lease_expires_at"] = "lease_expires_at"
            lease = {":was_lease_expires_at": epoch_ms(before.lease_expires_at)}
            update["ExpressionAttributeValues"] |= serialized(lease)
        slot = None if before.key_limit is None else self._slots(before, -1)
        try:
            self._transact({"Update": update}, delta, slot=slot)
        except StaleJob as error:
            if error.current != after:
                raise

    def _update(self, before: Job, after: Job, condition: str) -> dict[str, Any]:
        """Return the update from one job to the other, conditional on the first."""
        old, new = items.job_to_item(before), items.job_to_item(after)
        sets = {name: value for name, value in new.items() if old.get(name) != value}
        removes = [name for name in old if name not in new]
        update = self._expression(sets, removes, items.job_key(before.tenant, before.job_id), condition)
        update["ExpressionAttributeNames"] |= {"#attempt": "attempt", "#status": "status"}
        update["ExpressionAttributeValues"] |= serialized(
            {":was_status": before.status.value, ":was_attempt": before.attempt}
        )
        if after.events != before.events:
            # A heartbeat has added what the tool wrote: no number may be given twice.
            _demand_no_event_since(update, before)
        return update

    def _expression(
        self, sets: Mapping[str, Any], removes: Sequence[str], key: Mapping[str, Any], condition: str
    ) -> dict[str, Any]:
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
        if removes:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removes)
        return {
            "TableName": self._table,
            "Key": serialized(key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *removes)},
            "ExpressionAttributeValues": serialized({f":{name}": value for name, value in sets.items()}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    @staticmethod
    def _conditional(call: Callable[..., Any], write: dict[str, Any]) -> Any:
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

    def _transact(
        self,
        job_write: dict[str, Any],
        delta: MetricsDelta | None,
        claim: dict[str, Any] | None = None,
        slot: dict[str, Any] | None = None,
    ) -> None:
        """A write of the job with that of its counters, of its idempotency claim and of its key's slots. When it
        merely meets another transaction it is tried again, with the counters of another shard."""
        shard = self._shard
        for attempt in range(TRANSACTION_TRIES):
            writes: list[Any] = [job_write]
            if claim is not None:
                writes.append({"Put": claim})
            if slot is not None:
                writes.append({"Update": slot})
            if delta is not None:
                writes.append({"Update": counters_update(self._table, delta, shard)})
            try:
                self._client.transact_write_items(TransactItems=writes)
            except (BotoCoreError, ClientError) as error:
                _unless_conflict(error, claimed=claim is not None, slotted=slot is not None)
                shard = random.randrange(SHARDS)  # noqa: S311 - as above
                _pause(attempt)
            else:
                return
        raise ServiceUnavailable(service="table")

    # --- Reading ---

    def get(self, tenant: str, job_id: str) -> Job | None:
        with translated("table"):
            answer = self._client.get_item(
                TableName=self._table, Key=serialized(items.job_key(tenant, job_id)), ConsistentRead=True
            )
        return _job(answer.get("Item"))

    def find_idempotency_record(self, tenant: str, key_hash: str) -> IdempotencyRecord | None:
        with translated("table"):
            answer = self._client.get_item(
                TableName=self._table,
                Key=serialized(items.idempotency_record_key(tenant, key_hash)),
                ConsistentRead=True,
            )
        item = answer.get("Item")
        return items.idempotency_from_item(deserialized(item)) if item else None

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        return self._listing.page(wanted, limit=limit, before_id=before_id)

    def with_lapsed_lease(self, now: datetime) -> Iterator[Job]:
        for tenant, job_id in self._listing.lapsed(now):
            job = self.get(tenant, job_id)
            if job is not None:
                yield job

    def metrics(self, plugin: str) -> dict[str, ExecutionMetrics]:
        return read_counters(self._client, self._table, plugin)


def _demand_no_event_since(update: dict[str, Any], job: Job) -> None:
    update["ConditionExpression"] += f" AND {NO_EVENT_SINCE}"
    update["ExpressionAttributeNames"]["#event_seq"] = "event_seq"
    update["ExpressionAttributeValues"] |= serialized({":was_event_seq": job.events.last_seq})


def _pause(attempt: int) -> None:
    """Between two tries of a write that met another."""
    time.sleep(random.uniform(0, CONFLICT_PAUSE_S * attempt))  # noqa: S311 - spreads load, protects nothing


def _unless_conflict(error: BotoCoreError | ClientError, *, claimed: bool, slotted: bool) -> None:
    """Raises what a failed transaction means, unless it merely met another one."""
    if isinstance(error, ClientError) and error_code(error) == "TransactionCanceledException":
        of_writes = reasons(error)
        codes = [reason.get("Code", "None") for reason in of_writes]
        if claimed and codes[1] == CONDITION_FAILED:
            raise KeyAlreadyUsed(items.idempotency_from_item(deserialized(of_writes[1]["Item"]))) from error
        if codes[0] == CONDITION_FAILED:
            raise StaleJob(_job(of_writes[0].get("Item"))) from error
        if slotted and codes[1 + claimed] == CONDITION_FAILED:
            raise TooManyJobs from error
        if set(codes) <= {"None", "TransactionConflict"}:
            return
    raise ServiceUnavailable(service="table") from error


def _job(item: Mapping[str, Any] | None) -> Job | None:
    return items.job_from_item(deserialized(item)) if item else None
