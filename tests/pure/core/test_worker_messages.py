"""The messages between the ToolRunner and worker processes."""

import json
from copy import replace
from typing import Any

import pytest

from interlock.domain.json_text import MAX_LEVELS
from interlock.tools.messages import encode_request, parse_answer, parse_request
from tests.pure.core.runner_harness import Harness

DEEP = json.loads("[" * 199 + "]" * 199)
VALUES = {
    "whole number of more than 64 bits": 10**40,
    "largest whole number of 64 bits": 2**64 - 1,
    "negative number of more than 64 bits": -(2**63) - 1,
    "fraction": 0.1 + 0.2,
    "smallest fraction": 5e-324,
    "fraction that is a whole number": 1e22,
    "negative zero": -0.0,
    "text": 'ä 日本 \U0001f600 \0 \x7f \u2028 "\\',
    "lone surrogate": "\ud800",
    "nesting": DEEP,
    "other values": [None, True, False, {}, []],
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_worker_request_has_the_exact_input(harness: Harness, value: Any) -> None:
    call = replace(harness.call(), input={"value": value})

    received = parse_request(encode_request(call, "JOB"))["input"]["value"]

    assert repr(received) == repr(value)


NESTS = {"arrays": ("[", "]"), "objects": ('{"a":', "}"), "both": ('{"a":[', "]}")}


@pytest.mark.parametrize("kind", NESTS)
def test_result_may_be_nested_as_deep_as_a_request(kind: str) -> None:
    opening, closing = NESTS[kind]
    levels = MAX_LEVELS // len(closing)

    def answer(levels: int) -> bytes:
        inner = "null" if kind == "objects" else ""
        return f'{{"verdict":"succeeded","detail":{opening * levels}{inner}{closing * levels}}}'.encode()

    assert parse_answer(answer(levels)).verdict == "succeeded"
    with pytest.raises(RecursionError):
        parse_answer(answer(levels + 1))


def test_wide_result_is_not_deep() -> None:
    wide = ",".join(["[[],{}]"] * 2 * MAX_LEVELS)
    assert len(parse_answer(f'{{"verdict":"succeeded","detail":[{wide}]}}'.encode()).detail) == 2 * MAX_LEVELS
