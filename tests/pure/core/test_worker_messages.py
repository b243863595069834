"""The messages between the ToolRunner and worker processes."""

import functools
import json
import math
from collections.abc import Callable
from copy import replace
from typing import Any

import pytest

from interlock.domain.json_text import MAX_LEVELS
from interlock.tools.messages import (
    Answer,
    code_of,
    encode_answer,
    encode_request,
    parse_answer,
    parse_code,
    parse_request,
    parse_settings,
)
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.world import World
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


@pytest.mark.parametrize("settings", [None, {}, {"region": "eu-west-1"}])
def test_worker_process_gets_the_source_and_settings_of_its_plugin(harness: Harness, settings: Any) -> None:
    call = harness.call()
    request = code_of(call, settings).request
    assert (parse_code(request), parse_settings(request)) == (call.plugin.source, settings)


@pytest.mark.parametrize("fork_safe", [False, True])
def test_plugin_that_is_not_fork_safe_is_loaded_by_each_process(
    world_of: Callable[..., World], fork_safe: bool
) -> None:
    world = world_of(a_plugin("echo", a_tool("say"), fork_safe=fork_safe))
    world.execute()
    assert [run.code.fork_safe for run in world.sandbox.runs] == [fork_safe]


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
TOO_DEEP: list[Any] = functools.reduce(lambda inner, _: [inner], range(100_000), [])


@pytest.mark.parametrize(
    ("detail", "message"),
    [
        ({"n": math.nan}, "cannot be written as JSON: Out of range float values are not JSON compliant: nan"),
        (CYCLE, "cannot be written as JSON: Circular reference detected"),
        ({1, 2}, "cannot be written as JSON: Object of type set is not JSON serializable"),
        (TOO_DEEP, "is nested more than 200 levels deep"),
    ],
    ids=["NaN", "cycle", "set", "deep"],
)
def test_result_that_cannot_be_written_as_json_is_an_invalid_output(detail: Any, message: str) -> None:
    answer = parse_answer(encode_answer(Answer("succeeded", detail)))
    assert answer == Answer("invalid_output", [{"path": "", "message": message}])


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_number_that_json_cannot_express_is_refused_in_an_answer(number: str) -> None:
    with pytest.raises(ValueError, match=f"^{number} is not a JSON number$"):
        parse_answer(f'{{"verdict":"succeeded","detail":[{number}]}}'.encode())
