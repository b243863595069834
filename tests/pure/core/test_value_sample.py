"""The bounded sample of a value, in which errors are searched for."""

from typing import Any

import pytest

from interlock.domain.value_sample import MAX_NODES, MAX_TEXT, MAX_WIDTH, Sample

LONG, LONGEST, TOO_LONG = "x" * (MAX_TEXT * 6 // 10), "x" * MAX_TEXT, "x" * (MAX_TEXT + 1)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"a": [1, {"b": None}], "c": "text"},
        list(range(MAX_NODES)),
        LONGEST,
        {LONGEST: 1},
        ["", LONGEST],
    ],
    ids=range(7),
)
def test_value_within_the_bounds_is_its_own_sample(value: Any) -> None:
    sample = Sample(value)
    assert (sample.value, sample.cut) == (value, set())


@pytest.mark.parametrize(
    ("value", "expected", "cut"),
    [
        (TOO_LONG, "", {()}),
        ([TOO_LONG, 1], ["", 1], {(), (0,)}),
        ([LONG, LONG, "short"], [LONG, "", "short"], {(), (1,)}),
        ({"a": {"b": TOO_LONG}, "c": [1]}, {"a": {"b": ""}, "c": [1]}, {(), ("a",), ("a", "b")}),
        ({LONG: 1, LONG + "y": 2}, {LONG: 1}, {()}),
        (list(range(MAX_NODES + 1)), list(range(MAX_WIDTH)), {()}),
        ([0, [TOO_LONG] * (MAX_WIDTH + 1)], [0, [""] * MAX_WIDTH], {(), (1,), *((1, n) for n in range(MAX_WIDTH))}),
    ],
    ids=range(7),
)
def test_sample_marks_cut_texts_and_containers_and_those_around_them(value: Any, expected: Any, cut: Any) -> None:
    sample = Sample(value)
    assert (sample.value, sample.cut) == (expected, cut)


def test_sample_has_a_bounded_number_of_nodes_of_the_upper_levels() -> None:
    sample = Sample([[[0] * 40 for _ in range(40)] for _ in range(40)]).value
    assert [len(row) for row in sample] == [MAX_WIDTH] * MAX_WIDTH
    cells = [len(cell) for row in sample for cell in row]
    assert cells[:4] == [MAX_WIDTH, MAX_WIDTH, MAX_NODES - MAX_WIDTH - 32 * MAX_WIDTH, 0]
    assert sum(cells) + MAX_WIDTH * MAX_WIDTH + MAX_WIDTH == MAX_NODES
