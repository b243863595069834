"""Map batches and their counts to items of the table and back. Pure.

A batch is one item. Its counts are a separate item, which only `count_jobs` adds to. Batches have entries in two
indexes: `by_tenant`, for lists, and, while they are unfinished, `not_succeeded`, for the schedule.
"""

from collections.abc import Mapping
from typing import Any

from interlock.adapters.dynamo.attributes import Item, epoch_ms, from_epoch_ms, present
from interlock.adapters.dynamo.fields import Form, decoded, encoded
from interlock.adapters.dynamo.indexes import BY_TENANT, JOB_ID, NOT_SUCCEEDED, TENANT_JOB, tenant_prefix
from interlock.adapters.dynamo.values import ERROR_FORM
from interlock.domain.batch import Batch, BatchCounts
from interlock.domain.job_id import random_part

BATCH, COUNTS = "BATCH", "COUNTS"
"""The sort keys of batches and of their counts."""

UNFINISHED_PARTITION = "BATCHES"
"""The partition of `not_succeeded` with the unfinished batches of all tenants. There are few."""


def batch_key(tenant: str, batch_id: str) -> Item:
    """Return the key of a batch: the random part of its id, which is the same for all with one idempotency key."""
    return key_by_random_part(tenant, random_part(batch_id))


def key_by_random_part(tenant: str, part: str) -> Item:
    return {"pk": f"BATCH#{tenant}#{part}", "sk": BATCH}


def counts_key(tenant: str, batch_id: str) -> Item:
    return {"pk": f"BATCHCOUNTS#{tenant}#{batch_id}", "sk": COUNTS}


def tenant_partition(tenant: str) -> str:
    """Return the partition of `by_tenant` with the batches of a tenant."""
    return f"BATCHES#{tenant}"


def batch_to_item(batch: Batch) -> Item:
    """Return the item of a batch, with its counts only if they are final."""
    item = {
        **batch_key(batch.tenant, batch.batch_id),
        **encoded(batch, _SPECIAL),
        BY_TENANT: tenant_partition(batch.tenant),
        JOB_ID: batch.batch_id,
        "ttl": int(batch.expires_at.timestamp()),
    }
    if not batch.finished:
        del item["counts"]
        item |= {NOT_SUCCEEDED: UNFINISHED_PARTITION, TENANT_JOB: tenant_prefix(batch.tenant) + batch.batch_id}
    return present(item)


def batch_from_item(item: Mapping[str, Any], counts: Mapping[str, Any]) -> Batch:
    """Return the batch of an item. `counts` is the item of its counts, empty if there is none yet."""
    return decoded(Batch, {"counts": counts, **item}, _SPECIAL)


def counts_from_item(item: Mapping[str, Any]) -> BatchCounts:
    return decoded(BatchCounts, item)


_SPECIAL = {"look_at": Form(epoch_ms, from_epoch_ms), "error": ERROR_FORM}
"""Fields that are not stored in the form of their type."""
