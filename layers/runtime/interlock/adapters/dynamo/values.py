"""Items of the table from domain values and back. Pure: every item's shape is written here and nowhere else."""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import Event, EventLog, EventType
from interlock.domain.idempotency import IdempotencyClaim
from interlock.domain.job import Cancel, CancelOutcome, Job, Progress, StoredJson
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics, MetricsDelta, bucket_of
from interlock.domain.times import from_rfc3339, rfc3339

type Item = dict[str, Any]

LIST_SHARDS = 4
"""Into how many partitions each listing is spread: one tenant's jobs must not heat a single one. Fixed for the life
of a table: a page reads them all."""

LEASE_SHARDS = 4
METRICS_SHARDS = 64
"""Items among which the counters of a tool are spread, so that workers seldom meet in one transaction."""

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
        "timeout_s": _number(job.timeout_s),
        "status": job.status.value,
        "attempt": job.attempt,
        "created_at": rfc3339(job.created_at),
        "updated_at": rfc3339(job.updated_at),
        "expires_at": rfc3339(job.expires_at),
        "ttl": int(job.expires_at.timestamp()),
        "worker_id": job.worker_id,
        "started_at": _time(job.started_at),
        "completed_at": _time(job.completed_at),
        "execution_time_ms": _number(job.execution_time_ms),
        "progress": job.progress and _progress(job.progress),
        "cancel": job.cancel and _cancel(job.cancel),
        "error": job.error and json.dumps(asdict(job.error)),
        "key_id": job.key_id,
        "key_limit": job.key_limit,
        "input": job.input and _present(asdict(job.input)),
        "result": job.result and _present(asdict(job.result)),
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
    return _present(item)


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
        lease_expires_at=_from_epoch_ms(item.get("lease_expires_at")),
        worker_id=item.get("worker_id"),
        started_at=_from_time(item.get("started_at")),
        completed_at=_from_time(item.get("completed_at")),
        execution_time_ms=_float(item.get("execution_time_ms")),
        progress=_from_progress(item.get("progress")),
        cancel=_from_cancel(item.get("cancel")),
        error=_from_error(item.get("error")),
        key_id=item.get("key_id"),
        key_limit=_int(item.get("key_limit")),
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


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970: how leases are kept, so that an index orders them."""
    return round(moment.timestamp() * 1000)


def _progress(progress: Progress) -> Item:
    return {"fraction": _number(progress.fraction), "message": progress.message, "at": rfc3339(progress.at)}


def _from_progress(item: Mapping[str, Any] | None) -> Progress | None:
    return Progress(float(item["fraction"]), item["message"], from_rfc3339(item["at"])) if item else None


def _cancel(cancel: Cancel) -> Item:
    return _present({"requested_at": rfc3339(cancel.requested_at), "reason": cancel.reason, "outcome": cancel.outcome})


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


# --- Metrics ---------------------------------------------------------------------------------------------------------


def metrics_partition(plugin: str) -> str:
    return f"METRICS#{plugin}"


def metrics_key(plugin: str, tool: str, shard: int) -> Item:
    return {"pk": metrics_partition(plugin), "sk": f"{tool}#{shard:02d}"}


def metrics_sums(delta: MetricsDelta) -> Item:
    """What the change adds: to be ADDed to the shard's item."""
    sums: Item = {"in_flight": delta.in_flight} if delta.in_flight else {}
    if delta.status is not None:
        sums[delta.status] = 1
    if delta.elapsed_ms is not None:
        sums["executed"] = 1
        sums["total_ms"] = _number(delta.elapsed_ms)
        sums[f"bucket_{bucket_of(delta.elapsed_ms)}"] = 1
    return sums


def metrics_latest(delta: MetricsDelta) -> Item:
    """What the change replaces: to be SET on the shard's item."""
    latest: Item = {}
    if delta.elapsed_ms is not None:
        latest["last_ms"] = _number(delta.elapsed_ms)
        latest["last_used"] = rfc3339(delta.at)
    if delta.lifecycle is not None:
        latest["lifecycle"] = delta.lifecycle.value
        latest["lifecycle_at"] = rfc3339(delta.at)
        latest["reason"] = delta.reason
    return latest


def metrics_from_items(items: Iterable[Mapping[str, Any]]) -> dict[str, ExecutionMetrics]:
    """The counters by tool, its shards added up."""
    shards: dict[str, list[ExecutionMetrics]] = {}
    for item in items:
        shards.setdefault(item["sk"].rpartition("#")[0], []).append(_metrics(item))
    return {tool: ExecutionMetrics.sum(parts) for tool, parts in shards.items()}


def _metrics(item: Mapping[str, Any]) -> ExecutionMetrics:
    lifecycle = item.get("lifecycle")
    return ExecutionMetrics(
        succeeded=int(item.get("succeeded", 0)),
        failed=int(item.get("failed", 0)),
        timed_out=int(item.get("timed_out", 0)),
        cancelled=int(item.get("cancelled", 0)),
        in_flight=int(item.get("in_flight", 0)),
        executed=int(item.get("executed", 0)),
        total_ms=float(item.get("total_ms", 0)),
        last_ms=_float(item.get("last_ms")),
        last_used=_from_time(item.get("last_used")),
        lifecycle=LifecycleState(lifecycle) if lifecycle else None,
        lifecycle_at=_from_time(item.get("lifecycle_at")),
        reason=item.get("reason"),
        buckets={
            int(name.removeprefix("bucket_")): int(count) for name, count in item.items() if name.startswith("bucket_")
        },
    )


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


# --- Values ----------------------------------------------------------------------------------------------------------


def _present(item: Mapping[str, Any]) -> Item:
    return {name: value for name, value in item.items() if value is not None}


def _number(value: float | None) -> Decimal | None:
    # By its shortest text: Decimal(0.1) itself is not 0.1.
    return None if value is None else Decimal(repr(value))


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _int(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _from_time(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None


def _from_epoch_ms(value: Decimal | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(int(value) / 1000, UTC)
