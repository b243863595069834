"""Random operations on a table, for tests that compare two ways to answer them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

type Json = dict[str, Any]
type Operation = tuple[str, Any]

KEYS = [{"PK": {"S": partition}, "SK": {"S": sort}} for partition in ("p", "q", "r") for sort in ("1", "2", "10")]
CONDITIONS = [{}, *({"ConditionExpression": f"attribute_{way}(PK)"} for way in ("exists", "not_exists"))]
SET = {
    "UpdateExpression": "SET G = :g ADD N :one",
    "ExpressionAttributeValues": {":g": {"S": "g"}, ":one": {"N": "1"}},
}
SET_DEEP = {
    "UpdateExpression": "SET D.L[1] = :v, N = if_not_exists(N, :zero) + :one",
    "ExpressionAttributeValues": {":v": {"M": {"x": {"S": "y"}}}, ":zero": {"N": "0"}, ":one": {"N": "1"}},
}
ADD_TO_SET = {"UpdateExpression": "ADD D :more", "ExpressionAttributeValues": {":more": {"SS": ["c"]}}}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
REMOVE = {"UpdateExpression": "REMOVE #d", "ExpressionAttributeNames": {"#d": "D"}}


def writes() -> st.SearchStrategy[Json]:
    lacking = keys().map(lambda key: {"Delete": {"Key": {"PK": key["PK"]}}})
    check = keys().map(lambda key: {"ConditionCheck": {"Key": key, **CONDITIONS[1]}})
    return st.one_of(
        puts().map(lambda put: {"Put": put}),
        puts().map(lambda put: {"Put": put}),
        updates().map(lambda update: {"Update": update}),
        deletes().map(lambda delete: {"Delete": delete}),
        check,
        lacking,
    )


def single_writes() -> st.SearchStrategy[Operation]:
    batch = st.dictionaries(st.sampled_from(range(len(KEYS))), st.none() | rows(), min_size=1, max_size=4)
    by_statement = keys().map(lambda key: f"UPDATE t SET G='h' WHERE PK='{key['PK']['S']}' AND SK='{key['SK']['S']}'")
    return st.one_of(
        st.tuples(st.just("PutItem"), puts()),
        st.tuples(st.just("UpdateItem"), updates()),
        st.tuples(st.just("DeleteItem"), deletes()),
        st.tuples(st.just("BatchWriteItem"), batch),
        st.tuples(st.just("ExecuteStatement"), by_statement),
    )


def keys() -> st.SearchStrategy[Json]:
    return st.sampled_from(KEYS)


def puts() -> st.SearchStrategy[Json]:
    conditions = st.sampled_from(CONDITIONS)
    return st.builds(lambda key, row, condition: {"Item": {**key, **row}, **condition}, keys(), rows(), conditions)


def updates() -> st.SearchStrategy[Json]:
    changes, conditions = st.sampled_from([SET, SET_DEEP, ADD_TO_SET, REMOVE]), st.sampled_from(CONDITIONS)
    return st.builds(lambda key, change, condition: {"Key": key, **change, **condition}, keys(), changes, conditions)


def deletes() -> st.SearchStrategy[Json]:
    conditions = st.sampled_from(CONDITIONS)
    return st.builds(lambda key, condition: {"Key": key, **condition}, keys(), conditions)


def rows() -> st.SearchStrategy[Json]:
    deep = st.sampled_from([{"M": {"L": {"L": [{"B": b"b"}, {"NULL": True}]}}}, {"SS": ["a", "b"]}, {"BS": [b"\xff"]}])
    number = st.integers(0, 9).map(lambda n: {"N": str(n)})
    return st.one_of(
        st.fixed_dictionaries({"N": number, "G": ONE_G, "R": ONE_R}, optional={"D": deep}),
        st.fixed_dictionaries({"N": number}, optional={"G": ONE_G, "R": ONE_R, "D": deep}),
    )


ONE_G = st.sampled_from([{"S": one} for one in "ggh"])
ONE_R = st.sampled_from([{"S": one} for one in ("a", "ab", "b", "c", "é")])


def queries() -> st.SearchStrategy[Json]:
    page = {"ScanIndexForward": st.booleans()}
    optional = {
        "Limit": st.integers(1, 4),
        "ProjectionExpression": st.just("PK, N"),
        "FilterExpression": st.just("attribute_exists(D)"),
    }
    of_table = {
        "KeyConditionExpression": st.just("PK = :k AND SK >= :s"),
        "ExpressionAttributeValues": st.sampled_from("pqrs").map(lambda k: {":k": {"S": k}, ":s": {"S": "10"}}),
    }
    of_index = st.builds(
        lambda index, g, condition, bounds, page: {
            "IndexName": index,
            "KeyConditionExpression": "G = :g" + (condition if index != "by-g-alone" else ""),
            "ExpressionAttributeValues": {
                ":g": g, **{name: bounds[name] for name in (":a", ":b") if name in condition and index != "by-g-alone"}
            },
            **page,
        },
        st.sampled_from(["by-g", "by-g", "by-g", "by-g-alone", "none"]),
        ONE_G,
        st.sampled_from(RANGES),
        st.fixed_dictionaries({":a": ONE_R, ":b": ONE_R}),
        st.fixed_dictionaries(page, optional=optional),
    )  # fmt: skip
    return st.one_of(st.fixed_dictionaries({**of_table, **page}, optional=optional), of_index, of_index)


RANGES = ["", *[" AND R BETWEEN :a AND :b"] * 3, " AND R >= :a", " AND begins_with(R, :a)", " AND N = :a"]


LISTS: Sequence[Json] = [
    {
        "IndexName": "by-g",
        "KeyConditionExpression": f"G = :g{condition}",
        "ExpressionAttributeValues": {":g": {"S": "g"}, **bounds},
        "Limit": limit,
        "ScanIndexForward": forward,
    }
    for limit in (1, 2)
    for forward in (True, False)
    for condition, bounds in [("", {}), (" AND R BETWEEN :a AND :b", {":a": {"S": "ab"}, ":b": {"S": "b"}})]
]
"""Pages of an index."""


def operations() -> st.SearchStrategy[list[Operation]]:
    """A table with some rows, and operations on it."""
    content = st.fixed_dictionaries({number: rows() for number in range(len(KEYS))})
    query = st.tuples(st.just("Query"), queries())
    transaction = st.tuples(st.just("TransactWriteItems"), st.lists(writes(), min_size=1, max_size=4))
    following = st.lists(st.one_of(transaction, single_writes(), query, query), min_size=2, max_size=12)
    return st.builds(
        # The first query creates the entries of the indexes, which the following writes change.
        lambda content, following: [("BatchWriteItem", content), ("Query", LISTS[0]), *following],
        content,
        following,
    )
