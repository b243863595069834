"""JSON that is small to send but expensive to parse, or that parsers interpret differently."""

import time
from collections.abc import Callable

import pytest

from tests.fakes.world import Answer, World
from tests.pure.security.answers import check_hidden

SMALL_LIMIT_S = 5.0
"""A limit far above the processor time of any of these requests, and far below that of exponential parsing."""


@pytest.fixture
def send(world: World) -> Callable[[str], Answer]:
    def _send(text: str) -> Answer:
        began = time.process_time()
        answer = check_hidden(world.request("POST", "/v1/execute", text=text))
        assert time.process_time() - began < SMALL_LIMIT_S
        return answer

    return _send


def with_input(input: str) -> str:
    return '{"plugin": "echo", "tool": "take", "input": ' + input + "}"


BOMBS = {
    "a million lists in each other": with_input('{"x": ' + "[" * 10**6 + "]" * 10**6 + "}"),
    "a million objects in each other": with_input('{"x":' * 10**6 + "1" + "}" * 10**6),
    "unclosed lists": with_input('{"x": ' + "[" * 10**6),
    "a number of a million digits": with_input('{"n": ' + "9" * 10**6 + "}"),
    "a fraction of a million digits to the largest power": with_input('{"n": 1.' + "0" * 10**6 + "e9999999999}"),
    "a number beyond all doubles": with_input('{"n": 1e400}'),
    "a number before all doubles": with_input('{"n": -1e400}'),
    "not a number": with_input('{"n": NaN}'),
    "infinite": with_input('{"n": Infinity}'),
    "half of a surrogate pair": with_input('{"n": "\\ud800"}'),
    "half of a surrogate pair as a name": with_input('{"\\udc00": 1}'),
    "two documents": with_input("{}") + with_input("{}"),
    "a byte-order mark": "\ufeff" + with_input("{}"),
    "a comment": with_input("{} /* nothing */"),
    "a control character in a string": with_input('{"n": "\x01"}'),
}


@pytest.mark.parametrize("name", BOMBS)
def test_json_bomb_is_refused_quickly(send: Callable[[str], Answer], name: str) -> None:
    answer = send(BOMBS[name])
    assert (answer.status, answer.error["code"]) == (400, "invalid_request")


LARGE = {
    "a hundred thousand fields": with_input("{" + ",".join(f'"f{n}":{n}' for n in range(100_000)) + "}"),
    "a long string of escapes": with_input('{"n": "' + "\\u00e4" * 200_000 + '"}'),
    "numbers at the limits of doubles": with_input('{"a": 1e308, "b": 5e-324, "c": -0.0, "d": 9007199254740993}'),
    "names with a meaning in JavaScript or Python": with_input(
        '{"__proto__": 1, "constructor": 2, "__class__": 3, "": 4}'
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_or_unusual_json_is_accepted(send: Callable[[str], Answer], name: str) -> None:
    assert send(LARGE[name]).status == 200


def test_number_of_reported_errors_is_bounded(send: Callable[[str], Answer]) -> None:
    many = ",".join(f'"f{n}":{n}' for n in range(50_000))
    answer = send('{"plugin": "echo", "tool": "say", "input": {' + many + "}}")
    assert (answer.status, answer.error["code"]) == (400, "invalid_input")
    assert len(answer.error["details"]["errors"]) <= 20


def test_last_of_duplicate_names_wins_everywhere(world: World) -> None:
    # RFC 8259, section 4, leaves this open. A request is parsed once, so all code sees the same values.
    text = '{"plugin": "nobody", "plugin": "echo", "input": {"text": 7}, "tool": "say", "input": {"text": "b"}}'
    answer = world.request("POST", "/v1/execute", text=text)
    assert (answer.status, answer.body["plugin"], answer.body["result"]) == (200, "echo", {"text": "b"})
