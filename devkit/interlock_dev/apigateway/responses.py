"""Responses that API Gateway generates itself, with the bodies that the template defines.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
A response type that the template does not define uses its DEFAULT_4XX or DEFAULT_5XX, or else AWS's default body.
Templates support `$context` variables and nothing else of VTL.

One difference from AWS: `$context.requestTime` is RFC 3339 here, like the envelope's times; AWS uses the Common
Log Format.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STATUS = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 502,
    "BAD_REQUEST_LINE": 400,
    "AUTHORIZER_CONFIGURATION_ERROR": 502,
    "AUTHORIZER_FAILURE": 502,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "EXPIRED_TOKEN": 403,
    "HEADERS_TOO_LARGE": 431,
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MALFORMED_RESPONSE": 502,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "URI_TOO_LONG": 414,
    "WAF_FILTERED": 403,
}
"""Response types of AWS with their default status codes.

MALFORMED_RESPONSE is our name for the 502 after a function failed or returned an invalid response, which only
DEFAULT_5XX can change. BAD_REQUEST_LINE, URI_TOO_LONG and HEADERS_TOO_LARGE are ours, too: AWS rejects such requests
before gateway responses apply. AUTHORIZER_* and API_CONFIGURATION_ERROR have another status on AWS, which the
template's DEFAULT_5XX changes as well.
"""

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
_AWS_BODY = '{"message":$context.error.messageString}'


class GatewayError(Exception):
    """The gateway rejects a request. `kind` is a key of `STATUS`, the message is AWS's."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Rendered:
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    body: str


class GatewayResponses:
    """The gateway responses of an API (`GatewayResponses` in its properties)."""

    def __init__(self, responses: Mapping[str, Mapping[str, Any]]) -> None:
        self._responses = responses

    def render(self, error: GatewayError, context: Mapping[str, Any]) -> Rendered:
        """Return the response to a rejected request. `context` holds the request's variables, nested."""
        status = STATUS[error.kind]
        response = self._responses.get(error.kind) or self._responses.get(f"DEFAULT_{status // 100}XX") or {}
        full = {
            **context,
            "error": {
                "message": error.message,
                "messageString": json.dumps(error.message),
                "responseType": error.kind,
            },
        }
        content_type, template = _template(response.get("ResponseTemplates") or {})
        headers = {
            "Content-Type": content_type,
            **{name: _parameter(value, full) for name, value in _header_parameters(response).items()},
        }
        return Rendered(int(response.get("StatusCode", status)), headers, substitute(template, full))


def substitute(template: str, context: Mapping[str, Any], *, missing: str = "") -> str:
    """Replace the `$context` variables; those without a value become `missing`."""
    return _VARIABLE.sub(lambda match: lookup(context, match[1], missing), template)


def lookup(context: Mapping[str, Any], path: str, missing: str = "") -> str:
    """Return the value of a context variable as text."""
    value: Any = context
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return missing if value is None else str(value)


def _template(templates: Mapping[str, str]) -> tuple[str, str]:
    if not templates or "application/json" in templates:
        return "application/json", templates.get("application/json", _AWS_BODY)
    return next(iter(templates.items()))


def _header_parameters(response: Mapping[str, Any]) -> Mapping[str, str]:
    parameters: Mapping[str, str] = (response.get("ResponseParameters") or {}).get("Headers") or {}
    return parameters


def _parameter(value: str, context: Mapping[str, Any]) -> str:
    """Return a header's value: text in single quotes, or a context variable without its `$`."""
    if value.startswith("'") and value.endswith("'"):
        return value[1:-1]
    return lookup(context, value.removeprefix("context."))
