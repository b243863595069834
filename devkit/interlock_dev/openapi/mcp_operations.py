"""The operations of the Model Context Protocol."""

from interlock.domain.access import Scope
from interlock.domain.times import rfc3339
from interlock.http import presenters
from interlock_dev.openapi.examples import AT, ID
from interlock_dev.openapi.operation import Answer, Body, Operation

_CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {
        "name": "ocr-analyze",
        "arguments": {"image": "iVBORw0KGgo="},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "agent", "version": "1.0.0"},
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
        },
    },
}
_TASK = {
    "resultType": "task",
    "taskId": ID,
    "status": "working",
    "createdAt": rfc3339(AT),
    "lastUpdatedAt": rfc3339(AT),
    "ttlMs": 604800000,
    "pollIntervalMs": 1000,
}
_RESULT = {
    "resultType": "complete",
    "content": [{"type": "text", "text": '{"text":"Let us begin."}'}],
    "structuredContent": {"text": "Let us begin."},
    "isError": False,
}


def _error(code: int, message: str) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}


MCP_OPERATIONS = (
    Operation(
        "mcp",
        "POST /mcp",
        Scope.EXECUTE,
        "Send a message of the Model Context Protocol",
        "Protocol 2026-07-28 without sessions, and 2025-11-25 and 2025-06-18 for clients that `initialize`. Each tool "
        "of a plugin is a tool `PLUGIN-TOOL`; a call is a job like any other. To clients that declare the extension "
        "`io.modelcontextprotocol/tasks`, calls of tools with a limit over 25 s are tasks, which are asynchronous "
        "jobs. A call whose `_meta` has a `progressToken` may be answered as `text/event-stream`. `tools/list` needs "
        "`plugins:read`, `tasks/get` and `tasks/update` `jobs:read`, `tasks/cancel` `jobs:cancel`, and `tools/call` "
        "`execute`.",
        {
            200: Answer(
                "The result of the method. A tool that failed is a result with `isError`.",
                "McpResponse",
                {
                    "a result": {"jsonrpc": "2.0", "id": 1, "result": _RESULT},
                    "a task": {"jsonrpc": "2.0", "id": 1, "result": _TASK},
                },
            ),
            202: Answer("The notification was accepted.", None, {}),
            400: Answer(
                "The message is not valid. Clients that `initialize` get this with status 200.",
                "McpResponse",
                {
                    "unknown tool": _error(-32602, "Plugin 'ocr' has no tool 'read'. It has: analyze."),
                    "a header": _error(-32020, "Header mismatch: Mcp-Method must be the method of the body, 'ping'."),
                },
            ),
            404: Answer(
                "The method does not exist.", "McpResponse", {"unknown method": _error(-32601, "Method not found: x/y")}
            ),
        },
        body=Body("McpRequest", {"call a tool": _CALL}),
    ),
    Operation(
        "getResourceMetadata",
        "GET /.well-known/oauth-protected-resource",
        None,
        "Read where to get tokens",
        "OAuth 2.0 Protected Resource Metadata (RFC 9728), if the stack accepts tokens of an OpenID provider.",
        {
            200: Answer(
                "The metadata.",
                "ResourceMetadata",
                {
                    "of a stack": presenters.resource_metadata(
                        "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod/mcp", "https://login.example.com"
                    )
                },
            )
        },
        refusals=("NoTokens",),
    ),
)
