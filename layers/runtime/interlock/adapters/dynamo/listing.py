"""List jobs: pages by tenant, plugin, tool and status, and the jobs whose lease has expired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from interlock.adapters.aws import translated
from interlock.adapters.dynamo import indexes
from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import deserialized, epoch_ms, serialized
from interlock.adapters.dynamo.lanes import Chunk, Entry, Lane, Merged, merged
from interlock.domain.job import Job
from interlock.domain.job_id import random_part
from interlock.domain.job_status import UNFINISHED, UNSUCCESSFUL, JobStatus
from interlock.ports import JobFilter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_LOOKED_AT = 200
"""How many entries a page may look at before it ends early: about 70 KB, ten read units."""

_BELOW_ALL, _ABOVE_ALL = "0", "Z"
"""Bounds of job ids."""


class _Source(Struct, frozen=True):
    """The partitions of an index that hold the wanted jobs, and the attribute values that exclude other jobs."""

    index: str
    partitions: Sequence[str]
    attributes: Mapping[str, Sequence[str]]
    sort_key: str = indexes.JOB_ID
    prefix: str = ""
    """The prefix of the sort keys, before the job id."""


class JobListing:
    """Queries of the indexes. A page is merged from all partitions of its source."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def page(self, wanted: JobFilter, *, limit: int, before_id: str | None) -> tuple[Sequence[Job], str | None]:
        """Return a page of jobs, newest first, and the id to continue after (None: no more)."""
        found = self._entries(wanted, limit + 1, wanted.below(before_id) or _ABOVE_ALL)
        page = found.entries[:limit]
        next_id = page[-1]["job_id"] if len(found.entries) > limit else found.floor
        return list(self._jobs(wanted, page)), next_id

    def _entries(self, wanted: JobFilter, count: int, before: str) -> Merged:
        """Return the newest entries. Unfinished jobs are read first, so that one that ends meanwhile is not missed."""
        sources = _sources(wanted)
        by_id: dict[str, Entry] = {}
        floor: str | None = None
        lowest = wanted.lowest_id or _BELOW_ALL
        for source in sources:
            read = partial(self._read, source, floor or lowest)
            lanes = [Lane(partial(read, partition), before) for partition in source.partitions]
            found = merged(lanes, count, MAX_LOOKED_AT // len(sources))
            by_id |= {entry["job_id"]: entry for entry in found.entries}
            floor = max(filter(None, (floor, found.floor)), default=None)
        newest = sorted((job_id for job_id in by_id if job_id >= (floor or "")), reverse=True)
        return Merged([by_id[job_id] for job_id in newest], floor)

    def _read(self, source: _Source, lowest: str, partition: str, before: str, limit: int) -> Chunk:
        """Query a partition from `before` (exclusive) down to `lowest`."""
        names = {"#p": source.index, "#s": source.sort_key}
        values = {":p": partition, ":low": source.prefix + lowest, ":high": source.prefix + _just_below(before)}
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": source.index,
            "KeyConditionExpression": "#p = :p AND #s BETWEEN :low AND :high",
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if source.attributes:
            query["FilterExpression"] = _filter(source.attributes, names, values)
        query |= {"ExpressionAttributeNames": names, "ExpressionAttributeValues": serialized(values)}
        with translated("table"):
            answer = self._client.query(**query)
        entries = [deserialized(item) for item in answer["Items"]]
        for entry in entries:
            entry["job_id"] = entry[source.sort_key].removeprefix(source.prefix)
        last = deserialized(answer.get("LastEvaluatedKey", {}))
        position = last[source.sort_key].removeprefix(source.prefix) if last else None
        return Chunk(entries, answer["ScannedCount"], position)

    def _jobs(self, wanted: JobFilter, entries: Sequence[Entry]) -> Iterator[Job]:
        """Yield the jobs of entries. Finished jobs are taken from their entries, because they never change."""
        ended = {entry["job_id"]: items.job_from_entry(wanted.tenant, entry) for entry in entries}
        read = self.read(wanted.tenant, [job_id for job_id, job in ended.items() if job is None])
        for job_id, shown in ended.items():
            job = shown or read.get(job_id)
            # The index lags behind: a job may have left the wanted status, or be gone.
            if job is not None and (not wanted.statuses or job.status in wanted.statuses):
                yield job

    def read(
        self, tenant: str, ids: Sequence[str], attributes: Sequence[str] = items.LISTED_ATTRIBUTES
    ) -> dict[str, Job]:
        """Read some attributes of jobs consistently."""
        found: dict[str, Job] = {}
        # A job may have replaced an expired one with the same idempotency key: the index may still have both.
        distinct = {random_part(job_id): items.job_key(tenant, job_id) for job_id in ids}
        keys: list[Any] = [serialized(key) for key in distinct.values()]
        options: Any = {
            "ConsistentRead": True,
            "ProjectionExpression": ", ".join(f"#{name}" for name in attributes),
            "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
        }
        while keys:
            request: Any = {**options, "Keys": keys[:100]}
            with translated("table"):
                answer = self._client.batch_get_item(RequestItems={self._table: request})
            for item in answer["Responses"].get(self._table, []):
                job = items.job_from_item(deserialized(item))
                found[job.job_id] = job
            # Unprocessed keys are returned, and come first in the next round.
            left = answer["UnprocessedKeys"].get(self._table)
            keys = [*(left["Keys"] if left else []), *keys[100:]]
        return found

    def lapsed(self, now: datetime) -> Iterator[tuple[str, str]]:
        """Yield tenant and id of the unfinished jobs whose lease has expired. The index may lag behind the jobs."""
        for partition in indexes.all_open_partitions():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=indexes.NOT_SUCCEEDED,
                KeyConditionExpression="not_succeeded = :p",
                FilterExpression="settle_after < :now",
                ProjectionExpression=indexes.TENANT_JOB,
                ExpressionAttributeValues=serialized({":p": partition, ":now": epoch_ms(now)}),
            )
            with translated("table"):
                entries = [item for page in pages for item in page["Items"]]
            for entry in entries:
                tenant, job_id = deserialized(entry)[indexes.TENANT_JOB].split("#")
                yield tenant, job_id


def _sources(wanted: JobFilter) -> list[_Source]:
    """Return the sources of the wanted jobs, in the order in which they have to be read: unfinished jobs first."""
    statuses = frozenset(wanted.statuses) or frozenset(JobStatus)
    attributes = {"plugin": wanted.plugin, "tool": wanted.tool}
    chosen: dict[str, Sequence[str]] = {name: [value] for name, value in attributes.items() if value is not None}
    if JobStatus.SUCCEEDED in statuses:
        by_status = _status(statuses, frozenset(JobStatus))
        if wanted.plugin is None:
            return [_Source(indexes.BY_TENANT, indexes.listing_partitions(wanted.tenant), {**chosen, **by_status})]
        del chosen["plugin"]
        partitions = indexes.listing_partitions(wanted.tenant, wanted.plugin)
        return [_Source(indexes.BY_PLUGIN, partitions, {**chosen, **by_status})]
    unfinished, ended = statuses & UNFINISHED, sorted(statuses & UNSUCCESSFUL)
    sources = []
    if unfinished:
        by_status = _status(unfinished, UNFINISHED)
        sources.append(_not_succeeded(wanted.tenant, indexes.open_partitions(wanted.tenant), {**chosen, **by_status}))
    if ended:
        partitions = [one for status in ended for one in indexes.ended_partitions(wanted.tenant, status)]
        sources.append(_not_succeeded(wanted.tenant, partitions, chosen))
    return sources


def _not_succeeded(tenant: str, partitions: Sequence[str], attributes: Mapping[str, Sequence[str]]) -> _Source:
    prefix = indexes.tenant_prefix(tenant)
    return _Source(indexes.NOT_SUCCEEDED, partitions, attributes, sort_key=indexes.TENANT_JOB, prefix=prefix)


def _status(wanted: frozenset[JobStatus], held: frozenset[JobStatus]) -> dict[str, Sequence[str]]:
    """Return the filter by status, empty if all statuses that the partitions hold are wanted."""
    return {} if wanted == held else {"status": sorted(wanted)}


def _filter(attributes: Mapping[str, Sequence[str]], names: dict[str, str], values: dict[str, str]) -> str:
    """Return the filter expression, and add its names and values."""
    clauses = []
    for name, accepted in attributes.items():
        places = [f":{name}{number}" for number in range(len(accepted))]
        names[f"#{name}"] = name
        values.update(zip(places, accepted, strict=True))
        clauses.append(f"#{name} IN ({', '.join(places)})")
    return " AND ".join(clauses)


def _just_below(bound: str) -> str:
    """Return a text below `bound`, but not below any smaller job id: all ids have the same length."""
    return bound[:-1] + chr(ord(bound[-1]) - 1)
