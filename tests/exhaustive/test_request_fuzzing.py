"""Every field, parameter and header of every route, fuzzed."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.world import Answer, World
from tests.pure.security.answers import check, check_hidden
from tests.volume import volume

MANY = settings(max_examples=volume(sample=60, full=300))
KNOWN_JOB = "01J00000000000000000000000"

ODD_NAMES = ["", " ", "\0", "\ufeff", "\u202eecho", "\uff45cho", "e\u0301cho", "ECHO", "echo\n", "../echo", "echo#say"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(ODD_NAMES)
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
latin = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One world for all examples: no example may affect the next."""
    anything = {"type": "object"}
    tools = (a_tool("say"), a_tool("take", input_schema=anything, output_schema=anything))
    return World(tmp_path_factory.mktemp("world"), a_plugin("echo", *tools), a_broken_plugin())


def execute(world: World, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return world.request("POST", "/v1/execute", body, headers=headers)


def valid() -> dict[str, Any]:
    return {"plugin": "echo", "tool": "say", "input": {"text": "hello"}, "timeout_s": 5}


@MANY
@given(body=json_values.filter(lambda value: value is not None))
def test_any_json_request_gets_a_documented_response(world: World, body: Any) -> None:
    assert check(execute(world, body)).status == 400


@MANY
@given(field=st.sampled_from(["plugin", "tool", "input", "timeout_s", "more"]), value=json_values)
@example(field="plugin", value={".py": None})
def test_any_json_in_any_field_gets_a_documented_response(world: World, field: str, value: Any) -> None:
    answer = check_hidden(execute(world, valid() | {field: value}), sent=value)
    if answer.status == 200:
        assert answer.body["plugin"] == "echo"
        assert answer.body["tool"] == "say"


@MANY
@given(input=st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_any_input_object_is_returned_unchanged(world: World, input: dict[str, Any]) -> None:
    answer = check(execute(world, {"plugin": "echo", "tool": "take", "input": input}))
    assert answer.status == 200, answer.body
    assert answer.body["result"] == json.loads(json.dumps(input))


@MANY
@given(text=st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_as_a_body_get_a_documented_response(world: World, text: str | bytes) -> None:
    assert check(world.request("POST", "/v1/execute", text=text)).status == 400
    check(world.request("POST", f"/v1/jobs/{KNOWN_JOB}/cancel", text=text))


@MANY
@given(
    name=st.sampled_from(["Prefer", "Idempotency-Key", "Content-Type", "Accept", "X-API-Key", "X-Forwarded-For"]),
    value=latin | st.text(max_size=30),
)
def test_any_header_value_gets_a_documented_response(world: World, name: str, value: str) -> None:
    check_hidden(execute(world, valid(), {name: value}), sent=value)


@MANY
@given(query=st.dictionaries(
    st.sampled_from(["plugin", "tool", "status", "limit", "cursor", "after"]) | st.text(max_size=8),
    st.lists(st.text(max_size=40), min_size=1, max_size=3), max_size=4,
))  # fmt: skip
def test_any_query_of_any_route_gets_a_documented_response(world: World, query: dict[str, list[str]]) -> None:
    for path in ("/v1/jobs", f"/v1/jobs/{KNOWN_JOB}/events", f"/v1/jobs/{KNOWN_JOB}", "/v1/plugins"):
        check(world.request("GET", path, query=query))


@MANY
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"]),
    segments=st.lists(
        st.sampled_from(["v1", "jobs", "plugins", "execute", "cancel", "result", "events", "health", KNOWN_JOB, "echo"])
        | st.text(max_size=20),
        max_size=5,
    ),
)
def test_any_path_gets_a_documented_response(world: World, method: str, segments: list[str]) -> None:
    path = "/" + "/".join(segments)
    answer = world.request(method, path if path != "/v1/execute" else "/v1/jobs")
    check(answer)
