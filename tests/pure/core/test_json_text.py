"""Decoding of JSON and the garbage collector."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest

from interlock.domain.json_text import LARGE_CHARACTERS, decoded
from interlock.domain.strict_json import InvalidJson, parse_json
from interlock.tools.messages import parse_answer, parse_request

NESTED = "[" + ",".join(["[" * 100 + "]" * 100] * (LARGE_CHARACTERS // 100)) + "]"
ANSWER = f'{{"verdict": "succeeded", "detail": {NESTED}}}'.encode()


@pytest.fixture
def collections() -> Iterator[list[str]]:
    """Yield a list to which each garbage collection during the test appends its phases."""
    seen: list[str] = []

    def note(phase: str, _: object) -> None:
        seen.append(phase)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.unfreeze()


def test_large_answer_of_a_tool_is_parsed_without_collections(collections: list[str]) -> None:
    answer = parse_answer(ANSWER)
    assert len(answer.detail) == LARGE_CHARACTERS // 100
    assert collections == []


def test_worker_process_parses_its_request_without_collections(collections: list[str]) -> None:
    decode, during = json.JSONDecoder.decode, list[int]()

    def recorded(*given: Any) -> Any:
        value = decode(*given)
        during.append(len(collections))
        return value

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(json.JSONDecoder, "decode", recorded)
        parse_request(ANSWER)
    assert during == [0]
    assert gc.isenabled()


def test_collector_that_a_plugin_has_disabled_stays_disabled() -> None:
    gc.disable()
    try:
        parse_request(ANSWER)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_large_request_is_parsed_without_collections_of_its_values(collections: list[str]) -> None:
    parse_json(NESTED)
    frozen = gc.get_freeze_count()
    assert frozen > LARGE_CHARACTERS
    assert gc.isenabled()


def test_freed_values_are_not_frozen_any_more(collections: list[str]) -> None:
    document = decoded(json.loads, NESTED)
    frozen = gc.get_freeze_count()
    del document
    assert gc.get_freeze_count() <= frozen - LARGE_CHARACTERS


def test_collector_is_enabled_again_after_invalid_text(collections: list[str]) -> None:
    with pytest.raises(InvalidJson):
        parse_json(NESTED[:-1])
    assert gc.isenabled()


def test_disabled_collector_stays_disabled(collections: list[str]) -> None:
    gc.disable()
    try:
        assert decoded(json.loads, NESTED)
        assert not gc.isenabled()
        assert gc.get_freeze_count() == 0
    finally:
        gc.enable()
