"""Responses: the table from error codes to HTTP statuses, and responses with the error envelope."""

from collections.abc import Mapping
from typing import Any

from interlock.domain.access import CHALLENGE
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.json_text import as_text
from interlock.http.envelope import error_object
from interlock.http.powertools import Response

STATUS_BY_CODE: Mapping[ErrorCode, int] = {
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.NOT_FINISHED: 409,
    ErrorCode.ALREADY_FINISHED: 409,
    ErrorCode.EXPIRED: 409,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.IDEMPOTENCY_MISMATCH: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.UNAVAILABLE: 503,
}
"""HTTP statuses of the codes. All others answer 400."""

RETRY_AFTER_S: Mapping[ErrorCode, int] = {
    ErrorCode.NOT_FINISHED: 1,
    ErrorCode.RATE_LIMITED: 1,
    ErrorCode.UNAVAILABLE: 2,
}
"""Seconds of the `Retry-After` header (RFC 9110, section 10.2.3), if the details have no `retry_after_s`."""

ACCEPTED_HEADERS = {"Retry-After": "1"}
"""Headers of a 202: when to check whether the job has finished."""

NOT_STORED = {"Cache-Control": "no-store"}
"""Headers of a response with a key or a secret, which no cache may store (RFC 9111, section 5.2.2.5)."""


def json_response(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response[str]:
    """Return a JSON response, in ASCII, so that any text can be encoded."""
    return Response(status, "application/json", as_text(body), headers=dict(headers or {}))


def error_response(
    error: ErrorInfo, *, status: int | None = None, headers: Mapping[str, str] | None = None, **about: Any
) -> Response[str]:
    """Return the error envelope with the status of its code. `about` are arguments of `error_object`."""
    known = {}
    if error.code is ErrorCode.UNAUTHORIZED:
        known["WWW-Authenticate"] = CHALLENGE
    if error.code in RETRY_AFTER_S:
        known["Retry-After"] = str(error.details.get("retry_after_s", RETRY_AFTER_S[error.code]))
    return json_response(
        status or STATUS_BY_CODE.get(error.code, 400),
        {"error": error_object(error, **about)},
        {**known, **(headers or {})},
    )
