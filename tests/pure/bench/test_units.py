"""Units by DynamoDB's documented rules, on a table in memory."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bench.units import Units, size

KEYS_ONLY = {"ProjectionType": "KEYS_ONLY"}


class Table:
    """A table with the key `pk` and `sk`, and an index by `color`."""

    def __init__(self, projection: Mapping[str, Any] = KEYS_ONLY) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        index = {"KeySchema": [{"AttributeName": "color"}, {"AttributeName": "sk"}], "Projection": projection}
        self.description = {
            "KeySchema": [{"AttributeName": "pk"}, {"AttributeName": "sk"}],
            "GlobalSecondaryIndexes": [index],
        }
        self.units = Units(self.call)

    def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if operation == "DescribeTable":
            return {"Table": self.description}
        if operation == "Query":
            assert "FilterExpression" not in request
            assert "ExpressionAttributeValues" not in request or ":wanted" not in request["ExpressionAttributeValues"]
            return {"Items": list(self.items.values())}
        found = self.items.get(request["Key"]["pk"]["S"])
        return {"Item": copy.deepcopy(found)} if found else {}

    def put(self, item: dict[str, Any], *, transaction: bool = False) -> float:
        request: dict[str, Any] = {"TableName": "table", "Item": item}
        if not transaction:
            return self.perform("PutItem", request, lambda: self._keep(item))
        return self.perform("TransactWriteItems", {"TransactItems": [{"Put": request}]}, lambda: self._keep(item))

    def _keep(self, item: dict[str, Any]) -> None:
        self.items[item["pk"]["S"]] = item

    def perform(self, operation: str, request: Mapping[str, Any], act: Callable[[], None] = lambda: None) -> float:
        return self.units.of(operation, request, act)[1]

    def reads(self, operation: str, request: Mapping[str, Any]) -> float:
        return self.units.of(operation, request, lambda: None)[0]


def an_item(padding: int = 0, **attributes: str) -> dict[str, Any]:
    plain = {"pk": "one", "sk": "JOB", "text": "x" * padding, **attributes}
    return {name: {"S": value} for name, value in plain.items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"S": "äb"}, 3),
        ({"N": "-12.50"}, 3),
        ({"N": "0"}, 1),
        ({"B": "AAEC"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"L": [{"S": "ab"}, {"NULL": True}]}, 8),
        ({"M": {"ab": {"S": "cd"}}}, 8),
        ({"SS": ["ab", "cde"]}, 5),
    ],
)
def test_size_of_a_value_follows_the_documentation(value: dict[str, Any], expected: int) -> None:
    assert size({"name": value}) == len("name") + expected


def test_write_counts_each_started_kibibyte() -> None:
    assert Table().put(an_item(padding=100)) == 1
    assert Table().put(an_item(padding=1100)) == 2


def test_larger_of_old_and_new_item_counts() -> None:
    table = Table()
    table.put(an_item(padding=3000))
    assert table.put(an_item()) == 3


def test_transaction_counts_twice() -> None:
    assert Table().put(an_item(), transaction=True) == 2


def test_new_index_entry_costs_a_unit() -> None:
    assert Table().put(an_item(color="red")) == 2


def test_unchanged_index_entry_costs_nothing() -> None:
    table = Table()
    table.put(an_item(color="red"))
    assert table.put(an_item(padding=10, color="red")) == 1


def test_changed_projected_attribute_costs_a_unit() -> None:
    table = Table({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["text"]})
    table.put(an_item(color="red"))
    assert table.put(an_item(padding=10, color="red")) == 2


def test_moved_index_entry_costs_a_removal_and_an_entry() -> None:
    table = Table()
    table.put(an_item(color="red"))
    assert table.put(an_item(color="blue")) == 3


def test_removed_index_entry_costs_a_unit() -> None:
    table = Table()
    table.put(an_item(color="red"))
    assert table.put(an_item()) == 2


def test_failed_condition_counts_the_item_that_is_there() -> None:
    table = Table()
    table.put(an_item(padding=2000, color="red"))
    assert table.perform("PutItem", {"TableName": "table", "Item": an_item()}) == 2


def test_consistent_read_counts_twice_as_much_as_an_eventual_one() -> None:
    table = Table()
    table.put(an_item(padding=5000))
    key = {"TableName": "table", "Key": {"pk": {"S": "one"}, "sk": {"S": "JOB"}}}
    assert table.reads("GetItem", key) == 1
    assert table.reads("GetItem", key | {"ConsistentRead": True}) == 2


def test_query_counts_what_its_filter_removes() -> None:
    table = Table()
    table.put(an_item(padding=9000))
    query = {
        "TableName": "table",
        "KeyConditionExpression": "pk = :p",
        "FilterExpression": "color = :wanted",
        "ExpressionAttributeValues": {":p": {"S": "one"}, ":wanted": {"S": "red"}},
    }
    assert table.reads("Query", query) == 1.5


def test_batch_counts_each_item_alone() -> None:
    table = Table()
    table.put(an_item())
    keys = [{"pk": {"S": name}, "sk": {"S": "JOB"}} for name in ("one", "other")]
    assert table.reads("BatchGetItem", {"RequestItems": {"table": {"Keys": keys, "ConsistentRead": True}}}) == 2
