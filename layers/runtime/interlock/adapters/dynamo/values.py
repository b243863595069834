"""Map jobs and idempotency claims to items of the table and back. Pure: an item's shape is written nowhere else."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from interlock.adapters.dynamo.attributes import (
    Item,
    epoch_ms,
    from_epoch_ms,
    from_integer,
    from_number,
    from_time,
    present,
    to_number,
    to_time,
)
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import Event, EventLog, EventType
from interlock.domain.idempotency import IdempotencyClaim
from interlock.domain.job import Cancel, CancelOutcome, Job, Progress, StoredJson
from interlock.domain.job_status import JobStatus
from interlock.domain.times import from_rfc3339, rfc3339

LIST_SHARDS = 4
"""Into how many partitions each listing is spread: one tenant's jobs must not heat a single one. Fixed for the life
of a table: a page reads them all."""

LEASE_SHARDS = 4

JOB = "JOB"


def shard_of(job_id: str, shards: int) -> int:
    """A stable shard of a job (CRC-32 of its id)."""
    return zlib.crc32(job_id.encode()) % shards


# --- Jobs ------------------------------------------------------------------------------------------------------------


def job_key(tenant: str, job_id: str) -> Item:
    return {"pk": f"JOB#{tenant}#{job_id}", "sk": JOB}


def listing_partition(shard: int, *parts: str) -> str:
    """The partition of a listing: its shard and what all its jobs share. `#` stands in no tenant, name or status."""
    return "#".join((str(shard), *parts))


def job_to_item(job: Job) -> Item:
    """Absent fields are left out, so that sparse indexes stay sparse."""
    shard = shard_of(job.job_id, LIST_SHARDS)
    item: Item = {
        **job_key(job.tenant, job.job_id),
        "tenant": job.tenant,
        "job_id": job.job_id,
        "plugin": job.plugin,
        "tool": job.tool,
        "plugin_version": job.plugin_version,
        "timeout_s": to_number(job.timeout_s),
        "status": job.status.value,
        "attempt": job.attempt,
        "created_at": rfc3339(job.created_at),
        "updated_at": rfc3339(job.updated_at),
        "expires_at": rfc3339(job.expires_at),
        "ttl": int(job.expires_at.timestamp()),
        "worker_id": job.worker_id,
        "started_at": to_time(job.started_at),
        "completed_at": to_time(job.completed_at),
        "execution_time_ms": to_number(job.execution_time_ms),
        "progress": job.progress and _progress(job.progress),
        "cancel": job.cancel and _cancel(job.cancel),
        "error": job.error and json.dumps(asdict(job.error)),
        "key_id": job.key_id,
        "key_limit": job.key_limit,
        "input": job.input and present(asdict(job.input)),
        "result": job.result and present(asdict(job.result)),
        "event_seq": job.events.last_seq,
        "events": events_to_text(job.events),
        "by_tenant": listing_partition(shard, job.tenant),
        "by_plugin": listing_partition(shard, job.tenant, job.plugin),
        "by_tool": listing_partition(shard, job.tenant, job.plugin, job.tool),
        "by_status": listing_partition(shard, job.tenant, job.status),
        "by_plugin_status": listing_partition(shard, job.tenant, job.plugin, job.status),
        "by_tool_status": listing_partition(shard, job.tenant, job.plugin, job.tool, job.status),
    }
    if job.lease_expires_at is not None:
        item["by_lease"] = f"LEASE#{shard_of(job.job_id, LEASE_SHARDS)}"
        item["lease_expires_at"] = epoch_ms(job.lease_expires_at)
    return present(item)


def job_from_item(item: Mapping[str, Any]) -> Job:
    return Job(
        tenant=item["tenant"],
        job_id=item["job_id"],
        plugin=item["plugin"],
        tool=item["tool"],
        plugin_version=item["plugin_version"],
        timeout_s=float(item["timeout_s"]),
        status=JobStatus(item["status"]),
        attempt=int(item["attempt"]),
        created_at=from_rfc3339(item["created_at"]),
        updated_at=from_rfc3339(item["updated_at"]),
        expires_at=from_rfc3339(item["expires_at"]),
        lease_expires_at=from_epoch_ms(item.get("lease_expires_at")),
        worker_id=item.get("worker_id"),
        started_at=from_time(item.get("started_at")),
        completed_at=from_time(item.get("completed_at")),
        execution_time_ms=from_number(item.get("execution_time_ms")),
        progress=_from_progress(item.get("progress")),
        cancel=_from_cancel(item.get("cancel")),
        error=_from_error(item.get("error")),
        key_id=item.get("key_id"),
        key_limit=from_integer(item.get("key_limit")),
        input=_from_stored(item.get("input")),
        result=_from_stored(item.get("result")),
        events=_from_events(item),
    )


def events_to_text(log: EventLog) -> str | None:
    """The events as one attribute. As JSON text they take a third of what DynamoDB's own lists and maps would."""
    rows = [[event.seq, rfc3339(event.at), event.type, event.said] for event in log.events]
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False) if rows else None


def _from_events(item: Mapping[str, Any]) -> EventLog:
    rows = json.loads(item.get("events") or "[]")
    events = tuple(Event(from_rfc3339(at), EventType(kind), said, seq) for seq, at, kind, said in rows)
    return EventLog(events, int(item.get("event_seq", 0)))


def progress_to_item(progress: Progress | None) -> Item | None:
    return None if progress is None else _progress(progress)


def _progress(progress: Progress) -> Item:
    return {"fraction": to_number(progress.fraction), "message": progress.message, "at": rfc3339(progress.at)}


def _from_progress(item: Mapping[str, Any] | None) -> Progress | None:
    return Progress(float(item["fraction"]), item["message"], from_rfc3339(item["at"])) if item else None


def _cancel(cancel: Cancel) -> Item:
    return present({"requested_at": rfc3339(cancel.requested_at), "reason": cancel.reason, "outcome": cancel.outcome})


def _from_cancel(item: Mapping[str, Any] | None) -> Cancel | None:
    if item is None:
        return None
    outcome = item.get("outcome")
    return Cancel(from_rfc3339(item["requested_at"]), item.get("reason"), CancelOutcome(outcome) if outcome else None)


def _from_error(text: str | None) -> ErrorInfo | None:
    if text is None:
        return None
    document = json.loads(text)
    return ErrorInfo(ErrorCode(document["code"]), document["message"], document["details"])


def _from_stored(item: Mapping[str, Any] | None) -> StoredJson | None:
    return StoredJson(int(item["size_bytes"]), item.get("text"), item.get("key")) if item else None


# --- Idempotency keys ------------------------------------------------------------------------------------------------


def claim_key(tenant: str, key_hash: str) -> Item:
    return {"pk": f"IDEMPOTENCY#{tenant}#{key_hash}", "sk": "CLAIM"}


def claim_to_item(claim: IdempotencyClaim) -> Item:
    return {
        **claim_key(claim.tenant, claim.key_hash),
        "tenant": claim.tenant,
        "key_hash": claim.key_hash,
        "request_hash": claim.request_hash,
        "claimed_job_id": claim.job_id,  # not job_id: a key of the listing indexes, where a claim has no place
        "expires_at": rfc3339(claim.expires_at),
        "ttl": int(claim.expires_at.timestamp()),
    }


def claim_from_item(item: Mapping[str, Any]) -> IdempotencyClaim:
    return IdempotencyClaim(
        tenant=item["tenant"],
        key_hash=item["key_hash"],
        request_hash=item["request_hash"],
        job_id=item["claimed_job_id"],
        expires_at=from_rfc3339(item["expires_at"]),
    )
