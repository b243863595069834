"""A client of `/mcp` on the in-memory world. Its requests follow a version of the protocol."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.world import World, rest_event

MODERN = "2026-07-28"
TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
CLIENT = {"name": "agent", "version": "1.2.3"}


@dataclass(frozen=True, slots=True)
class McpAnswer:
    """A response, with its body parsed. `notifications` are the earlier messages of its event stream."""

    status: int
    headers: Mapping[str, str]
    body: Any
    notifications: list[Any] = field(default_factory=list)

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["result"]
        return found

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["error"]
        return found


@dataclass
class McpClient:
    """A client that sends messages. In version 2026-07-28, each call names the client and its capabilities."""

    world: World
    version: str = MODERN
    capabilities: dict[str, Any] = field(default_factory=dict)
    caller: dict[str, str] = field(default_factory=lambda: {"tenant": "acme", "key_id": "key", "scopes": "admin"})

    def call(self, method: str, params: Mapping[str, Any] | None = None, **headers: str | None) -> McpAnswer:
        """Send a request. `headers` override the headers of the version; a header that is None is left out."""
        given = dict(params or {})
        sent: dict[str, str | None] = {"MCP-Protocol-Version": self.version, "Host": "127.0.0.1:3000"}
        if self.version == MODERN:
            prefix = "io.modelcontextprotocol/"
            declared = {"protocolVersion": MODERN, "clientInfo": CLIENT, "clientCapabilities": self.capabilities}
            given["_meta"] = {
                **{f"{prefix}{name}": value for name, value in declared.items()},
                **given.get("_meta", {}),
            }
            sent |= {"Mcp-Method": method, "Mcp-Name": given.get("name") or given.get("taskId")}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": given}
        return self.send(json.dumps(message), {name: value for name, value in sent.items() if value is not None})

    def send(self, text: str, headers: Mapping[str, str]) -> McpAnswer:
        """Send a body as it is."""
        event = rest_event("POST", "/mcp", text=text, headers=headers, authorizer=self.caller)
        answer = self.world.resolve_execute(event)
        sent = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
        body = answer["body"]
        if sent.get("Content-Type") == "text/event-stream":
            messages = [json.loads(line.removeprefix("data: ")) for line in body.splitlines() if line[:6] == "data: "]
            return McpAnswer(answer["statusCode"], sent, messages[-1], messages[:-1])
        return McpAnswer(answer["statusCode"], sent, json.loads(body) if body else None)
