"""Map jobs and idempotency claims to items of the table and back. Pure: an item's shape is written nowhere else."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from interlock.adapters.dynamo.attributes import Item, epoch_ms, from_epoch_ms, present
from interlock.adapters.dynamo.fields import Form, decoded, encoded
from interlock.adapters.dynamo.indexes import (
    ENTRY_ATTRIBUTES,
    for_entries,
    from_entries,
    index_keys,
    lease_to_item,
    shows_all,
)
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import Event, EventLog, EventType
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Job, Progress
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.times import from_rfc3339, rfc3339

JOB = "JOB"


# --- Jobs ------------------------------------------------------------------------------------------------------------


def job_key(tenant: str, job_id: str) -> Item:
    return {"pk": f"JOB#{tenant}#{job_id}", "sk": JOB}


def job_to_item(job: Job) -> Item:
    """Return the item of a job: its fields, its lease, and the keys of its entries in the indexes."""
    item: Item = {
        **job_key(job.tenant, job.job_id),
        **encoded(job, _SPECIAL),
        **index_keys(job),
        "ttl": int(job.expires_at.timestamp()),
        "event_seq": job.events.last_seq,
    }
    if job.lease_expires_at is not None:
        item |= lease_to_item(job.lease_expires_at)
    return present(for_entries(item, job))


def job_from_item(item: Mapping[str, Any]) -> Job:
    """Return the job of an item."""
    job = decoded(Job, from_entries(item), _SPECIAL)
    return replace(job, events=replace(job.events, last_seq=int(item.get("event_seq", 0))))


def job_from_entry(tenant: str, entry: Mapping[str, Any]) -> Job | None:
    """Return what a list shows of a job, by its entry in an index. None: the job has to be read."""
    if not shows_all(entry, finished=JobStatus(entry["status"]) in FINAL):
        return None
    return decoded(Job, {**from_entries(entry), "tenant": tenant, "updated_at": entry["completed_at"]}, _SPECIAL)


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


LISTED_ATTRIBUTES: Sequence[str] = (*ENTRY_ATTRIBUTES, "tenant", "job_id", "updated_at", "progress", "long_error")
"""What a list shows of a job that its entry does not show completely."""


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
