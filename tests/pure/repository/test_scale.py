"""The arithmetic of docs/scale.md: token buckets, first limits and costs. The page shows the computed values."""

import math
import re
from copy import replace

import pytest

from bench.scale import batches, costs, limits, page, prices, quotas
from bench.scale.buckets import TokenBucket
from bench.scale.jobs import ASYNC, HEARTBEAT_UNITS, HEARTBEAT_UNITS_BEFORE, KINDS, LONG, SHORT, Invocation, Kind
from bench.scale.quotas import DEFAULTS, RAISED, TENANTS
from interlock.adapters.dynamo import indexes
from interlock.adapters.dynamo.counter_items import checkpoint_name, sequence_text
from interlock.adapters.dynamo.states import state_item
from interlock.tools.messages import MAX_NAME
from tests.pure.repository.state_machines import BATCH
from tests.pure.repository.template import RESOURCES, TEMPLATE, properties

FUNCTIONS = {
    "announce_jobs": "AnnounceJobsFunction",
    "authorize": "AuthorizeFunction",
    "batches": "BatchesFunction",
    "execute": "ExecuteFunction",
    "jobs": "JobsFunction",
    "prepare_batch": "PrepareBatchFunction",
    "run_job": "RunJobFunction",
    "count_jobs": "CountJobsFunction",
    "send_webhook": "SendWebhookFunction",
}


def test_page_shows_the_computed_tables() -> None:
    text = page.PAGE.read_text()
    assert page.drawn(text, page.computed()) == text, "run make scale"
    assert set(re.findall(r"<!-- scale: (\w+) -->", text)) == {*page.TABLES, "simulation"}


def test_prose_of_the_page_quotes_computed_figures() -> None:
    prose = " ".join(page.PAGE.read_text().split())
    tenant = [_limit(kind, limits.TENANT, DEFAULTS) for kind in KINDS]
    late = _limit(SHORT, limits.COUNTERS, RAISED)
    environments = 10_000 * sum(one.occupied_s for one in SHORT.invocations)
    quotes = [
        f"run {tenant[0]:,.0f} short, {tenant[1]:,.0f} long or {tenant[2]:,.0f} asynchronous jobs a second",
        f"With {RAISED.partitions} partitions an update costs {limits.counter_units(RAISED)} units",
        f"beyond {late:,.0f} short runs a second they fall behind",
        f"10,000 short runs a second occupy {environments:,.0f} environments",
        f"{quotas.STAGE_RATE} requests a second, or Lambda's {quotas.CONCURRENCY.value:,.0f} concurrent executions",
        f"{quotas.STARTS.value:.0f} a second, after a burst of {quotas.STARTS.burst:,.0f}",
        f'"Now" is {SHORT.units}, {LONG.units} and {ASYNC.units} units, and {HEARTBEAT_UNITS} for a heartbeat',
        f"{SHORT.units_before} write units for a synchronous job",
        f"{ASYNC.units_before} for an asynchronous one, {HEARTBEAT_UNITS_BEFORE} for a heartbeat",
        f"shown for {costs.BUSY:.0f} jobs of one tool a second",
        f"{costs.LOGGED_REQUEST_KB} KB per request and {costs.LOGGED_RUN_KB:.0f} KB per run",
    ]
    assert [quote for quote in quotes if quote not in prose] == []


def _limit(kind: Kind, name: str, setting: quotas.Setting) -> float:
    return next(limit.rate for limit in limits.limits(kind, setting) if limit.name == name)


def test_empty_section_of_the_page_is_filled_and_others_kept() -> None:
    text = "<!-- scale: one -->\n<!-- end -->\n<!-- scale: two -->\nkept\n<!-- end -->\n"
    drawn = page.drawn(text, {"one": "computed\n"})
    assert drawn == "<!-- scale: one -->\n\ncomputed\n\n<!-- end -->\n<!-- scale: two -->\nkept\n<!-- end -->\n"


def test_numbers_of_the_design_match_template_and_code() -> None:
    parameters = TEMPLATE["Parameters"]
    assert parameters["StageRateLimit"]["Default"] == quotas.STAGE_RATE
    assert parameters["StageBurstLimit"]["Default"] == quotas.STAGE_BURST
    assert (indexes.LIST_SHARDS, indexes.OPEN_PARTITIONS) == (quotas.LIST_SHARDS, quotas.OPEN_PARTITIONS)
    source = RESOURCES["CountJobsEventSource"]["Properties"]
    assert source["BatchSize"] == quotas.BATCH_SIZE
    assert source["MaximumBatchingWindowInSeconds"] == quotas.WINDOW_S
    memory = {name: properties(resource)["MemorySize"] for name, resource in FUNCTIONS.items()}
    assert memory == quotas.MEMORY_MB
    assert len(RESOURCES["StateTable"]["Properties"]["GlobalSecondaryIndexes"]) == LONG.indexes == ASYNC.indexes


def test_checkpoint_has_the_size_that_is_calculated_with() -> None:
    name = checkpoint_name("shardId-00000001764400000000-0123abcd")
    text = sequence_text(123_456_789_012_345_678_901)
    assert len(name) + len(text) == pytest.approx(1_000 * quotas.CHECKPOINT_KB, rel=0.1)


def test_token_bucket_permits_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(300, 1_300)
    assert bucket.take(0, 1_300)
    assert not bucket.take(0, 1)
    assert bucket.take(1, 300)
    assert not bucket.take(1, 1)
    assert bucket.take(100, 1_300)


def test_token_bucket_reserves_in_order_of_arrival() -> None:
    bucket = TokenBucket(100)
    assert [bucket.reserve(0, 100) for _ in range(3)] == [0, 1, 2]
    assert bucket.reserve(0, 100, longest=2.5) == 3
    assert bucket.reserve(0, 50) == pytest.approx(2.5)


def test_invocation_occupies_an_environment_for_at_least_a_tenth_of_a_second() -> None:
    assert Invocation("jobs", 2, 0.01).occupied_s == pytest.approx(0.2)
    assert Invocation("jobs", 2, 1.5).occupied_s == 3


@pytest.mark.parametrize(
    ("kind", "setting", "name", "rate"),
    [
        (SHORT, DEFAULTS, limits.STAGE, 500),
        (LONG, DEFAULTS, limits.CONCURRENCY, 1_000 / 2.112),
        (ASYNC, DEFAULTS, limits.STAGE, 500 / 3),
        (ASYNC, replace(DEFAULTS, stage=5_000), limits.STARTS, 300),
        (SHORT, replace(RAISED, tools=1), limits.TENANT, 4_000),
        (SHORT, replace(TENANTS, tools=1), limits.SCALING, 1_000 / 0.112),
        (SHORT, TENANTS, limits.COUNTERS, 1_000 / 32 / 10 * 1_000),
    ],
)
def test_first_limit(kind: Kind, setting: quotas.Setting, name: str, rate: float) -> None:
    limit = limits.first(kind, setting)
    assert limit.name == name
    assert limit.rate == pytest.approx(rate)


def test_write_units_are_those_of_the_write_path() -> None:
    assert [kind.units for kind in KINDS] == [3, 8, 12]


def test_counters_cost_an_update_for_each_change_at_low_rates_and_little_at_high_rates() -> None:
    update = limits.counter_units(DEFAULTS)
    assert costs.counter_share(SHORT, 0.01) == update
    assert costs.counter_share(ASYNC, 0.01) == pytest.approx(2 * update)
    assert costs.counter_share(SHORT, 1_000) < 0.1


def test_states_cost_two_units_for_a_job_alone_and_nothing_for_many_or_short_ones() -> None:
    assert [costs.state_share(kind, 0.0) for kind in KINDS] == [0, 2, 2]
    assert costs.state_share(LONG, 1) == pytest.approx(2 * math.exp(-2))
    assert costs.state_share(ASYNC, 10) < 0.001


def test_partition_of_the_states_is_far_from_its_limit() -> None:
    rates = [hundredths / 100 for hundredths in range(1, 1_000)]
    busiest = max(rate * costs.state_share(kind, rate) for rate in rates for kind in KINDS)
    assert DEFAULTS.tools * busiest < 4 < quotas.WRITES.value / 100


def test_state_is_smaller_than_a_write_unit() -> None:
    verdict = {"in_flight": 1, "lifecycle": "UNAVAILABLE", "lifecycle_at": "t" * 27, "reason": "r" * 1_000}
    found = {"fork_finding": {"version": "v" * 50, "reason": "r" * MAX_NAME}, "fork_finding_at": "t" * 27}
    assert math.ceil((len(str(state_item({**verdict, **found}))) + 200) / 1_024) == costs.STATE_UNITS


def test_parts_of_the_cost_follow_from_the_prices() -> None:
    assert costs.parts(SHORT)["table writes"] == pytest.approx(3 * 0.625)
    assert costs.parts(SHORT, before=True)["table writes"] == pytest.approx(24 * 0.625)
    assert costs.parts(ASYNC)["workflow"] == pytest.approx(prices.TRANSITION.usd)
    assert costs.parts(SHORT)["workflow"] == 0
    assert all(costs.parts(kind).keys() == costs.parts(kind, before=True).keys() for kind in KINDS)
    assert all(sum(costs.parts(kind).values()) < sum(costs.parts(kind, before=True).values()) for kind in KINDS)


def test_numbers_of_batches_match_template_and_workflow() -> None:
    parameters = TEMPLATE["Parameters"]
    assert parameters["BatchMaxItems"]["Default"] == batches.BATCH_ITEMS
    assert parameters["BatchMaxConcurrency"]["Default"] == batches.BATCH_CONCURRENCY
    assert parameters["BatchDefaultConcurrency"]["Default"] == batches.DEFAULT_CONCURRENCY
    child = BATCH["States"]["RunItems"]["ItemProcessor"]
    name, passed = child["StartAt"], 1
    while not child["States"][name].get("End"):
        state = child["States"][name]
        name, passed = state.get("Next") or state["Default"], passed + 1
    assert passed == batches.ITEM_TRANSITIONS


def test_times_of_many_items_follow_from_the_first_limits() -> None:
    assert batches.batches_s(10_000) == pytest.approx(15 + 10_000 / 300)
    assert batches.batches_s(10_000, 10) == pytest.approx(15 + 10_000 * 2.012 / 10)
    assert batches.jobs_s(1_000_000) == pytest.approx(1_000_000 / (500 / 3))
    # The formulas for the ramp and for the time after it agree where the ramp ends.
    ramp_s = (1_000 - 5) / 5
    at_end = (5 * ramp_s + 5 * ramp_s**2 / 2) / 2.012
    assert batches.messages_s(int(at_end)) == pytest.approx(ramp_s, rel=1e-3)
    assert batches.messages_s(int(at_end) + 497) == pytest.approx(ramp_s + 1, rel=1e-3)


def test_ways_to_run_many_items_differ_in_their_start_only() -> None:
    jobs = batches.as_jobs()
    assert sum(jobs.values()) == pytest.approx(sum(costs.parts(ASYNC).values()))
    for other in (batches.as_batches(), batches.as_messages()):
        assert {part for part in jobs if jobs[part] != other.get(part)} <= {"table reads", "start", "requests"}


def test_sources_of_limits_and_prices_are_pages_of_aws() -> None:
    sources = {one.source for one in (*quotas.PUBLISHED, *prices.ALL)}
    assert all(
        re.match(r"https://(docs\.aws\.amazon\.com|aws\.amazon\.com|repost\.aws)/", source) for source in sources
    )
