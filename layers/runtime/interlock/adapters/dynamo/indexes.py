"""The three indexes: which partitions hold a job's entry, and what an entry shows. Pure.

`by_tenant` and `by_plugin` hold all jobs of a tenant, and those of one of its plugins. `not_succeeded` holds unfinished
jobs, which the schedule reads as well, and jobs that failed, timed out or were cancelled. An entry contains all that a
list shows of a finished job, so finished jobs are read from their entries alone.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from interlock.adapters.dynamo.attributes import Item, epoch_ms
from interlock.domain.job import UNLISTED, Job
from interlock.domain.job_status import JobStatus

BY_TENANT, BY_PLUGIN, NOT_SUCCEEDED = "by_tenant", "by_plugin", "not_succeeded"
"""The indexes, and the attribute that is each one's partition key."""

JOB_ID, TENANT_JOB = "job_id", "tenant_job"
"""The sort keys: the id of a job; its tenant and id, where tenants share partitions."""

LIST_SHARDS = 4
"""Number of partitions of each listing, so that one tenant's jobs do not overload a single partition. Fixed for the
life of a table, because a page reads all of them."""

OPEN_PARTITIONS = 64
"""Partitions of the unfinished jobs of all tenants. A tenant uses `LIST_SHARDS` of them; the schedule reads all."""

SETTLE_STEP_MS = 10_000
"""`settle_after` is a multiple of this, so that most heartbeats leave the index as it is."""

MAX_LISTED_ERROR_BYTES = 500
"""A longer error is not part of an entry, so that most entries stay below 1 KB: the job is read instead."""

ENTRY_ATTRIBUTES: Sequence[str] = (
    "plugin",
    "tool",
    "plugin_version",
    "timeout_s",
    "status",
    "created_at",
    "expires_at",
    "attempt",
    "started_at",
    "completed_at",
    "execution_time_ms",
    "cancel",
    "error",
    "shown",
)
"""The attributes of an entry besides its keys. `not_succeeded` has `settle_after` too. A job that has finished was last
updated when it was completed."""

NOT_IN_ENTRIES = tuple(
    name
    for name in Job.__struct_fields__
    if name not in {*ENTRY_ATTRIBUTES, *UNLISTED, "tenant", "job_id", "updated_at"}
)
"""Attributes that a list shows and an entry has only after the job's end, when they move to `shown`. If
`progress` were in the entries, each heartbeat would write the indexes too. The other attributes are newer than the
indexes, whose attributes cannot be changed."""


def shard_of(job_id: str, shards: int) -> int:
    """Return a stable shard of a job (CRC-32 of its id)."""
    return zlib.crc32(job_id.encode()) % shards


def _joined(*parts: object) -> str:
    """Join the parts of a key. No tenant, name or status has a `#`."""
    return "#".join(str(part) for part in parts)


def index_keys(job: Job) -> Item:
    """Return the keys of the job's entries."""
    shard = shard_of(job.job_id, LIST_SHARDS)
    keys = {BY_TENANT: _joined(shard, job.tenant), BY_PLUGIN: _joined(shard, job.tenant, job.plugin)}
    if job.status is not JobStatus.SUCCEEDED:
        partitions = ended_partitions(job.tenant, job.status) if job.finished else open_partitions(job.tenant)
        keys |= {NOT_SUCCEEDED: partitions[shard], TENANT_JOB: tenant_prefix(job.tenant) + job.job_id}
    return keys


def listing_partitions(*parts: str) -> list[str]:
    """Return the partitions of a tenant's jobs, or of those of its plugin."""
    return [_joined(shard, *parts) for shard in range(LIST_SHARDS)]


def open_partitions(tenant: str) -> list[str]:
    """Return the partitions of a tenant's unfinished jobs."""
    first = zlib.crc32(tenant.encode())
    return [_joined("OPEN", (first + shard) % OPEN_PARTITIONS) for shard in range(LIST_SHARDS)]


def all_open_partitions() -> list[str]:
    """Return the partitions of all unfinished jobs."""
    return [_joined("OPEN", number) for number in range(OPEN_PARTITIONS)]


def ended_partitions(tenant: str, status: JobStatus) -> list[str]:
    """Return the partitions of a tenant's jobs that failed, or timed out, or were cancelled."""
    return [_joined("ENDED", shard, tenant, status) for shard in range(LIST_SHARDS)]


def tenant_prefix(tenant: str) -> str:
    """Return the prefix of a tenant's sort keys in the partitions that tenants share."""
    return f"{tenant}#"


def lease_to_item(lease_expires_at: datetime) -> Item:
    """Return the attributes of a lease: its end, and when the schedule settles the job, at most a step later."""
    expiry = epoch_ms(lease_expires_at)
    return {"lease_expires_at": expiry, "settle_after": -(-expiry // SETTLE_STEP_MS) * SETTLE_STEP_MS}


def for_entries(item: Item, job: Job) -> Item:
    """Return the item of a job with its attributes arranged for the entries."""
    if job.finished:
        shown = {name: item[name] for name in NOT_IN_ENTRIES if name in item}
        item = {name: value for name, value in item.items() if name not in shown} | ({"shown": shown} if shown else {})
    if len(item.get("error", "").encode()) > MAX_LISTED_ERROR_BYTES:
        item["long_error"] = item.pop("error")
    return item


REARRANGED = ("shown", "long_error")
"""The attributes that `for_entries` puts others into."""


def from_entries(item: Mapping[str, Any]) -> Item:
    """Return the attributes of a job as they were before `for_entries`."""
    whole = {**item, **item.get("shown", {})}
    if "long_error" in item:
        whole["error"] = item["long_error"]
    return whole


def shows_all(entry: Mapping[str, Any], finished: bool) -> bool:
    """Return whether an entry shows all that a list shows of its job."""
    return finished and (entry["status"] == JobStatus.SUCCEEDED or "error" in entry)
