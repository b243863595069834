"""Submit and cancel jobs as tasks of the Model Context Protocol, like an agent."""

from collections.abc import Mapping
from typing import Any

from interlock_dev.stack.client import Client

VERSION = "2026-07-28"
_PREFIX = "io.modelcontextprotocol/"
_META = {
    f"{_PREFIX}protocolVersion": VERSION,
    f"{_PREFIX}clientInfo": {"name": "bench", "version": "1"},
    f"{_PREFIX}clientCapabilities": {"extensions": {f"{_PREFIX}tasks": {}}},
}


class Tasks:
    """A client of tasks. The id of a task is that of its job."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def submit(self, plugin: str, tool: str, input: Mapping[str, Any]) -> str:
        """Call a tool, and return the id of its task."""
        name = f"{plugin}-{tool}"
        result = self._result("tools/call", name, {"name": name, "arguments": dict(input)})
        return str(result["taskId"])

    def cancel(self, task_id: str) -> None:
        """Request the cancel of a running task. Raises RuntimeError if it is refused."""
        self._result("tasks/cancel", task_id, {"taskId": task_id})

    def ended(self, task_id: str) -> str | None:
        """Return the final status of a task, None while it is working."""
        status: str = self._result("tasks/get", task_id, {"taskId": task_id})["status"]
        return None if status == "working" else status

    def _result(self, method: str, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": _META}}
        headers = {"MCP-Protocol-Version": VERSION, "Mcp-Method": method, "Mcp-Name": name}
        answer = self._client.call("POST", "/mcp", message, headers)
        if "result" not in answer.body:
            raise RuntimeError(f"{method} was answered with {answer.status}: {answer.body}")
        found: dict[str, Any] = answer.body["result"]
        return found
