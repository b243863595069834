"""Agents: the official MCP SDK lists and calls the tools of a local stack, as tasks where they take long."""

import asyncio
import base64
import json
import os
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import requests
from mcp import Client as McpClient
from mcp_types import (
    CallToolResult,
    ClientCapabilities,
    ImageContent,
    InitializedNotification,
    InitializeRequest,
    InitializeRequestParams,
    InitializeResult,
    TextContent,
    Tool,
)

from interlock_dev.commands.cli import main
from interlock_dev.stack.client import Client
from tests.documented import code_block
from tests.stack.mcp_client import (
    AGENT,
    Task,
    Tasks,
    cancel_task,
    connected,
    error_of,
    get_task,
    session,
    start_task,
    transport,
    until_ended,
)
from tests.stack.mcp_transcript import comparable, documented, record
from tests.stack.rest import counted_health
from tests.stack.stacks import ROOT
from tests.stack.test_cancel import gone, running_pids

pytestmark = pytest.mark.xdist_group("mcp")

PAGE = ROOT / "tests" / "images" / "page.png"


def used[T](client: Client, use: Callable[[McpClient], Coroutine[Any, Any, T]], *extensions: Tasks) -> T:
    """Call `use` with an agent that is connected to the stack, and return the result."""

    async def run() -> T:
        async with connected(client, *extensions) as agent:
            return await use(agent)

    return asyncio.run(run())


async def all_tools(agent: McpClient) -> dict[str, Tool]:
    page = await agent.list_tools()
    tools = page.tools
    while page.next_cursor is not None:
        page = await agent.list_tools(cursor=page.next_cursor)
        assert page.tools
        tools = [*tools, *page.tools]
    assert len({tool.name for tool in tools}) == len(tools)
    return {tool.name: tool for tool in tools}


def test_tools_are_those_of_the_plugins_that_could_be_imported(client: Client) -> None:
    tools = used(client, all_tools)
    plugins = client.call("GET", "/v1/plugins").body["plugins"]
    plugins = [one for one in plugins if one["state"] != "UNAVAILABLE"]
    manifests = [client.call("GET", f"/v1/plugins/{one['name']}").body for one in plugins]
    assert set(tools) == {f"{one['name']}-{tool['name']}" for one in manifests for tool in one["tools"]}
    assert tools["ocr-analyze"].output_schema is not None


def test_tools_of_a_plugin_whose_setup_fails_are_not_listed(client: Client) -> None:
    assert client.execute("setup_exits", "echo", {}).code == "plugin_unavailable"
    counted_health(client, "setup_exits")
    listed = used(client, all_tools)
    assert "setup_exits-echo" not in listed
    assert "errands-echo" in listed


def test_call_returns_structured_content_and_is_a_job_of_the_agent(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    result = used(client, lambda agent: agent.call_tool("errands-echo", {"text": "hello"}))
    assert (result.is_error, result.structured_content) == (False, {"text": "hello"})
    [block] = result.content
    assert isinstance(block, TextContent)
    assert json.loads(block.text) == {"text": "hello"}
    [job] = client.call("GET", "/v1/jobs?plugin=errands&tool=echo&limit=1").body["jobs"]
    job = client.job(job["job_id"])
    assert (job["source"], job["client"]) == ("mcp", {"name": AGENT.name, "version": AGENT.version})
    main(["job", job["job_id"], "--url", client.url, "--key", client.api_key])
    assert "mcp (test-agent 4.2)" in capsys.readouterr().out


def test_file_is_sent_as_base64_and_an_image_returned_as_content(client: Client) -> None:
    image = base64.b64encode(PAGE.read_bytes()).decode()
    result = used(client, lambda agent: agent.call_tool("image-thumbnail", {"image": image, "width": 32}))
    assert result.structured_content is not None
    [thumbnail] = [block for block in result.content if isinstance(block, ImageContent)]
    assert (thumbnail.mime_type, thumbnail.data) == ("image/png", result.structured_content["image"])
    assert base64.b64decode(thumbnail.data).startswith(b"\x89PNG")


def test_file_is_sent_as_an_upload(client: Client) -> None:
    size = PAGE.stat().st_size
    upload = client.call("POST", "/v1/uploads", {"content_type": "image/png", "size": size}).body
    requests.put(upload["url"], PAGE.read_bytes(), headers=upload["headers"], timeout=30).raise_for_status()
    image = {"upload_id": upload["upload_id"]}
    result = used(client, lambda agent: agent.call_tool("image-inspect", {"image": image}))
    assert result.structured_content is not None
    assert (result.structured_content["width"], result.structured_content["height"]) == (384, 191)


def test_failed_tool_is_a_result_with_the_envelope(client: Client) -> None:
    result = used(client, lambda agent: agent.call_tool("errands-fail", {}))
    assert result.is_error
    assert result.structured_content is not None
    error = result.structured_content["error"]
    assert (error["code"], error["details"]["exception"]) == ("plugin_exception", "LookupError")
    assert client.job(error["job_id"])["error"] == error


def test_invalid_input_names_the_field(client: Client) -> None:
    result = used(client, lambda agent: agent.call_tool("image-inspect", {"image": "AAAA", "colors": 99}))
    assert result.is_error
    assert result.structured_content is not None
    error = result.structured_content["error"]
    assert (error["code"], error["job_id"]) == ("invalid_input", None)
    assert "/colors" in {problem["path"] for problem in error["details"]["errors"]}


def test_unknown_tool_is_a_protocol_error(client: Client) -> None:
    error = used(client, lambda agent: error_of(agent.call_tool("errands-nothing", {})))
    assert (error.code, error.data["code"]) == (-32602, "unknown_tool")


# --- Tasks ---


def test_long_call_is_waited_for_as_a_task_with_progress(client: Client) -> None:
    tasks = Tasks()
    result = used(client, lambda agent: agent.call_tool("errands-wait", {"seconds": 2.5}), tasks)
    assert result.structured_content == {"text": "done"}
    assert any(re.fullmatch(r"\d+% \d\.\d of 2\.5 s", message) for message in tasks.messages), tasks.messages
    assert tasks.messages[-1] == "The tool has succeeded."


def test_failed_task_is_completed_with_an_error(client: Client) -> None:
    async def use(agent: McpClient) -> Task:
        return await until_ended(agent, (await start_task(agent, "errands-fail", {})).task_id)

    task = used(client, use, Tasks())
    assert (task.status, task.status_message) == ("completed", "there is none")
    assert task.result is not None
    assert task.result.is_error
    assert task.result.structured_content == {"error": client.job(task.task_id)["error"]}


@pytest.mark.parametrize(("tool", "outcome"), [("yields", "stopped"), ("stubborn", "killed")])
def test_task_is_cancelled_once_its_processes_are_gone(client: Client, tmp_path: Path, tool: str, outcome: str) -> None:
    async def use(agent: McpClient) -> None:
        created = await start_task(agent, f"hostile-{tool}", {"pid_file": str(tmp_path / "pid")})
        assert (created.status, client.job(created.task_id)["source"]) == ("working", "mcp")
        pids = await asyncio.to_thread(running_pids, tmp_path / "pid")
        await cancel_task(agent.session, created.task_id)
        task = await until_ended(agent, created.task_id)
        assert all(map(gone, pids))
        assert (task.status, task.result) == ("cancelled", None)
        assert f"Cancelled ({outcome})" in (task.status_message or "")
        await cancel_task(agent.session, created.task_id)  # a second cancel is acknowledged as well

    used(client, use, Tasks())


def test_client_without_the_extension_is_answered_at_once(client: Client) -> None:
    result = used(client, lambda agent: agent.call_tool("errands-wait", {"seconds": 0.1}))
    assert result.structured_content == {"text": "done"}
    error = used(client, lambda agent: error_of(get_task(agent.session, "01J00000000000000000000000")))
    assert error.code == -32021


# --- Earlier versions ---


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18"])
def test_earlier_version_is_agreed_on_by_initialize(client: Client, version: str) -> None:
    async def use() -> tuple[str | None, CallToolResult, CallToolResult, list[Tool]]:
        async with session(client) as opened:
            params = InitializeRequestParams(
                protocol_version=version, capabilities=ClientCapabilities(), client_info=AGENT
            )
            opened.adopt(await opened.send_request(InitializeRequest(params=params), InitializeResult))
            await opened.send_notification(InitializedNotification())
            await opened.send_ping()
            worked = await opened.call_tool("errands-wait", {"seconds": 0.1})
            failed = await opened.call_tool("errands-fail", {})
            return opened.protocol_version, worked, failed, (await opened.list_tools()).tools

    agreed, worked, failed, tools = asyncio.run(use())
    assert agreed == version
    assert worked.structured_content == {"text": "done"}
    assert failed.is_error
    assert {"errands-wait", "ocr-analyze"} <= {tool.name for tool in tools}


# --- Documentation ---


def test_documented_transcript_is_what_an_agent_gets(client: Client) -> None:
    assert comparable(used(client, record, Tasks())) == comparable(documented())


def test_documented_code_reads_a_page(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page.png").symlink_to(PAGE)
    code = code_block("docs/mcp.md", "python", "asyncio")
    exec(code.replace("http://127.0.0.1:3000", client.url).replace("dev-key", client.api_key), {})
    assert "Region-based segmentation" in capsys.readouterr().out


def test_printed_configuration_connects_a_client(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Cursor does, the test reads the URL and replaces the references to the environment in the headers."""
    monkeypatch.setenv("INTERLOCK_API_KEY", client.api_key)
    assert main(["mcp", "cursor", "--url", client.url]) == 0
    [server] = json.loads(capsys.readouterr().out)["mcpServers"].values()
    headers = {
        name: re.sub(r"\$\{env:(\w+)\}", lambda found: os.environ[found[1]], value)
        for name, value in server["headers"].items()
    }

    async def use() -> CallToolResult:
        async with McpClient(transport(server["url"], headers)) as agent:
            return await agent.call_tool("errands-echo", {"text": "configured"})

    assert asyncio.run(use()).structured_content == {"text": "configured"}
