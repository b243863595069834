"""Property tests: domain values round-trip through items of the table and DynamoDB's types."""

from collections import Counter
from copy import replace
from datetime import UTC
from decimal import Decimal
from typing import Any, get_args

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import example, given
from hypothesis import strategies as st
from ulid import ULID

from interlock.adapters.dynamo import counter_items, indexes
from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo import values as items
from interlock.adapters.dynamo.attributes import deserialized, serialized
from interlock.adapters.dynamo.batch_items import batch_to_item
from interlock.domain.access import ApiKey, Scope
from interlock.domain.batch import BatchStatus, WatchedBatch
from interlock.domain.client_input import METHODS
from interlock.domain.counters import JobSnapshot, delta
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import EMPTY_LOG, dropped_event, log_event, progress_event, state_event
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job import Cancel, CancelOutcome, Client, Job, Progress, Source, StoredJson, listed
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.outcome import ClientInput
from interlock.domain.rate import Rate
from interlock.domain.times import to_millisecond
from interlock.domain.webhook import WatchedJob, Webhook, WebhookEvent
from interlock.http.presenters import job_document
from tests.fakes.batches import a_batch
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON

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
fork_findings = st.builds(ForkFinding, text, text)
errors = st.builds(ErrorInfo, st.sampled_from(ErrorCode), any_text, st.dictionaries(text, json_values, max_size=3))
stored = st.builds(StoredJson, st.integers(0, 10**9), st.none() | text, st.none() | text)
events = st.lists(
    st.builds(state_event, st.sampled_from(JobStatus), moments)
    | st.builds(progress_event, st.integers(0, 10**6).map(lambda n: n / 10**6), text, moments)
    | st.builds(log_event, st.sampled_from(["info", "error"]), st.sampled_from(["stdout", "log"]), any_text, moments)
    | st.builds(dropped_event, st.integers(1, 10**9), moments),
    max_size=4,
).map(EMPTY_LOG.adding)
inputs = st.dictionaries(text, json_values, max_size=2)
cancel_outcomes = st.sampled_from(get_args(CancelOutcome.__value__))
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
    deadline_at=st.none() | moments,
    rerun_of=st.none() | ids,
    source=st.none() | st.sampled_from(Source),
    client=st.none() | st.builds(Client, text, text),
    client_input=st.none() | st.builds(ClientInput, st.sampled_from([METHODS, ()]), inputs, inputs),
    webhook=st.none() | st.builds(Webhook, text, st.sets(st.sampled_from(WebhookEvent)).map(tuple)),
    attempt=st.integers(0, 1000),
    worker_id=st.none() | ids,
    started_at=st.none() | moments,
    completed_at=st.none() | moments,
    execution_time_ms=st.none() | milliseconds,
    progress=st.none() | st.builds(Progress, st.integers(0, 10**6).map(lambda n: n / 10**6), text, moments),
    cancel=st.none() | st.builds(Cancel, moments, st.none() | text, st.none() | cancel_outcomes),
    error=st.none() | errors,
    key_id=st.none() | names,
    key_limit=st.none() | st.integers(1, 10_000),
    key_hash=st.sampled_from([None, "0a" * 32]),
    request_hash=st.sampled_from([None, "0b" * 32]),
    write_id=st.sampled_from([None, "0c" * 8]),
    fork_finding=st.none() | fork_findings,
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
def test_index_keys_are_those_of_partitions_that_readers_read(job: Job) -> None:
    item = items.job_to_item(job)
    assert item["by_tenant"] in indexes.listing_partitions(job.tenant)
    assert item["by_plugin"] in indexes.listing_partitions(job.tenant, job.plugin)
    ended, unfinished = indexes.ended_partitions(job.tenant, job.status), indexes.open_partitions(job.tenant)
    if job.status is JobStatus.SUCCEEDED:
        assert not {"not_succeeded", "tenant_job"} & item.keys()
    else:
        assert item["not_succeeded"] in (ended if job.finished else unfinished)
        assert item["tenant_job"] == f"{job.tenant}#{job.job_id}"


@given(jobs)
def test_schedule_reads_every_partition_of_unfinished_jobs(job: Job) -> None:
    assert set(indexes.open_partitions(job.tenant)) <= set(indexes.all_open_partitions())


@given(jobs)
def test_ttl_is_the_expiry(job: Job) -> None:
    assert items.job_to_item(job)["ttl"] == int(job.expires_at.timestamp())


@given(jobs)
def test_leases_are_settled_at_most_a_step_after_they_end(job: Job) -> None:
    item = items.job_to_item(job)
    assert ("settle_after" in item) == ("lease_expires_at" in item) == (job.lease_expires_at is not None)
    if job.lease_expires_at is not None:
        assert 0 <= item["settle_after"] - item["lease_expires_at"] < indexes.SETTLE_STEP_MS
        assert item["settle_after"] % indexes.SETTLE_STEP_MS == 0


def _as_steps_leave_it(job: Job) -> Job:
    """Return a finished job with the fields that the steps of a job always set."""
    at = job.completed_at or job.updated_at
    error = None if job.status is JobStatus.SUCCEEDED else job.error or ErrorInfo(ErrorCode.CANCELLED, "cancelled", {})
    return replace(job, completed_at=at, updated_at=at, error=error)


def _entry(job: Job) -> dict[str, Any]:
    """Return the job's entry in an index."""
    item = through_dynamodb(items.job_to_item(job))
    return {name: item[name] for name in (*indexes.ENTRY_ATTRIBUTES, "job_id") if name in item}


@given(jobs.filter(lambda job: job.finished).map(_as_steps_leave_it))
def test_entry_of_a_finished_job_shows_all_that_a_list_shows_unless_its_error_is_long(job: Job) -> None:
    is_long = "long_error" in items.job_to_item(job)
    assert items.job_from_entry(job.tenant, _entry(job)) == (None if is_long else listed(job))


@given(jobs.filter(lambda job: not job.finished))
def test_entry_of_an_unfinished_job_sends_its_reader_to_the_job(job: Job) -> None:
    assert items.job_from_entry(job.tenant, _entry(job)) is None


def test_long_error_is_stored_outside_the_entries() -> None:
    job = a_job(JobStatus.FAILED, error=ErrorInfo(ErrorCode.PLUGIN_EXCEPTION, "x" * 2000, {}))
    item = items.job_to_item(job)
    assert "error" not in item
    assert items.job_from_item(through_dynamodb(item)) == job
    assert "long_error" not in items.job_to_item(a_job(JobStatus.FAILED))


# An error is shown with the time of its job's end, so a job with an error needs one. Lists leave out input requests.
@given(jobs.filter(lambda job: job.error is None or job.completed_at is not None))
def test_list_shows_all_of_a_job_that_its_document_shows(job: Job) -> None:
    assert job_document(listed(job)) == {**job_document(job), "input_requests": None}


def test_jobs_spread_evenly_over_all_shards() -> None:
    counts = Counter(indexes.shard_of(str(ULID()), indexes.LIST_SHARDS) for _ in range(4000))
    assert set(counts) == set(range(indexes.LIST_SHARDS))
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
    name=st.none() | text,
    hint=st.none() | names,
    created_by=st.none() | names,
)


@given(keys)
def test_api_key_round_trips(key: ApiKey) -> None:
    assert access_items.api_key_from_item(through_dynamodb(access_items.api_key_to_item(key))) == key


finished = st.builds(
    JobSnapshot,
    job_id=ids,
    plugin=st.just("echo"),
    tool=st.just("say"),
    status=st.sampled_from(sorted(FINAL)),
    updated_at=moments,
    execution_time_ms=st.none() | milliseconds,
    error=st.none() | st.builds(ErrorInfo, st.sampled_from(ErrorCode), text, st.just({"reason": "no such model"})),
    fork_finding=st.none() | fork_findings,
)


# The times are unique: of two jobs that end simultaneously, neither would be the latest.
@given(st.lists(finished, max_size=20, unique_by=lambda job: job.updated_at), st.data())
def test_counters_in_an_item_equal_the_sum_of_the_changes_in_any_order(
    jobs: list[JobSnapshot], data: st.DataObject
) -> None:
    item: dict[str, Any] = {}
    for job in data.draw(st.permutations(jobs)):
        added = delta(None, job)
        assert added is not None
        sets = counter_items.latest_of(added, item)
        for name, value in counter_items.sums_of(added).items():
            item[name] = item.get(name, 0) + value
        item |= sets
    found = counter_items.counters_from_item(through_dynamodb(item))
    expected = ExecutionMetrics.sum(delta(None, job) or ExecutionMetrics() for job in jobs)
    assert abs(found.total_ms - expected.total_ms) < 0.001
    assert replace(found, total_ms=0) == replace(expected, total_ms=0)


@pytest.mark.parametrize("kind", [JobSnapshot, WatchedJob])
@given(jobs)
@example(a_job(JobStatus.FAILED, error=ErrorInfo(ErrorCode.PLUGIN_UNAVAILABLE, "x" * 2000, {"reason": "no model"})))
def test_snapshot_of_a_stored_job_has_its_fields(kind: Any, job: Job) -> None:
    image = {name: TypeSerializer().serialize(value) for name, value in items.job_to_item(job).items()}
    assert items.snapshot(kind, image) == kind(**{name: getattr(job, name) for name in kind.__struct_fields__})


@pytest.mark.parametrize("status", BatchStatus)
def test_snapshot_of_a_stored_batch_has_its_fields(status: BatchStatus) -> None:
    batch = a_batch(status, webhook=Webhook("https://example.com/"))
    image = {name: TypeSerializer().serialize(value) for name, value in batch_to_item(batch).items()}
    assert items.snapshot(WatchedBatch, image) == WatchedBatch("acme", batch.batch_id, status, batch.webhook)


@given(st.lists(st.integers(0, 10**40 - 1), min_size=2, max_size=5))
def test_sequence_numbers_are_stored_in_their_order(numbers: list[int]) -> None:
    assert sorted(map(counter_items.sequence_text, numbers)) == [
        counter_items.sequence_text(one) for one in sorted(numbers)
    ]
