"""`POST /mcp`: versions, headers, JSON-RPC errors, scopes and limits."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.mcp import CLIENT, MODERN, TASKS, McpClient
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.world import World

HEADERS = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list", "Host": "a"}
EARLIER = ["2025-11-25", "2025-06-18"]


@pytest.fixture
def client(world: World) -> McpClient:
    return McpClient(world)


def code(
    client: McpClient, method: str, params: dict[str, Any] | None = None, **headers: str | None
) -> tuple[int, int]:
    """Return the HTTP status and the code of an error, which must have the id of the request."""
    answer = client.call(method, params, **headers)
    assert (answer.body["jsonrpc"], answer.body["id"]) == ("2.0", 7)
    return answer.status, answer.error["code"]


# --- Versions ---


def test_discovery_names_versions_capabilities_and_server(client: McpClient) -> None:
    found = client.call("server/discover").result
    assert found["supportedVersions"] == [MODERN, *EARLIER]
    assert found["capabilities"] == {"tools": {}, **TASKS}
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "interlock"
    assert (found["resultType"], found["cacheScope"]) == ("complete", "public")


@pytest.mark.parametrize(
    ("asked", "agreed"), [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("2024-11-05", "2025-11-25")]
)
def test_handshake_agrees_on_a_version(world: World, asked: str, agreed: str) -> None:
    params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": CLIENT}
    answer = McpClient(world, asked).call("initialize", params, MCP_Protocol_Version=None)
    assert answer.status == 200
    assert answer.result["protocolVersion"] == agreed
    assert answer.result["capabilities"] == {"tools": {}}
    assert "resultType" not in answer.result
    assert "Mcp-Session-Id" not in answer.headers


@pytest.mark.parametrize("version", EARLIER)
def test_clients_with_a_handshake_list_and_ping(world: World, version: str) -> None:
    client = McpClient(world, version)
    assert client.call("ping").result == {}
    listed = client.call("tools/list").result
    assert set(listed) == {"tools"}
    # These clients treat any status other than 200 as a broken connection.
    assert (client.call("no/such").status, client.call("no/such").error["code"]) == (200, -32601)


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "prompts/list", "tasks/list", "x/y"])
def test_unknown_and_removed_methods_are_not_found(client: McpClient, method: str) -> None:
    assert code(client, method) == (404, -32601)


@pytest.mark.parametrize("version", ["2024-11-05", "1900-01-01", "v999"])
def test_unsupported_version_is_refused_with_those_that_are_supported(world: World, version: str) -> None:
    client = McpClient(world)
    meta = {"io.modelcontextprotocol/protocolVersion": version}
    answer = client.call("tools/list", {"_meta": meta}, MCP_Protocol_Version=version)
    assert (answer.status, answer.error["code"]) == (400, -32022)
    assert answer.error["data"] == {"supported": [MODERN, *EARLIER], "requested": version}


# --- Required parts of a request ---


@pytest.mark.parametrize(
    "missing", ["io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"]
)
def test_request_without_required_metadata_is_invalid(client: McpClient, missing: str) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    del meta[missing]
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    answer = client.send(json.dumps(body), HEADERS)
    assert (answer.status, answer.error["code"]) == (400, -32602)
    assert missing in answer.error["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"MCP_Protocol_Version": None},
        {"MCP_Protocol_Version": "2025-11-25"},
        {"Mcp_Method": None},
        {"Mcp_Method": "TOOLS/CALL"},
        {"Mcp_Name": None},
        {"Mcp_Name": "echo-shout"},
        {"Mcp_Name": "=?base64?!!!?="},
    ],
    ids=str,
)
def test_header_that_contradicts_the_body_is_refused(client: McpClient, headers: dict[str, Any]) -> None:
    params = {"name": "echo-say", "arguments": {"text": "hello"}}
    assert code(client, "tools/call", params, **headers) == (400, -32020)


@pytest.mark.parametrize("header", ["=?base64?ZWNoby1zYXk=?=", "  echo-say \t"])
def test_encoded_name_header_is_decoded_and_white_space_around_it_ignored(client: McpClient, header: str) -> None:
    params = {"name": "echo-say", "arguments": {"text": "hello"}}
    assert client.call("tools/call", params, Mcp_Name=header).status == 200


@pytest.mark.parametrize(
    ("headers", "arguments", "status"),
    [
        ({"Mcp_Param_Region": "eu"}, {"region": "eu"}, 200),
        ({"Mcp_Param_Region": "=?base64?ZXU=?="}, {"region": "eu"}, 200),
        ({"Mcp_Param_Region": "eu", "Mcp_Param_Count": "42.0"}, {"region": "eu", "count": 42}, 200),
        ({"Mcp_Param_Region": "eu", "Mcp_Param_Dry": "true"}, {"region": "eu", "dry": True}, 200),
        ({}, {"region": "eu"}, 400),
        ({"Mcp_Param_Region": "us"}, {"region": "eu"}, 400),
        ({"Mcp_Param_Region": "=?base64?ZXU?="}, {"region": "eu"}, 400),
        ({"Mcp_Param_Region": "eu", "Mcp_Param_Count": "41"}, {"region": "eu", "count": 42}, 400),
        ({"Mcp_Param_Region": "eu", "Mcp_Param_Dry": "True"}, {"region": "eu", "dry": True}, 400),
        ({"Mcp_Param_Region": "eu", "Mcp_Param_Count": "1"}, {"region": "eu"}, 400),
    ],
    ids=str,
)
def test_mirrored_arguments_agree_with_their_headers(
    world_of: Callable[..., World], headers: dict[str, str], arguments: dict[str, Any], status: int
) -> None:
    schema = {
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "count": {"type": "integer", "x-mcp-header": "Count"},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
        },
    }
    world = world_of(a_plugin("sql", a_tool("run", input_schema=schema, output_schema={"type": "object"})))
    answer = McpClient(world).call("tools/call", {"name": "sql-run", "arguments": arguments}, **headers)
    assert answer.status == status
    if status == 400:
        assert answer.error["code"] == -32020


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", -32700),
        ("", -32700),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": NaN}}', -32700),
        ("[]", -32600),
        ('[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600),
        ('{"id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "result": {}}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}', -32600),
    ],
)
def test_body_that_is_no_message_is_refused(client: McpClient, text: str, expected: int) -> None:
    answer = client.send(text, HEADERS)
    assert (answer.status, answer.error["code"], answer.body["id"]) == (400, expected, None)


def test_notifications_are_accepted_without_a_body(client: McpClient) -> None:
    for version in (MODERN, *EARLIER):
        text = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
        answer = client.send(text, {"MCP-Protocol-Version": version, "Host": "a"})
        assert (answer.status, answer.body) == (202, None)


@pytest.mark.parametrize(
    ("origin", "status"), [("http://127.0.0.1:3000", 200), ("http://evil.example", 403), ("null", 403)]
)
def test_pages_of_other_origins_are_refused(client: McpClient, origin: str, status: int) -> None:
    assert client.call("tools/list", Origin=origin).status == status


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_sessions_and_streams_are_not_offered(world: World, method: str) -> None:
    answer = world.request(method, "/mcp")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


# --- Scopes and limits ---


@pytest.mark.parametrize(
    ("method", "params", "scope"),
    [
        ("tools/list", {}, "plugins:read"),
        ("tools/call", {"name": "echo-say", "arguments": {"text": "x"}}, "execute"),
        ("tasks/get", {"taskId": "x"}, "jobs:read"),
        ("tasks/update", {"taskId": "x"}, "execute"),
        ("tasks/cancel", {"taskId": "x"}, "jobs:cancel"),
    ],
)
def test_each_method_needs_its_scope(world: World, method: str, params: dict[str, Any], scope: str) -> None:
    others = {"execute", "jobs:read", "jobs:cancel", "plugins:read"} - {scope}
    client = McpClient(world, capabilities=TASKS)
    client.caller["scopes"] = " ".join(others)
    refused = client.call(method, params)
    assert (refused.status, refused.error["code"], refused.error["details"]) == (403, "forbidden", {"scope": scope})
    client.caller["scopes"] = scope
    assert client.call(method, params).status != 403


def test_caller_without_scopes_discovers(world: World) -> None:
    client = McpClient(world)
    client.caller["scopes"] = ""
    assert client.call("server/discover").status == 200


def test_errors_of_http_are_envelopes(world: World) -> None:
    client = McpClient(world)
    client.caller["rate"] = "1/h"
    assert client.call("tools/list").status == 200
    limited = client.call("tools/list")
    assert (limited.status, limited.error["code"]) == (429, "rate_limited")
    assert int(limited.headers["Retry-After"]) > 0
    client.caller = {}
    assert (client.call("tools/list").status, client.call("tools/list").error["code"]) == (401, "unauthorized")
