"""The lifecycle states of all tools, as the list of plugins reads them: one small item per plugin and tool.

An item has about 120 bytes, so one query reads 8,000 of them. `interlock.adapters.dynamo.state_publisher` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from interlock.adapters.aws import translated
from interlock.adapters.dynamo.attributes import Item, deserialized, from_time, present, serialized
from interlock.adapters.dynamo.fields import decoded
from interlock.adapters.unparsed import UnparsedQueries
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.lifecycle import LifecycleState, RunState, combined

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION = "STATES"

REASON_LENGTH = 100
"""Characters of a reason in the list. Health shows all of it."""

_VERDICTS: Mapping[str, LifecycleState] = {state.value: state for state in LifecycleState}


def state_item(counters: Mapping[str, Any]) -> Item:
    """Return the attributes of a tool's state. The values that every tool has share one attribute, which is faster to
    read than several. `fork_finding` is rare."""
    found = {name: counters.get(name) for name in ("fork_finding", "fork_finding_at")}
    return {"state": _state_text(counters), **present(found)}


def _state_text(counters: Mapping[str, Any]) -> str:
    running = int(counters.get("in_flight", 0) > 0)
    verdict, at, reason = (counters.get(name) or "" for name in ("lifecycle", "lifecycle_at", "reason"))
    return f"{running} {verdict} {at} {reason[:REASON_LENGTH]}"


def state_from_item(item: Mapping[str, Any]) -> RunState:
    """Return the state of a tool from its item in DynamoDB's own form."""
    running, lifecycle, at, reason = item["state"]["S"].split(" ", 3)
    state = RunState(running == "1", _VERDICTS.get(lifecycle), from_time(at), reason or None)
    if "fork_finding" not in item:
        return state
    found = deserialized({name: item[name] for name in ("fork_finding", "fork_finding_at")})
    return state._replace(
        fork_finding=decoded(ForkFinding, found["fork_finding"]), fork_finding_at=from_time(found["fork_finding_at"])
    )


class StateReader:
    """Reads the states of all plugins."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._unparsed = UnparsedQueries(client)
        self._pages: list[Any] = []
        self._states: Mapping[str, RunState] = {}

    def read(self) -> Mapping[str, RunState]:
        """Return the states by plugin. While no state changes, this is the same mapping."""
        with translated("table"), self._unparsed:
            answers = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=serialized({":pk": PARTITION}),
                ExpressionAttributeNames={"#state": "state"},
                ProjectionExpression="sk, #state, fork_finding, fork_finding_at",
            )
            pages = [answer["Items"] for answer in answers]
        if len(pages) != len(self._pages) or any(new is not old for new, old in zip(pages, self._pages, strict=True)):
            self._states = by_plugin(item for page in pages for item in page)
            self._pages = pages
        return self._states


def by_plugin(items: Iterable[Mapping[str, Any]]) -> dict[str, RunState]:
    """Return the states of plugins from items in DynamoDB's own form, in the order of their keys."""
    found: dict[str, RunState] = {}
    for item in items:
        plugin = item["sk"]["S"].partition("#")[0]
        state = state_from_item(item)
        found[plugin] = combined((found[plugin], state)) if plugin in found else state
    return found
