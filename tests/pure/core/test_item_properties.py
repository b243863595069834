"""Property tests: domain values round-trip through items of the table and DynamoDB's types."""

from collections import Counter
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from interlock.adapters.dynamo import counters
from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import deserialized, serialized
from interlock.domain.access import ApiKey, Scope
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import EMPTY_LOG, dropped_event, log_event, progress_event, state_event
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Cancel, CancelOutcome, Job, Progress, StoredJson
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.metrics import ExecutionMetrics, MetricsDelta
from interlock.domain.rate import Rate
from interlock.domain.times import to_millisecond
from tests.fakes.outside import NOON
from tests.fakes.store import MemoryJobs

naive = NOON.replace(tzinfo=None)  # Hypothesis adds the zone
moments = st.datetimes(naive.replace(year=1971), naive.replace(year=2200), timezones=st.just(UTC)).map(to_millisecond)
names = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True)
ids = st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True)
text = st.text(max_size=40)
milliseconds = st.integers(0, 10**9).map(lambda n: n / 1000)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
# Unpaired surrogates included: a plugin's exception may have any text.
any_text = st.text(st.characters(exclude_categories=()), max_size=40)
errors = st.builds(ErrorInfo, st.sampled_from(ErrorCode), any_text, st.dictionaries(text, json_values, max_size=3))
stored = st.builds(StoredJson, st.integers(0, 10**9), st.none() | text, st.none() | text)
events = st.lists(
    st.builds(state_event, st.sampled_from(JobStatus), moments)
    | st.builds(progress_event, st.integers(0, 10**6).map(lambda n: n / 10**6), text, moments)
    | st.builds(log_event, st.sampled_from(["info", "error"]), st.sampled_from(["stdout", "log"]), any_text, moments)
    | st.builds(dropped_event, st.integers(1, 10**9), moments),
    max_size=4,
).map(EMPTY_LOG.adding)
jobs = st.builds(
    Job,
    tenant=names,
    job_id=ids,
    plugin=names,
    tool=names,
    plugin_version=text,
    timeout_s=st.integers(1, 870_000).map(lambda n: n / 1000),
    status=st.sampled_from(JobStatus),
    created_at=moments,
    updated_at=moments,
    expires_at=moments,
    lease_expires_at=st.none() | moments,
    attempt=st.integers(0, 1000),
    worker_id=st.none() | ids,
    started_at=st.none() | moments,
    completed_at=st.none() | moments,
    execution_time_ms=st.none() | milliseconds,
    progress=st.none() | st.builds(Progress, st.integers(0, 10**6).map(lambda n: n / 10**6), text, moments),
    cancel=st.none() | st.builds(Cancel, moments, st.none() | text, st.none() | st.sampled_from(CancelOutcome)),
    error=st.none() | errors,
    key_id=st.none() | names,
    key_limit=st.none() | st.integers(1, 10_000),
    input=st.none() | stored,
    result=st.none() | stored,
    events=events,
)


def through_dynamodb(item: dict[str, Any]) -> dict[str, Any]:
    """Return the item after a round trip through DynamoDB's types."""
    return deserialized(serialized(item))


numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
attributes = st.recursive(
    st.none() | st.booleans() | numbers | text | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@given(attributes)
def test_attribute_values_have_the_form_that_boto3_gives_them(value: Any) -> None:
    try:
        expected = TypeSerializer().serialize(value)
    except (TypeError, ArithmeticError) as error:
        with pytest.raises(type(error)):
            serialized({"field": value})
        return
    assert serialized({"field": value}) == {"field": expected}
    assert deserialized({"field": expected}) == {"field": TypeDeserializer().deserialize(expected)}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_dynamodb_lacks_are_refused(text: str) -> None:
    with pytest.raises(TypeError, match="no infinity and no NaN"):
        serialized({"field": Decimal(text)})


def test_value_without_an_attribute_type_is_refused() -> None:
    with pytest.raises(TypeError, match="no attribute type for float"):
        serialized({"field": 0.5})


@given(jobs)
def test_job_round_trips(job: Job) -> None:
    assert items.job_from_item(through_dynamodb(items.job_to_item(job))) == job


@given(jobs)
def test_listing_keys_hold_tenant_plugin_tool_and_status(job: Job) -> None:
    item = items.job_to_item(job)
    shard = item["by_tenant"].partition("#")[0]
    assert int(shard) in range(items.LIST_SHARDS)
    expected = {
        "by_tenant": [job.tenant],
        "by_plugin": [job.tenant, job.plugin],
        "by_tool": [job.tenant, job.plugin, job.tool],
        "by_status": [job.tenant, job.status],
        "by_plugin_status": [job.tenant, job.plugin, job.status],
        "by_tool_status": [job.tenant, job.plugin, job.tool, job.status],
    }
    assert {name: item[name].split("#") for name in expected} == {
        name: [shard, *parts] for name, parts in expected.items()
    }


@given(jobs)
def test_ttl_is_the_expiry_and_only_leased_jobs_are_in_the_lease_index(job: Job) -> None:
    item = items.job_to_item(job)
    assert item["ttl"] == int(job.expires_at.timestamp())
    assert ("by_lease" in item) == ("lease_expires_at" in item) == (job.lease_expires_at is not None)


def test_jobs_spread_evenly_over_all_shards() -> None:
    counts = Counter(items.shard_of(str(ULID()), items.LIST_SHARDS) for _ in range(4000))
    assert set(counts) == set(range(items.LIST_SHARDS))
    assert min(counts.values()) > 800  # 1000 expected, standard deviation 27


keys = st.builds(
    ApiKey,
    key_hash=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    key_id=names,
    tenant=names,
    scopes=st.frozensets(st.sampled_from([scope.value for scope in Scope])),
    expires_at=st.none() | moments,
    created_at=st.none() | moments,
    revoked_at=st.none() | moments,
    rate=st.none() | st.builds(Rate, st.integers(1, 999_999), st.sampled_from("smh")),
    concurrency=st.none() | st.integers(1, 10_000),
    note=st.none() | text,
    hint=st.none() | names,
)


@given(keys)
def test_api_key_round_trips(key: ApiKey) -> None:
    assert access_items.api_key_from_item(through_dynamodb(access_items.api_key_to_item(key))) == key


idempotency_records = st.builds(IdempotencyRecord, names, names, names, ids, moments)


@given(idempotency_records)
def test_idempotency_record_round_trips(record: IdempotencyRecord) -> None:
    item = through_dynamodb(items.idempotency_to_item(record))
    assert items.idempotency_from_item(item) == record
    # `job_id` is a key of the listing indexes, so a record with it would be listed as a job.
    assert "job_id" not in item


deltas = st.builds(
    MetricsDelta,
    plugin=st.just("echo"),
    tool=st.sampled_from(["say", "shout"]),
    in_flight=st.sampled_from([-1, 0, 1]),
    at=moments,
    status=st.sampled_from(sorted(FINAL)),
    error=st.none() | st.sampled_from(ErrorCode),
    elapsed_ms=st.none() | milliseconds,
    reason=st.none() | st.just("LookupError: no such model"),
)


def added_by_dynamodb(changes: list[tuple[MetricsDelta, int]]) -> dict[str, ExecutionMetrics]:
    """Return the counters after DynamoDB's ADD and SET on the items of the shards."""
    table: dict[tuple[str, int], dict[str, Any]] = {}
    for delta, shard in changes:
        item = table.setdefault((delta.tool, shard), counters.metrics_key(delta.plugin, delta.tool, shard))
        for name, value in counters.metrics_sums(delta).items():
            item[name] = item.get(name, 0) + value
        item.update(counters.metrics_latest(delta))
    return counters.metrics_from_items(through_dynamodb(item) for item in table.values())


@given(
    # Unique times: of two simultaneous changes neither is the latest.
    st.lists(st.tuples(deltas, st.integers(0, counters.SHARDS - 1)), max_size=20, unique_by=lambda one: one[0].at)
)
def test_counters_in_items_equal_counters_in_memory(changes: list[tuple[MetricsDelta, int]]) -> None:
    # Ordered by time, since the latest change sets the last values.
    changes = sorted(changes, key=lambda change: change[0].at)
    memory = MemoryJobs()
    for delta, _ in changes:
        memory._count(delta)
    expected, found = memory.metrics("echo"), added_by_dynamodb(changes)
    assert set(found) == set(expected)
    for tool, metrics in found.items():
        for field in ("succeeded", "failed", "timed_out", "cancelled", "in_flight", "executed", "buckets"):
            assert getattr(metrics, field) == getattr(expected[tool], field)
        assert abs(metrics.total_ms - expected[tool].total_ms) < 0.001
        for field in ("last_used", "lifecycle_at", "reason"):
            assert getattr(metrics, field) == getattr(expected[tool], field)
