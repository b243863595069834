"""Errors of the framework as JSON-RPC errors. Their `data` is the inner object of the error envelope."""

from collections.abc import Mapping
from typing import Any

from mcp_types.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.http.envelope import error_object
from interlock.mcp.messages import ProtocolError

_OF_PARAMS = frozenset(
    {ErrorCode.INVALID_REQUEST, ErrorCode.UNKNOWN_PLUGIN, ErrorCode.UNKNOWN_TOOL, ErrorCode.NOT_FOUND}
)


def as_protocol_error(error: ErrorInfo, about: Mapping[str, Any]) -> ProtocolError:
    """Return the JSON-RPC error."""
    code = INVALID_PARAMS if error.code in _OF_PARAMS else INTERNAL_ERROR
    return ProtocolError(code, error.message, dict(error_object(error, **about)))
