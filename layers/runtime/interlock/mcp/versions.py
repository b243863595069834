"""The protocol version of a request, and what the request declares about its client.

Since 2026-07-28, each request names version, client and capabilities. Clients of earlier versions agree on them with
`initialize`. This server has no sessions, so it knows only the version of their later requests, from the header.
"""

from collections.abc import Mapping
from typing import Any

from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY
from mcp_types.jsonrpc import MISSING_REQUIRED_CLIENT_CAPABILITY, UNSUPPORTED_PROTOCOL_VERSION
from msgspec import Struct

from interlock.domain.job import Client
from interlock.mcp.headers import Header, check_headers
from interlock.mcp.messages import Message, ProtocolError, header_mismatch, invalid_params

MODERN = ("2026-07-28",)
HANDSHAKE = ("2025-11-25", "2025-06-18")
"""Versions that begin with `initialize`, the latest first."""

VERSIONS = (*MODERN, *HANDSHAKE)

TASKS = "io.modelcontextprotocol/tasks"
"""The Tasks extension."""

MAX_CLIENT_TEXT = 100
"""Characters that are kept of a client's name and version."""


class Request(Struct, frozen=True):
    """A message in its protocol version. `capabilities` and `client` are what the client declares."""

    message: Message
    version: str
    capabilities: Mapping[str, Any]
    client: Client | None = None

    @property
    def modern(self) -> bool:
        """Whether the request carries all that is needed, without a handshake."""
        return self.version in MODERN

    @property
    def takes_tasks(self) -> bool:
        extensions = self.capabilities.get("extensions")
        return isinstance(extensions, dict) and TASKS in extensions


def read_request(message: Message, header: Header) -> Request:
    """Return the request of a message. Raise `ProtocolError`."""
    meta, given = message.params.get("_meta"), header("MCP-Protocol-Version")
    declared = meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, dict) else None
    if declared is None and (given in HANDSHAKE or (message.method == "initialize" and not given)):
        return Request(message, given or HANDSHAKE[0], {}, _client(message.params.get("clientInfo")))
    if given and given not in VERSIONS and declared in (None, given):
        raise _unsupported(given)
    if message.id is None:
        return Request(message, given, {})
    if not isinstance(meta, dict) or declared is None:
        raise invalid_params(f"params._meta must have {PROTOCOL_VERSION_META_KEY}.")
    capabilities = meta.get(CLIENT_CAPABILITIES_META_KEY)
    if not isinstance(capabilities, dict):
        raise invalid_params(f"params._meta must have {CLIENT_CAPABILITIES_META_KEY}, an object.")
    if given != declared:
        raise header_mismatch(f"MCP-Protocol-Version must be the version of the body, {declared!r}.")
    if declared not in MODERN:
        raise _unsupported(declared)
    check_headers(message, header)
    return Request(message, declared, capabilities, _client(meta.get(CLIENT_INFO_META_KEY)))


def agreed_version(asked: object) -> str:
    """Return the version for the response to `initialize`: the requested one if it is supported, else the latest."""
    return asked if isinstance(asked, str) and asked in HANDSHAKE else HANDSHAKE[0]


def missing_capability(needed: Mapping[str, Any]) -> ProtocolError:
    """Return the error for a request that needs capabilities which its client does not declare."""
    message = "Missing required client capability"
    return ProtocolError(MISSING_REQUIRED_CLIENT_CAPABILITY, message, {"requiredCapabilities": needed})


def _unsupported(requested: str) -> ProtocolError:
    data = {"supported": list(VERSIONS), "requested": requested}
    return ProtocolError(UNSUPPORTED_PROTOCOL_VERSION, "Unsupported protocol version", data)


def _client(info: object) -> Client | None:
    if not isinstance(info, dict) or not isinstance(info.get("name"), str):
        return None
    return Client(info["name"][:MAX_CLIENT_TEXT], str(info.get("version") or "")[:MAX_CLIENT_TEXT])
