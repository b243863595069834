"""`tools/list`: descriptions of tools, pages, and plugins that are left out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from interlock.domain.errors import ErrorCode
from interlock.domain.job_status import JobStatus
from interlock.mcp.tools import PAGE_TOOLS
from tests.fakes.jobs import counted_job
from tests.fakes.mcp import McpClient
from tests.fakes.outside import NOON
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.store import Interposed
from tests.fakes.world import World


@pytest.fixture
def client(world: World) -> McpClient:
    return McpClient(world)


def test_tools_are_described(world_of: Callable[..., World]) -> None:
    upload = {"type": "object", "properties": {"upload_id": {"type": "string", "format": "interlock-upload"}}}
    takes = {"type": "object", "properties": {"image": {"anyOf": [{"type": "string"}, upload]}}}
    tool = a_tool("read", input_schema=takes, read_only=True, idempotent=True, network=True)
    world = world_of(a_plugin("ocr", tool, a_tool("drop", destructive=True)), a_broken_plugin())
    [read, drop] = McpClient(world).call("tools/list").result["tools"]
    assert (read["name"], read["title"]) == ("ocr-read", "Read")
    assert read["description"].startswith("The tool read. Files in the input are base64 text")
    assert read["inputSchema"] == takes
    assert read["outputSchema"] == tool.output_schema
    assert read["annotations"] == {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": True}
    assert drop["annotations"] == {"destructiveHint": True, "openWorldHint": False}
    assert drop["description"] == "The tool drop."


def test_tool_without_a_description_is_described_by_its_title(world_of: Callable[..., World]) -> None:
    world = world_of(a_plugin("echo", a_tool("say", description="")))
    assert McpClient(world).call("tools/list").result["tools"][0]["description"] == "Say"


def test_earlier_versions_list_output_schemas_of_objects_only(world_of: Callable[..., World]) -> None:
    world = world_of(a_plugin("echo", a_tool("say", output_schema={"type": "string"})))
    assert "outputSchema" in McpClient(world).call("tools/list").result["tools"][0]
    assert "outputSchema" not in McpClient(world, "2025-11-25").call("tools/list").result["tools"][0]


def test_pages_have_each_tool_once(world_of: Callable[..., World]) -> None:
    plugins = [a_plugin(f"p{number:03}", *(a_tool(f"t{n}") for n in range(7))) for number in range(40)]
    client = McpClient(world_of(*plugins))
    names: list[str] = []
    params: dict[str, Any] = {}
    for _ in range(10):
        page = client.call("tools/list", params).result
        assert len(page["tools"]) < PAGE_TOOLS + 7
        assert page["ttlMs"] > 0
        assert page["cacheScope"] == "private"
        names += [tool["name"] for tool in page["tools"]]
        if "nextCursor" not in page:
            break
        params = {"cursor": page["nextCursor"]}
    assert names == [f"p{number:03}-t{n}" for number in range(40) for n in range(7)]


@pytest.mark.parametrize("cursor", ["", "x", "!", "cDAwMQ", "é", 7])
def test_made_up_cursor_is_invalid(client: McpClient, cursor: Any) -> None:
    answer = client.call("tools/list", {"cursor": cursor})
    assert (answer.status, answer.error["code"]) == (400, -32602)


def test_plugin_that_could_not_be_loaded_for_its_last_run_is_not_listed(watched: World) -> None:
    client = McpClient(watched)

    def listed() -> list[str]:
        return [tool["name"] for tool in client.call("tools/list").result["tools"]]

    assert listed() == ["echo-say"]
    watched.jobs.create(counted_job(JobStatus.FAILED, error=ErrorCode.PLUGIN_EXCEPTION))
    assert listed() == ["echo-say"]
    failed = counted_job(JobStatus.FAILED, error=ErrorCode.PLUGIN_UNAVAILABLE, updated_at=NOON + timedelta(seconds=1))
    watched.jobs.create(failed)
    assert listed() == []
    later = NOON + timedelta(seconds=2)
    watched.jobs.create(counted_job(JobStatus.SUCCEEDED, updated_at=later))
    calls = cast("Interposed", watched.store).calls
    calls.clear()
    assert listed() == ["echo-say"]
    assert calls == ["states"]


def test_list_may_be_kept_for_a_minute(client: McpClient) -> None:
    found = client.call("tools/list").result
    assert (found["ttlMs"], found["cacheScope"]) == (60_000, "private")
