"""The writes of a job as requests to the table. Each is conditional; comments name the race that its condition closes.

Pure: nothing here calls the table.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import epoch_ms, serialized
from interlock.adapters.dynamo.indexes import lease_to_item
from interlock.domain.events import Event
from interlock.domain.job import Job, Progress, after_heartbeat
from interlock.domain.job_status import CLAIMED
from interlock.domain.times import rfc3339

type Request = dict[str, Any]

# Each clause of a condition by its name.
IS_NEW = "attribute_not_exists(pk)"
HAS_EXPIRED = "(#ttl < :now AND attribute_exists(#completed_at))"
SAME_JOB = "#job_id = :job_id"
SAME_STATUS_AND_ATTEMPT = "#status = :was_status AND #attempt = :was_attempt"
UNDER_ITS_LIMIT = "attribute_not_exists(#used) OR #used < :limit"
STILL_MINE = "#attempt = :was_attempt AND #status IN (:running, :cancelling) AND attribute_exists(#worker_id)"
NO_EVENT_SINCE = "#event_seq = :was_event_seq"
SAME_LEASE = "#lease_expires_at = :was_lease_expires_at"


def creation(table: str, job: Job) -> Request:
    """Return the `Put` of a new job.

    Several requests with one idempotency key write the same item: the first one creates the job, the others get it in
    the same call.
    """
    put: Request = {
        "TableName": table,
        "Item": serialized(items.job_to_item(job)),
        "ConditionExpression": IS_NEW,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if job.key_hash is not None:
        # The table removes expired items late. A job that is unfinished even then keeps its key.
        put["ConditionExpression"] += f" OR {HAS_EXPIRED}"
        put["ExpressionAttributeNames"] = {"#ttl": "ttl", "#completed_at": "completed_at"}
        put["ExpressionAttributeValues"] = serialized({":now": int(job.created_at.timestamp())})
    return put


def change(table: str, before: Job, after: Job) -> Request:
    """Return the `Update` from one job to the other.

    Two claims of a pending job, or a claim and a cancel: the first to write wins, the other gets the current job.
    """
    old, new = items.job_to_item(before), items.job_to_item(after)
    sets = {name: value for name, value in new.items() if old.get(name) != value}
    removes = [name for name in old if name not in new]
    update = _update(table, before, sets, removes, SAME_STATUS_AND_ATTEMPT)
    update["ExpressionAttributeValues"] |= serialized(
        {":was_status": before.status.value, ":was_attempt": before.attempt}
    )
    if after.events != before.events:
        # A heartbeat may have added events meanwhile: no event number may be used twice.
        _demand_no_event_since(update, before)
    return update


def end(table: str, before: Job, after: Job) -> Request:
    """Return the `Update` that ends a job.

    If two processes settle the same job (worker, reader, canceller, schedule), one wins. A worker that has extended its
    lease meanwhile is not treated as lost: its tool would continue in a job that has ended.
    """
    update = change(table, before, after)
    if before.lease_expires_at is not None:
        update["ConditionExpression"] += f" AND {SAME_LEASE}"
        update["ExpressionAttributeNames"]["#lease_expires_at"] = "lease_expires_at"
        lease = {":was_lease_expires_at": epoch_ms(before.lease_expires_at)}
        update["ExpressionAttributeValues"] |= serialized(lease)
    return update


def heartbeat(
    table: str, job: Job, *, now: datetime, lease_expires_at: datetime, progress: Progress | None, news: Sequence[Event]
) -> Request:
    """Return the `Update` of a heartbeat, which returns the current job.

    The heartbeat of a worker that slept through its lease must not revive a settled attempt: it fails, and the worker
    stops. A heartbeat that was sent before the job was parked, but arrives later, must not shorten the time for the
    client's response. If a cancel was written meanwhile, new events are numbered after the cancel's event.
    """
    after = after_heartbeat(job, now=now, lease_expires_at=lease_expires_at, progress=progress, news=news)
    sets: dict[str, Any] = {**lease_to_item(lease_expires_at), "updated_at": rfc3339(now)}
    if progress is not None:
        sets["progress"] = items.progress_to_item(progress)
    if news:
        sets |= {"event_seq": after.events.last_seq, "events": items.events_to_text(after.events)}
    update = _update(table, job, sets, [], STILL_MINE)
    update["ExpressionAttributeValues"] |= serialized(
        {":was_attempt": job.attempt, **{f":{status}": status.value for status in CLAIMED}}
    )
    update["ExpressionAttributeNames"]["#worker_id"] = "worker_id"
    if news:
        _demand_no_event_since(update, job)
    return {**update, "ReturnValues": "ALL_NEW"}


def slot(table: str, before: Job | None, after: Job) -> Request | None:
    """Return the `Update` that takes or releases a slot of the job's API key, None if the change does neither.

    If several jobs compete for the last slot of their key, one gets it. The slot is taken with the job's first write,
    or with the claim of an item of a batch, and released with the job's end, so a crash between the two cannot lose it:
    a job without a worker is settled.
    """
    change = after.occupies_slot - (before is not None and before.occupies_slot)
    if not change:
        return None
    write = _slots(table, after, change)
    if change > 0:
        write["ConditionExpression"] = UNDER_ITS_LIMIT
        write["ExpressionAttributeValues"] |= serialized({":limit": after.key_limit})
    return write


def _slots(table: str, job: Job, change: int) -> Request:
    return {
        "TableName": table,
        "Key": serialized(access_items.slots_key(job.key_id or "")),
        "UpdateExpression": "ADD #used :change",
        "ExpressionAttributeNames": {"#used": "used"},
        "ExpressionAttributeValues": serialized({":change": change}),
    }


def _update(table: str, job: Job, sets: Mapping[str, Any], removes: Sequence[str], condition: str) -> Request:
    """Return an update of a job's item. It fails if a later job with the same idempotency key has replaced the job."""
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
    if removes:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removes)
    values = {":job_id": job.job_id, **{f":{name}": value for name, value in sets.items()}}
    return {
        "TableName": table,
        "Key": serialized(items.job_key(job.tenant, job.job_id)),
        "UpdateExpression": expression,
        "ConditionExpression": f"{SAME_JOB} AND {condition}",
        "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *removes, "job_id", "attempt", "status")},
        "ExpressionAttributeValues": serialized(values),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _demand_no_event_since(update: Request, job: Job) -> None:
    update["ConditionExpression"] += f" AND {NO_EVENT_SINCE}"
    update["ExpressionAttributeNames"]["#event_seq"] = "event_seq"
    update["ExpressionAttributeValues"] |= serialized({":was_event_seq": job.events.last_seq})
