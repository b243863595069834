"""Compare published states with the counters that they are derived from."""

from typing import TYPE_CHECKING

from interlock.adapters.dynamo.counter_items import read_counters
from interlock.adapters.dynamo.states import PARTITION, StateReader, state_from_item
from interlock.domain.lifecycle import NOT_RUN, RunState, combined

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def assert_states_equal_counters(client: "DynamoDBClient", table: str, plugin: str) -> None:
    """Assert that the states of a plugin and of its tools are those of its counters. The published time of a
    success, or of a finding that a later one confirms, may be earlier."""
    counted = {tool: metrics.run_state for tool, metrics in read_counters(client, table, plugin).items()}
    published = _published(client, table, plugin)
    assert {tool: _without_times(one) for tool, one in published.items()} == {
        tool: _without_times(one) for tool, one in counted.items()
    }
    state, expected = StateReader(client, table).read().get(plugin, NOT_RUN), combined(counted.values())
    assert _without_times(state) == _without_times(expected)


def _published(client: "DynamoDBClient", table: str, plugin: str) -> dict[str, RunState]:
    answer = client.query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :plugin)",
        ExpressionAttributeValues={":pk": {"S": PARTITION}, ":plugin": {"S": f"{plugin}#"}},
    )
    return {item["sk"]["S"].partition("#")[2]: state_from_item(item) for item in answer["Items"]}


def _without_times(state: RunState) -> RunState:
    return state._replace(lifecycle_at=None, fork_finding_at=None)
