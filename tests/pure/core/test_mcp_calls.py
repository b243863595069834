"""`tools/call`: the result of a run as an MCP result, and its job."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from interlock.domain.errors import ErrorCode
from tests.fakes.mcp import CLIENT, McpAnswer, McpClient
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import Run, answered, succeeds_with
from tests.fakes.world import World

FILE = {"type": "string", "format": "interlock-file", "contentEncoding": "base64"}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
WAV = base64.b64encode(b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(20)).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(20)).decode()


def say(client: McpClient, **arguments: Any) -> McpAnswer:
    return client.call("tools/call", {"name": "echo-say", "arguments": arguments})


def returning(world_of: Callable[..., World], schema: dict[str, Any], result: Any) -> World:
    """Return a world whose tool returns a result of a schema."""
    world = world_of(a_plugin("echo", a_tool("say", output_schema=schema)))
    world.sandbox.script = succeeds_with(result)
    return world


# --- Results ---


def test_result_is_structured_content_and_text(world: World) -> None:
    result = say(McpClient(world), text="hello").result
    assert result["structuredContent"] == {"text": "hello"}
    assert result["content"] == [{"type": "text", "text": '{"text":"hello"}'}]
    assert (result["isError"], result["resultType"]) == (False, "complete")


@pytest.mark.parametrize("value", [None, 7, ["a", None], {"a": None, "b": {"c": None}}])
def test_result_of_any_type_is_kept_exactly(world_of: Callable[..., World], value: Any) -> None:
    result = say(McpClient(returning(world_of, {}, value)), text="x").result
    assert result.get("structuredContent") == value
    assert len(result["content"]) == 1


def test_text_result_is_text_without_quotes(world_of: Callable[..., World]) -> None:
    world = returning(world_of, {"type": "string"}, "Hello, World!")
    result = say(McpClient(world), text="x").result
    assert result["content"] == [{"type": "text", "text": "Hello, World!"}]
    assert result["structuredContent"] == "Hello, World!"
    earlier = say(McpClient(world, "2025-11-25"), text="x").result
    assert earlier == {"content": [{"type": "text", "text": "Hello, World!"}], "isError": False}


def test_files_of_a_result_are_content_of_their_own(world_of: Callable[..., World]) -> None:
    schema = {"type": "object", "properties": {"image": FILE, "others": {"type": "array", "items": FILE}}}
    value = {"image": PNG, "others": [WAV, PDF], "note": PNG}
    world = returning(world_of, schema, value)
    result = say(McpClient(world), text="x").result
    text, image, audio, other = result["content"]
    assert image == {"type": "image", "data": PNG, "mimeType": "image/png"}
    assert audio == {"type": "audio", "data": WAV, "mimeType": "audio/wav"}
    assert (other["resource"]["blob"], other["resource"]["mimeType"]) == (PDF, "application/pdf")
    assert other["resource"]["uri"].endswith("/result#/others/1")
    # A model cannot read files in text, so placeholders replace them. `note` is not a file by its schema, and stays.
    assert text["text"] == (
        '{"image":"(image/png, 30 bytes)","others":["(audio/wav, 36 bytes)","(application/pdf, 30 bytes)"],'
        f'"note":"{PNG}"}}'
    )
    assert result["structuredContent"] == value


def test_result_that_is_a_file_has_no_text(world_of: Callable[..., World]) -> None:
    result = say(McpClient(returning(world_of, FILE, PNG)), text="x").result
    assert [one["type"] for one in result["content"]] == ["image"]


def test_result_too_large_for_a_response_is_a_link(world_of: Callable[..., World]) -> None:
    world = returning(world_of, {"type": "string"}, "x" * 3_500_000)
    result = say(McpClient(world), text="x").result
    text, link = result["content"]
    assert "the tool succeeded" in text["text"].lower()
    assert (link["type"], link["size"]) == ("resource_link", 3_500_002)
    assert result["isError"] is True
    assert "structuredContent" not in result


# --- Failures ---


def test_failure_of_a_tool_is_a_result_with_the_envelope(world: World) -> None:
    world.sandbox.script = lambda _: answered("exception", {"exception": "LookupError", "message": "there is none"})
    answer = say(McpClient(world), text="x")
    assert (answer.status, answer.result["isError"]) == (200, True)
    error = answer.result["structuredContent"]["error"]
    assert (error["code"], error["message"]) == ("plugin_exception", "there is none")
    assert world.request("GET", f"/v1/jobs/{error['job_id']}").body["status"] == "failed"


def test_failure_for_earlier_clients_has_the_envelope_as_text_only(world: World) -> None:
    """Version 1 of the TypeScript SDK would validate structured content against the output schema of the tool."""
    failed = say(McpClient(world, "2025-11-25"), txt="x").result
    assert (failed["isError"], "structuredContent" in failed) == (True, False)
    assert json.loads(failed["content"][0]["text"])["error"]["code"] == "invalid_input"


def test_invalid_input_is_a_result_that_names_the_field_and_leaves_no_job(world: World) -> None:
    answer = say(McpClient(world), txt="x")
    error = answer.result["structuredContent"]["error"]
    assert (answer.status, answer.result["isError"], error["code"]) == (200, True, "invalid_input")
    assert {one["path"] for one in error["details"]["errors"]} == {"/text", "/txt"}
    assert world.request("GET", "/v1/jobs").body["jobs"] == []


@pytest.mark.parametrize("name", ["echo-nothing", "nobody-say", "say", "", "echo/say", "x" * 200])
def test_unknown_tool_is_an_error(world: World, name: str) -> None:
    answer = McpClient(world).call("tools/call", {"name": name, "arguments": {}})
    assert (answer.status, answer.error["code"]) == (400, -32602)
    assert answer.error["data"]["code"] in {"unknown_tool", "unknown_plugin"}


def test_tool_of_an_unavailable_plugin_is_an_error(world: World) -> None:
    answer = McpClient(world).call("tools/call", {"name": "broken-say", "arguments": {}})
    assert (answer.status, answer.error["code"]) == (200, -32603)
    assert answer.error["data"]["code"] == ErrorCode.PLUGIN_UNAVAILABLE


@pytest.mark.parametrize("params", [{}, {"name": 7}, {"name": "echo-say", "arguments": []}])
def test_malformed_parameters_are_an_error_that_names_the_field(world: World, params: dict[str, Any]) -> None:
    answer = McpClient(world, "2025-11-25").call("tools/call", params)
    assert answer.error["code"] == -32602
    assert answer.error["data"]["errors"][0]["path"] in {"/name", "/arguments"}


def test_concurrency_limit_of_the_key_holds(world: World) -> None:
    client = McpClient(world)
    client.caller["concurrency"] = "1"
    world.request("POST", "/v1/execute", {"plugin": "echo", "input": {"text": "x"}},
                  headers={"Prefer": "respond-async"}, concurrency=1)  # fmt: skip
    answer = say(client, text="x")
    assert (answer.status, answer.error["code"], answer.error["details"]["limit"]) == (
        429,
        "rate_limited",
        "concurrency",
    )


# --- The job ---


def test_call_is_a_job_with_its_source_and_client(world: World) -> None:
    say(McpClient(world), text="hello")
    [job] = world.request("GET", "/v1/jobs").body["jobs"]
    assert (job["status"], job["source"], job["client"], job["plugin"]) == ("succeeded", "mcp", CLIENT, "echo")
    world.execute()
    [other, _] = world.request("GET", "/v1/jobs").body["jobs"]
    assert (other["source"], other["client"]) == ("http", None)


def test_job_of_another_tenant_is_not_seen(world: World) -> None:
    client = McpClient(world)
    client.caller["tenant"] = "rival"
    say(client, text="hello")
    assert world.request("GET", "/v1/jobs").body["jobs"] == []


def test_run_without_tasks_has_the_limit_of_a_synchronous_call(world: World) -> None:
    McpClient(world).call("tools/call", {"name": "echo-shout", "arguments": {"text": "x"}})
    [job] = world.request("GET", "/v1/jobs").body["jobs"]
    assert job["timeout_s"] <= 25


# --- Progress ---


def test_progress_comes_before_the_result_if_it_was_asked_for(world: World) -> None:
    def works(run: Run) -> Any:
        run.on_progress(0.5, "half")
        return answered("succeeded", {"text": "done"})

    world.sandbox.script = works
    params = {"name": "echo-say", "arguments": {"text": "x"}, "_meta": {"progressToken": "t1"}}
    answer = McpClient(world).call("tools/call", params)
    assert answer.headers["Content-Type"] == "text/event-stream"
    [notice] = answer.notifications
    assert (notice["method"], "id" in notice) == ("notifications/progress", False)
    assert notice["params"] == {"progressToken": "t1", "progress": 0.5, "total": 1, "message": "half"}
    assert answer.result["structuredContent"] == {"text": "done"}
    assert say(McpClient(world), text="x").notifications == []
