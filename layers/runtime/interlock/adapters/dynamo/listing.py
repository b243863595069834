"""List jobs: pages by tenant, plugin, tool and status, and the jobs whose lease has expired."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

from interlock.adapters.aws import translated
from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import deserialized, epoch_ms, serialized
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.ports import JobFilter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class JobListing:
    """Queries of the listing indexes. A page is merged from all shards of its partitions."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        """Return a page of jobs, newest first, and the id to continue after (None: no more)."""
        # Statuses are read in the order of a job's life: one that moves on meanwhile is met again later, never missed.
        partitions = _partitions(wanted)
        found = [self._ids(index, partition, limit + 1, before_id) for index, partition in partitions]
        ids = list(islice(_without_repeats(merge(*found, reverse=True)), limit + 1))
        page, more = ids[:limit], len(ids) > limit
        jobs = self._batch_get(wanted.tenant, page)
        kept = [
            job
            for job_id in page
            # The index lags behind: a job may have left the wanted status.
            if (job := jobs.get(job_id)) and (not wanted.statuses or job.status in wanted.statuses)
        ]
        return kept, page[-1] if more else None

    def _ids(self, index: str, partition: str, limit: int, before_id: str | None) -> list[str]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": "#p = :p" + (" AND job_id < :before" if before_id else ""),
            "ExpressionAttributeNames": {"#p": index},
            "ExpressionAttributeValues": serialized({":p": partition, **({":before": before_id} if before_id else {})}),
            "ScanIndexForward": False,
            "Limit": limit,
        }
        with translated("table"):
            answer = self._client.query(**query)
        return [deserialized(item)["job_id"] for item in answer["Items"]]

    def _batch_get(self, tenant: str, ids: Sequence[str]) -> dict[str, Job]:
        found: dict[str, Job] = {}
        keys: list[Any] = [serialized(items.job_key(tenant, job_id)) for job_id in ids]
        while keys:
            with translated("table"):
                answer = self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": keys[:100], "ConsistentRead": True}}
                )
            for item in answer["Responses"].get(self._table, []):
                job = items.job_from_item(deserialized(item))
                found[job.job_id] = job
            # Unprocessed keys are returned, and come first in the next round.
            left = answer["UnprocessedKeys"].get(self._table)
            keys = [*(left["Keys"] if left else []), *keys[100:]]
        return found

    def lapsed(self, now: datetime) -> Iterator[tuple[str, str]]:
        """Yield tenant and id of the unfinished jobs whose lease has expired. The index may lag behind the jobs."""
        for shard in range(items.LEASE_SHARDS):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="by_lease",
                KeyConditionExpression="by_lease = :p AND lease_expires_at < :now",
                ExpressionAttributeValues=serialized({":p": f"LEASE#{shard}", ":now": epoch_ms(now)}),
            )
            with translated("table"):
                keys = [item for page in pages for item in page["Items"]]
            for key in keys:
                _, tenant, job_id = deserialized(key)["pk"].split("#")
                yield tenant, job_id


def _partitions(wanted: JobFilter) -> list[tuple[str, str]]:
    """The index and the partitions that hold exactly the wanted jobs."""
    scopes: Sequence[tuple[str, ...]]
    if wanted.tools is not None:
        name, scopes = "by_tool", [(wanted.tenant, plugin, tool) for plugin, tool in wanted.tools]
    elif wanted.plugin is not None:
        name, scopes = "by_plugin", [(wanted.tenant, wanted.plugin)]
    else:
        name, scopes = "by_tenant", [(wanted.tenant,)]
    shards = range(items.LIST_SHARDS)
    if not wanted.statuses:
        return [(name, items.listing_partition(shard, *scope)) for scope in scopes for shard in shards]
    name = "by_status" if name == "by_tenant" else f"{name}_status"
    return [
        (name, items.listing_partition(shard, *scope, status))
        for status in JobStatus
        if status in wanted.statuses
        for scope in scopes
        for shard in shards
    ]


def _without_repeats(ids: Iterator[str]) -> Iterator[str]:
    last = None
    for job_id in ids:
        if job_id != last:
            yield job_id
        last = job_id
