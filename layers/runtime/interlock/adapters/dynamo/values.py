"""Map jobs and idempotency claims to items of the table and back. Pure: an item's shape is written nowhere else."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from interlock.adapters.dynamo.attributes import Item, epoch_ms, from_epoch_ms, present
from interlock.adapters.dynamo.fields import Form, decoded, encoded
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import Event, EventLog, EventType
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Job, Progress
from interlock.domain.times import from_rfc3339, rfc3339

LIST_SHARDS = 4
"""Into how many partitions each listing is spread: one tenant's jobs must not heat a single one. Fixed for the life
of a table: a page reads them all."""

LEASE_SHARDS = 4

JOB = "JOB"


def shard_of(job_id: str, shards: int) -> int:
    """Return a stable shard of a job (CRC-32 of its id)."""
    return zlib.crc32(job_id.encode()) % shards


# --- Jobs ------------------------------------------------------------------------------------------------------------


def job_key(tenant: str, job_id: str) -> Item:
    return {"pk": f"JOB#{tenant}#{job_id}", "sk": JOB}


def listing_partition(shard: int, *parts: str) -> str:
    """Return the partition of a listing: its shard, and what its jobs share. No tenant, name or status has a `#`."""
    return "#".join((str(shard), *parts))


def job_to_item(job: Job) -> Item:
    """Return the item of a job: its fields, the keys of its listings and of its lease."""
    shard = shard_of(job.job_id, LIST_SHARDS)
    item: Item = {
        **job_key(job.tenant, job.job_id),
        **encoded(job, _SPECIAL),
        "ttl": int(job.expires_at.timestamp()),
        "event_seq": job.events.last_seq,
        "by_tenant": listing_partition(shard, job.tenant),
        "by_plugin": listing_partition(shard, job.tenant, job.plugin),
        "by_tool": listing_partition(shard, job.tenant, job.plugin, job.tool),
        "by_status": listing_partition(shard, job.tenant, job.status),
        "by_plugin_status": listing_partition(shard, job.tenant, job.plugin, job.status),
        "by_tool_status": listing_partition(shard, job.tenant, job.plugin, job.tool, job.status),
    }
    if job.lease_expires_at is not None:
        item["by_lease"] = f"LEASE#{shard_of(job.job_id, LEASE_SHARDS)}"
    return present(item)


def job_from_item(item: Mapping[str, Any]) -> Job:
    """Return the job of an item."""
    job = decoded(Job, item, _SPECIAL)
    return replace(job, events=replace(job.events, last_seq=int(item.get("event_seq", 0))))


def events_to_text(log: EventLog) -> str | None:
    """The events as one attribute. As JSON text they take a third of what DynamoDB's own lists and maps would."""
    rows = [[event.seq, rfc3339(event.at), event.type, event.fields] for event in log.events]
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False) if rows else None


def _events_from_text(text: str) -> EventLog:
    rows = json.loads(text)
    return EventLog(tuple(Event(from_rfc3339(at), EventType(kind), said, seq) for seq, at, kind, said in rows))


def progress_to_item(progress: Progress) -> Item:
    """Return the map of a job's progress."""
    return encoded(progress)


def _error_from_text(text: str) -> ErrorInfo:
    document = json.loads(text)
    return ErrorInfo(ErrorCode(document["code"]), document["message"], document["details"])


_SPECIAL = {
    "lease_expires_at": Form(epoch_ms, from_epoch_ms),
    "error": Form(lambda error: json.dumps(asdict(error)), _error_from_text),
    "events": Form(events_to_text, _events_from_text),
}
"""Fields of a job that are not stored in the form of their type."""


# --- Idempotency keys ------------------------------------------------------------------------------------------------


def idempotency_record_key(tenant: str, key_hash: str) -> Item:
    return {"pk": f"IDEMPOTENCY#{tenant}#{key_hash}", "sk": "CLAIM"}


def idempotency_to_item(claim: IdempotencyRecord) -> Item:
    return {
        **idempotency_record_key(claim.tenant, claim.key_hash),
        "tenant": claim.tenant,
        "key_hash": claim.key_hash,
        "request_hash": claim.request_hash,
        "claimed_job_id": claim.job_id,  # not job_id: a key of the listing indexes, where a claim has no place
        "expires_at": rfc3339(claim.expires_at),
        "ttl": int(claim.expires_at.timestamp()),
    }


def idempotency_from_item(item: Mapping[str, Any]) -> IdempotencyRecord:
    return IdempotencyRecord(
        tenant=item["tenant"],
        key_hash=item["key_hash"],
        request_hash=item["request_hash"],
        job_id=item["claimed_job_id"],
        expires_at=from_rfc3339(item["expires_at"]),
    )
