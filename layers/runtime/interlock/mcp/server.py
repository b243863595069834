"""The MCP server: answers a request of `/mcp` with a JSON-RPC response. It keeps no sessions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from mcp_types import (
    SERVER_INFO_META_KEY,
    DiscoverResult,
    Implementation,
    InitializeResult,
    PaginatedRequestParams,
    ServerCapabilities,
    ToolsCapability,
)
from mcp_types.jsonrpc import INVALID_REQUEST, JSONRPC_VERSION, METHOD_NOT_FOUND
from msgspec import Struct

import interlock
from interlock.domain.access import Scope
from interlock.domain.errors import ErrorCode, InterlockError
from interlock.domain.json_text import as_text
from interlock.http.powertools import Response
from interlock.http.requests import RequestTimes, authenticated, body_text, check_scope, header
from interlock.mcp.calls import Arrival, Calls, dumped
from interlock.mcp.failures import as_protocol_error
from interlock.mcp.messages import Message, ProtocolError, read_message, read_params
from interlock.mcp.tools import read_cursor, tool_page
from interlock.mcp.versions import TASKS, VERSIONS, Request, agreed_version, read_request
from interlock.plugins.registry import PluginRegistry

OF_HTTP = frozenset({ErrorCode.UNAUTHORIZED, ErrorCode.FORBIDDEN, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.RATE_LIMITED,
                     ErrorCode.UNAVAILABLE})  # fmt: skip
"""Codes of errors that are returned with their HTTP status and the error envelope, not as JSON-RPC errors."""

DISCOVERY_TTL_MS = 300_000
"""How long clients may cache the server's description of itself, which only a deployment changes."""

INSTRUCTIONS = (
    "Tools run in confined processes with time and memory limits. A failed call has isError and an error with a stable "
    "code; `retryable` says whether the same call may succeed later."
)

_SERVER = Implementation(name="interlock", title="Interlock", version=interlock.__version__)

type Result = dict[str, Any]


class Method(Struct, frozen=True):
    """A method with the scope that it needs, if any."""

    scope: Scope | None
    answer: Callable[[Request, Arrival], Result]


class McpServer:
    """Answers MCP requests. Each is authorized, validated, limited and recorded like a request of the HTTP API.

    Errors that HTTP has a status for, such as a missing scope, a rate limit or a service that is down, are envelopes as
    on all routes. Others are JSON-RPC errors.
    """

    def __init__(self, registry: PluginRegistry, calls: Calls) -> None:
        self._registry = registry
        shared = {
            "tools/list": Method(Scope.PLUGINS_READ, self._list_tools),
            "tools/call": Method(Scope.EXECUTE, calls.call),
        }
        self._modern: Mapping[str, Method] = {
            "server/discover": Method(None, _discover),
            "tasks/get": Method(Scope.JOBS_READ, calls.get_task),
            "tasks/update": Method(Scope.EXECUTE, calls.update_task),
            "tasks/cancel": Method(Scope.JOBS_CANCEL, calls.cancel_task),
            **shared,
        }
        self._handshake: Mapping[str, Method] = {
            "initialize": Method(None, _initialize),
            "ping": Method(None, lambda *_: {}),
            **shared,
        }

    def __call__(self, event: APIGatewayProxyEvent, times: RequestTimes) -> Response[str]:
        """Answer a POST. Raise `InterlockError` with a code of `OF_HTTP`."""
        principal, text = authenticated(event), body_text(event)

        def headers(name: str) -> str:
            return header(event, name).strip(" \t")  # RFC 9110, section 5.5

        message: Message | None = None
        request: Request | None = None
        try:
            _check_origin(event)
            message = read_message(text)
            request = read_request(message, headers)
            if message.id is None:
                return Response(202, body="")
            arrival = Arrival(principal, times, len(text), headers)
            result = self._result(request, arrival)
            if arrival.notifications:
                return _stream(message, arrival.notifications, result=result)
            return _response(200, message, result=result)
        except ProtocolError as error:
            return _refusal(error, message, request)
        except InterlockError as error:
            if error.code in OF_HTTP:
                raise
            return _refusal(as_protocol_error(error.info, error.about), message, request)

    def _result(self, request: Request, arrival: Arrival) -> Result:
        method = (self._modern if request.modern else self._handshake).get(request.message.method)
        if method is None:
            raise ProtocolError(METHOD_NOT_FOUND, f"Method not found: {request.message.method[:100]}")
        if method.scope is not None:
            check_scope(arrival.principal, method.scope)
        result = method.answer(request, arrival)
        return _completed(result) if request.modern else _as_before(result)

    def _list_tools(self, request: Request, _: Arrival) -> Result:
        params = read_params(request.message.params, PaginatedRequestParams)
        plugins = self._registry.loadable(read_cursor(params.cursor))
        return dumped(tool_page(plugins, modern=request.modern))


def _discover(*_: Any) -> Result:
    return dumped(
        DiscoverResult(
            supported_versions=list(VERSIONS),
            capabilities=ServerCapabilities(tools=ToolsCapability(), extensions={TASKS: {}}),
            instructions=INSTRUCTIONS,
            ttl_ms=DISCOVERY_TTL_MS,
            cache_scope="public",
        )
    )


def _initialize(request: Request, _: Arrival) -> Result:
    return dumped(
        InitializeResult(
            protocol_version=agreed_version(request.message.params.get("protocolVersion")),
            capabilities=ServerCapabilities(tools=ToolsCapability()),
            server_info=_SERVER,
            instructions=INSTRUCTIONS,
        )
    )


def _completed(result: Result) -> Result:
    """Return a result with the fields that every result has since version 2026-07-28."""
    return {"resultType": "complete", **result, "_meta": {SERVER_INFO_META_KEY: dumped(_SERVER)}}


_NEW = ("resultType", "ttlMs", "cacheScope")


def _as_before(result: Result) -> Result:
    """Return a result without the fields that earlier versions do not know. Their structured content must be an object.
    A failure has no structured content, because version 1 of the TypeScript SDK would validate it against the tool's
    schema and hide the failure."""
    structured = isinstance(result.get("structuredContent"), dict) and not result.get("isError")
    unknown = _NEW if structured else (*_NEW, "structuredContent")
    return {name: value for name, value in result.items() if name not in unknown}


def _check_origin(event: APIGatewayProxyEvent) -> None:
    """Raise `ProtocolError` for a page of another origin (Streamable HTTP, Security). The gateway accepts only its own
    host names, so the requests of a DNS rebinding attack do not reach this function."""
    origin = header(event, "Origin")
    if origin and urlsplit(origin).netloc.lower() != header(event, "Host").lower():
        raise ProtocolError(INVALID_REQUEST, "Origin is not the origin of this server.", status=403)


def _refusal(error: ProtocolError, message: Message | None, request: Request | None) -> Response[str]:
    # Clients of earlier versions treat the statuses 400 and 404 as a failure of the connection.
    handshake = request is not None and not request.modern
    status = 200 if handshake and error.status in {400, 404} else error.status
    return _response(status, message, error=error.document())


def _response(status: int, message: Message | None, **content: Any) -> Response[str]:
    """Return a JSON-RPC response. `content` is its `result` or its `error`."""
    return Response(status, "application/json", _text(message, content))


def _stream(message: Message, notifications: Sequence[Result], **content: Any) -> Response[str]:
    """Return notifications and a JSON-RPC response as server-sent events."""
    texts = [*map(as_text, notifications), _text(message, content)]
    events = "".join(f"event: message\r\ndata: {text}\r\n\r\n" for text in texts)
    return Response(200, "text/event-stream", events, headers={"Cache-Control": "no-cache"})


def _text(message: Message | None, content: Mapping[str, Any]) -> str:
    return as_text({"jsonrpc": JSONRPC_VERSION, "id": message.id if message else None, **content})
