"""Publish the lifecycle states of tools for the list of plugins.

A state is a small item, derived from the counters of its tool. It is written after them, and only if they show another
state than before. The number of updates of the counters is its version: a slower writer never replaces a newer state,
and a repeated batch publishes a state that a killed function did not publish.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.adapters.dynamo import counter_items, states
from interlock.adapters.dynamo.attributes import deserialized, serialized
from interlock.domain.lifecycle import LifecycleState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Clauses of a condition by name.
OLDER_VERSION = "(attribute_not_exists(#version) OR #version < :version)"
NO_LATER_RIVAL = "(attribute_not_exists(#rival_at) OR #rival_at < :rival_at)"


class StatePublisher:
    """Writes the states that follow from counter items.

    The state of a plugin follows from the latest verdict on one of its tools. As a success after another success is not
    published, the published time of a success may be too early. This matters only if another tool has failed since, so
    counters contain the latest failure of the plugin's other tools (`rival_at`), and the first success after it is
    published.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def publish(self, tool: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Publish the state of a tool if its counters show another one than before. `tool` is the sort key of the
        counters; empty `before` publishes in any case."""
        if "updates" in before and _shown(before) == _shown(after):
            return
        self._put(tool, after)
        if "updates" not in before or _failed(after):
            self._meet_others(tool, after)

    def _put(self, tool: str, counters: Mapping[str, Any]) -> None:
        values = {"version": counters["updates"], **states.state_item(counters)}
        with translated("table"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=serialized({"pk": states.PARTITION, "sk": tool, **values}),
                    ConditionExpression=OLDER_VERSION,
                    ExpressionAttributeNames={"#version": "version"},
                    ExpressionAttributeValues=serialized({":version": values["version"]}),
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise

    def _meet_others(self, tool: str, counters: Mapping[str, Any]) -> None:
        """Store a failure of this tool in the counters of the plugin's other tools, and their latest one in its own."""
        found = counter_items.read_items(self._client, self._table, tool.partition("#")[0])
        others = [item for item in found if item["sk"] != tool]
        for other in others:
            if _failed(counters):
                self._meet(other["sk"], counters["lifecycle_at"])
        if failures := [other["lifecycle_at"] for other in others if _failed(other)]:
            self._meet(tool, max(failures))

    def _meet(self, tool: str, failed_at: str) -> None:
        """Store a failure of another tool in a tool's counters. Publish its state unless its verdict is older."""
        with translated("table"):
            try:
                answer: Any = self._client.update_item(
                    TableName=self._table,
                    Key=serialized({"pk": counter_items.PARTITION, "sk": tool}),
                    UpdateExpression="SET #rival_at = :rival_at ADD #updates :one",
                    ConditionExpression=NO_LATER_RIVAL,
                    ExpressionAttributeNames={"#rival_at": "rival_at", "#updates": "updates"},
                    ExpressionAttributeValues=serialized({":rival_at": failed_at, ":one": 1}),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
                item = deserialized(answer["Attributes"])
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                item = deserialized(error.response.get("Item", {}))  # type: ignore[arg-type]  # unknown there
        if item.get("lifecycle_at", "") >= failed_at:
            self._put(tool, item)


def _failed(counters: Mapping[str, Any]) -> bool:
    return counters.get("lifecycle") not in {None, LifecycleState.INITIALIZED}


def _shown(counters: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the parts of a state that are published when they change. The time of a success is not one of them, only
    whether it follows the latest failure of another tool; nor is the time of a finding."""
    at = counters.get("lifecycle_at", "")
    moment = at if _failed(counters) else at >= counters.get("rival_at", "")
    running, *shown = counters.get("in_flight", 0) > 0, *map(counters.get, ("lifecycle", "reason", "fork_finding"))
    return running, *shown, moment
