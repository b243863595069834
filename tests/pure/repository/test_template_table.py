"""The table of template.yaml against the adapter: keys, types, indexes and expiry."""

import re
from datetime import timedelta
from itertools import product
from typing import Any
from unittest.mock import Mock

from boto3.dynamodb.types import TypeSerializer

from interlock.adapters.dynamo import indexes
from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo import values as dynamo_items
from interlock.adapters.dynamo.counter_items import counters_key
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain import job
from interlock.domain.access import ApiKey
from interlock.domain.events import progress_event
from interlock.domain.job_status import JobStatus
from interlock.ports import JobFilter
from tests.pure.repository.template import NOW, RESOURCES, Json

TABLE: Json = RESOURCES["StateTable"]["Properties"]
TYPES = {one["AttributeName"]: one["AttributeType"] for one in TABLE["AttributeDefinitions"]}
INDEXES = {one["IndexName"]: one for one in TABLE["GlobalSecondaryIndexes"]}


def key_of(schema: list[Json]) -> tuple[str, ...]:
    """Return the attributes of a key, the partition key first."""
    return tuple(one["AttributeName"] for one in sorted(schema, key=lambda one: one["KeyType"] != "HASH"))


class Table:
    """A fake DynamoDB client that records its queries."""

    def __init__(self) -> None:
        self.queries: list[Json] = []
        self.meta = Mock()

    def query(self, **arguments: Any) -> Json:
        self.queries.append(arguments)
        return {"Items": [], "ScannedCount": 0}

    def get_paginator(self, operation: str) -> "Table":
        assert operation == "query"
        return self

    def paginate(self, **arguments: Any) -> list[Json]:
        return [self.query(**arguments)]


def queries() -> list[Json]:
    """Return every kind of query that the adapter makes."""
    client: Any = Table()
    store = DynamoJobs(client, "table")
    statuses: tuple[tuple[JobStatus, ...], ...] = ((), (JobStatus.RUNNING,), (JobStatus.RUNNING, JobStatus.FAILED))
    for plugin, tool, some in product((None, "ocr"), (None, "analyze"), statuses):
        store.page(JobFilter("acme", plugin, tool, some), limit=2, before_id="01KY4QJ3HS0123456789ABCDEF")
    list(store.with_lapsed_lease(NOW))
    store.metrics("ocr")
    store.states()
    found: list[Json] = client.queries
    return found


def test_declared_indexes_are_those_that_the_adapter_queries() -> None:
    assert {query["IndexName"] for query in queries() if "IndexName" in query} == set(INDEXES)


def test_queries_name_the_keys_of_their_index() -> None:
    for query in queries():
        key = key_of(INDEXES[query["IndexName"]]["KeySchema"] if "IndexName" in query else TABLE["KeySchema"])
        names = query.get("ExpressionAttributeNames", {})
        condition = query["KeyConditionExpression"]
        used = [names.get(word, word) for word in re.findall(r"(#?\w+) (?:[=<]|BETWEEN)", condition)]
        assert tuple(used) == key[: len(used)], query
        for word, value in zip(used, re.findall(r"(?:[=<]|BETWEEN) (:\w+)", condition), strict=True):
            assert set(query["ExpressionAttributeValues"][value]) == {TYPES[word]}


def test_queries_filter_by_projected_attributes_that_are_no_keys() -> None:
    # DynamoDB rejects filters on keys of the queried index, and an index has no attributes that are not projected.
    filtered = [query for query in queries() if "FilterExpression" in query]
    assert filtered
    for query in filtered:
        names = query.get("ExpressionAttributeNames", {})
        used = [names.get(word, word) for word in re.findall(r"(#?\w+) (?:IN|[=<])", query["FilterExpression"])]
        index = INDEXES[query["IndexName"]]
        assert set(used) <= set(index["Projection"]["NonKeyAttributes"])


def a_job() -> job.Job:
    pending = job.Job(
        tenant="acme",
        job_id="01KY4QJ3HS0123456789ABCDEF",
        plugin="ocr",
        tool="analyze",
        plugin_version="1.0.0",
        timeout_s=20.0,
        status=JobStatus.PENDING,
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + timedelta(days=7),
    )
    return job.submitted(pending, input=job.StoredJson(2, "{}"), lease_expires_at=NOW + timedelta(minutes=1))


def test_items_have_the_declared_keys_and_types() -> None:
    item = dynamo_items.job_to_item(a_job())
    keys = {name for index in INDEXES.values() for name in key_of(index["KeySchema"])}
    keys |= set(key_of(TABLE["KeySchema"]))
    # CloudFormation refuses declared attributes that are not keys. DynamoDB refuses items whose keys have another type.
    assert set(TYPES) == keys
    serialize = TypeSerializer().serialize
    assert {name: set(serialize(item[name])) for name in keys} == {name: {TYPES[name]} for name in keys}
    key = ApiKey("hash", "key", "acme", frozenset({"admin"}), expires_at=NOW, created_at=NOW, revoked_at=NOW)
    others = [
        counters_key("ocr", "analyze"),
        access_items.api_key_to_item(key),
        access_items.listed_key_to_item(key),
        access_items.rate_key("key"),
        access_items.slots_key("key"),
        access_items.secret_key("cursors"),
    ]
    for other in others:
        assert {name: set(serialize(other[name])) for name in key_of(TABLE["KeySchema"])} == {"pk": {"S"}, "sk": {"S"}}
        # Only jobs have the keys of the listing indexes.
        assert not (keys - set(key_of(TABLE["KeySchema"]))) & set(other)


def test_indexes_project_what_their_readers_need() -> None:
    more = {"not_succeeded": {"settle_after"}}
    for name, index in INDEXES.items():
        projected = set(index["Projection"]["NonKeyAttributes"])
        assert projected == set(indexes.ENTRY_ATTRIBUTES) | more.get(name, set())
        assert key_of(index["KeySchema"]) == (name, "tenant_job" if name == "not_succeeded" else "job_id")


def changed_by(before: job.Job, after: job.Job) -> set[str]:
    """Return the indexes that a change of the job writes."""
    old, new = dynamo_items.job_to_item(before), dynamo_items.job_to_item(after)
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    return {
        name
        for name, index in INDEXES.items()
        if changed & {*key_of(index["KeySchema"]), *index["Projection"]["NonKeyAttributes"]}
    }


def test_most_heartbeats_write_no_index() -> None:
    lease = NOW + timedelta(seconds=15)
    at = job.claimed(a_job(), worker_id="w", now=NOW, lease_expires_at=lease)
    written = []
    for second in range(1, 21):
        now = NOW + timedelta(seconds=second)
        progress = job.Progress(second / 20, "page", now)
        news = [progress_event(progress.fraction, progress.message, now)]
        beat = job.after_heartbeat(
            at, now=now, lease_expires_at=now + timedelta(seconds=15), progress=progress, news=news
        )
        written.append(changed_by(at, beat))
        at = beat
    # `settle_after` is a multiple of ten seconds, so it changes twice in twenty heartbeats.
    assert [one for one in written if one] == [{"not_succeeded"}] * 2


def test_time_to_live_attribute_is_that_of_the_items() -> None:
    expiry = TABLE["TimeToLiveSpecification"]
    assert expiry["Enabled"] is True
    assert dynamo_items.job_to_item(a_job())[expiry["AttributeName"]] == int((NOW + timedelta(days=7)).timestamp())
