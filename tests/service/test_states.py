"""Publish and read the states of all plugins."""

import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from ulid import ULID

from interlock.adapters.dynamo.attributes import serialized
from interlock.adapters.dynamo.counter_items import read_counters
from interlock.adapters.dynamo.counters import DynamoCounters
from interlock.adapters.dynamo.states import PARTITION, StateReader
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics
from interlock.ports import CountedChange
from tests.fakes.outside import NOON
from tests.service.clients import LosesAnswer
from tests.service.conftest import Table
from tests.service.states import assert_states_equal_counters

SHARDS = [f"shardId-0000000179534160000{n}-f35f62ef" for n in range(4)]
INITIALIZED, FAILED = LifecycleState.INITIALIZED, LifecycleState.FAILED


def verdict(second: int, state: LifecycleState = INITIALIZED, in_flight: int = 0) -> CountedChange:
    """Return the change of a job that ended at this second and put its tool into this state."""
    at = NOON + timedelta(seconds=second)
    change = ExecutionMetrics(executed=1, in_flight=in_flight, lifecycle=state, lifecycle_at=at, as_of=at)
    return CountedChange(second, change)


def count(table: Table, plugin: str, tool: str, *changes: CountedChange, shard: str = SHARDS[0]) -> None:
    DynamoCounters(table.client, table.name).add((plugin, tool), shard, changes)


def state(table: Table, plugin: str) -> LifecycleState:
    return StateReader(table.client, table.name).read()[plugin].state


@contextmanager
def requests(table: Table) -> Iterator[list[str]]:
    """Record the requests to the table."""
    made: list[str] = []
    events, name = table.client.meta.events, f"requests-{ULID()}"
    events.register("before-call.dynamodb", lambda model, **_: made.append(model.name), unique_id=name)
    yield made
    events.unregister("before-call.dynamodb", unique_id=name)


# --- Writing ---


def test_success_after_a_success_is_not_published(table: Table, plugin: str) -> None:
    count(table, plugin, "say", verdict(1))
    with requests(table) as made:
        count(table, plugin, "say", verdict(2))
    assert made == ["UpdateItem"]


def test_start_and_end_of_a_run_are_published(table: Table, plugin: str) -> None:
    count(table, plugin, "say", verdict(1))
    count(table, plugin, "say", CountedChange(2, ExecutionMetrics(in_flight=1)))
    assert state(table, plugin) is LifecycleState.RUNNING
    count(table, plugin, "say", verdict(3, FAILED, in_flight=-1))
    assert state(table, plugin) is FAILED


def test_success_of_another_tool_ends_a_failure(table: Table, plugin: str) -> None:
    count(table, plugin, "say", verdict(1))
    count(table, plugin, "shout", verdict(2, FAILED))
    assert state(table, plugin) is FAILED
    count(table, plugin, "say", verdict(3))
    assert state(table, plugin) is INITIALIZED
    with requests(table) as made:
        count(table, plugin, "say", verdict(4))
    assert made == ["UpdateItem"]


def test_failure_that_is_counted_late_does_not_replace_a_later_success(table: Table, plugin: str) -> None:
    count(table, plugin, "say", verdict(1))
    count(table, plugin, "say", verdict(3))
    count(table, plugin, "shout", verdict(2, FAILED))
    assert state(table, plugin) is INITIALIZED


def test_success_of_a_tool_that_is_counted_after_the_failure_of_another_ends_it(table: Table, plugin: str) -> None:
    count(table, plugin, "shout", verdict(2, FAILED))
    count(table, plugin, "say", verdict(1))
    assert state(table, plugin) is FAILED
    count(table, plugin, "say", verdict(3))
    assert state(table, plugin) is INITIALIZED


@pytest.mark.parametrize("operation", ["UpdateItem", "PutItem"])
def test_lost_response_does_not_prevent_publishing(table: Table, plugin: str, operation: str) -> None:
    with LosesAnswer(table.client, operation) as lost:
        count(table, plugin, "say", verdict(1))
    assert lost.seen == 2
    assert_states_equal_counters(table.client, table.name, plugin)


def test_concurrent_consumers_publish_what_the_counters_show(table: Table, plugin: str) -> None:
    chosen = random.Random(plugin)
    by_shard = {
        shard: [(chosen.choice(["say", "shout"]), chosen.choice([INITIALIZED, FAILED])) for _ in range(12)]
        for shard in SHARDS
    }

    def consume(shard: str) -> None:
        for number, (tool, lifecycle) in enumerate(by_shard[shard]):
            second = 1 + number * len(SHARDS) + SHARDS.index(shard)
            count(table, plugin, tool, verdict(second, lifecycle), shard=shard)

    with ThreadPoolExecutor(len(SHARDS)) as pool:
        list(pool.map(consume, SHARDS))
    assert sum(one.executed for one in read_counters(table.client, table.name, plugin).values()) == 48
    assert_states_equal_counters(table.client, table.name, plugin)


# --- Reading ---


def test_states_are_the_same_mapping_until_one_changes(table: Table, plugin: str) -> None:
    count(table, plugin, "say", verdict(1))
    reader = StateReader(table.client, table.name)
    first = reader.read()
    count(table, plugin, "say", verdict(2))
    assert reader.read() is first
    count(table, plugin, "say", verdict(3, FAILED))
    assert reader.read() is not first
    assert reader.read()[plugin].state is FAILED


def test_states_of_a_thousand_plugins_with_32_checkpoints_are_read_in_at_most_three_calls(
    table: Table, plugin: str
) -> None:
    count(table, plugin, "say", verdict(1))
    for number in range(32):
        shard = f"shardId-000000017953416{number:05}-f35f62ef"
        count(table, plugin, "say", CountedChange(1, ExecutionMetrics(in_flight=0)), shard=shard)
    [item] = table.client.query(
        TableName=table.name,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :plugin)",
        ExpressionAttributeValues=serialized({":pk": PARTITION, ":plugin": f"{plugin}#"}),
    )["Items"]
    copies = (item | serialized({"sk": f"{plugin}_{number}#say"}) for number in range(999))
    for batch in itertools.batched(copies, 25, strict=False):
        table.client.batch_write_item(RequestItems={table.name: [{"PutRequest": {"Item": one}} for one in batch]})
    with requests(table) as made:
        found = StateReader(table.client, table.name).read()
    assert sum(name.startswith(plugin) for name in found) == 1000
    assert set(made) == {"Query"}
    assert len(made) <= 3
