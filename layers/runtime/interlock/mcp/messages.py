"""JSON-RPC 2.0 as MCP uses it: one request or notification in a body, and errors with a numeric code."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_types.jsonrpc import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    JSONRPCNotification,
    JSONRPCRequest,
)
from msgspec import Struct
from pydantic import BaseModel, ValidationError

from interlock.domain.problems import problem
from interlock.domain.strict_json import InvalidJson, parse_json

type RequestId = int | str


class ProtocolError(Exception):
    """An error response. `data` is additional information."""

    def __init__(self, code: int, message: str, data: Any = None, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data
        self.status = status or _STATUS.get(code, 400)

    def document(self) -> dict[str, Any]:
        """Return the `error` member of the response."""
        return {"code": self.code, "message": str(self), **({} if self.data is None else {"data": self.data})}


_STATUS: Mapping[int, int] = {METHOD_NOT_FOUND: 404, INTERNAL_ERROR: 200}
"""HTTP statuses of codes (Streamable HTTP, Protocol Version Header). All others answer 400."""


def invalid_params(message: str, errors: Sequence[Any] = ()) -> ProtocolError:
    """Return the error for parameters that the method does not take."""
    return ProtocolError(INVALID_PARAMS, message, {"errors": list(errors)} if errors else None)


def header_mismatch(message: str) -> ProtocolError:
    """Return the error for a header that contradicts the body, or is missing."""
    return ProtocolError(HEADER_MISMATCH, f"Header mismatch: {message}")


class Message(Struct, frozen=True):
    """A request, or a notification, which has no id."""

    method: str
    params: Mapping[str, Any]
    id: RequestId | None


def read_message(text: str) -> Message:
    """Return the message of a body. Raise `ProtocolError`: batches and responses are not accepted."""
    try:
        document = parse_json(text)
    except InvalidJson as error:
        raise ProtocolError(PARSE_ERROR, f"The body cannot be read as JSON: {error}.") from None
    is_request = isinstance(document, dict) and "id" in document
    try:
        found = (JSONRPCRequest if is_request else JSONRPCNotification).model_validate(document)
    except ValidationError as error:
        message = "The body must be one JSON-RPC 2.0 request or notification."
        raise ProtocolError(INVALID_REQUEST, message, {"errors": _errors(error)}) from None
    return Message(found.method, found.params or {}, found.id if isinstance(found, JSONRPCRequest) else None)


def read_params[Params: BaseModel](params: Mapping[str, Any], model: type[Params]) -> Params:
    """Return the parameters of a method. Raise `ProtocolError` that names the field."""
    try:
        return model.model_validate(params)
    except ValidationError as error:
        errors = _errors(error)
        raise invalid_params(f"Invalid params: {errors[0]['path']}: {errors[0]['message']}", errors) from None


def _errors(error: ValidationError) -> list[Any]:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [problem(one["loc"], one["msg"]) for one in found[:20]]
