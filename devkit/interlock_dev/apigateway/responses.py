"""What API Gateway answers by itself, as the template words it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
A response type that the template does not name falls to its DEFAULT_4XX or DEFAULT_5XX, and without one to AWS's own
body. Templates know `$context` variables and no other of VTL.

One difference from AWS: `$context.requestTime` is RFC 3339 here, as the envelope has it; AWS writes it in the Common
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
"""AWS's response types with the status that they have when the template gives none.

MALFORMED_RESPONSE is none of them: it names the 502 for a function that failed or answered nonsense, which only
DEFAULT_5XX can change. Nor are BAD_REQUEST_LINE, URI_TOO_LONG and HEADERS_TOO_LARGE: on AWS such requests do not get as
far as a gateway response. AUTHORIZER_* and API_CONFIGURATION_ERROR have another on AWS, one that nothing of Interlock
answers; its template's DEFAULT_5XX changes it there, too.
"""

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
_AWS_BODY = '{"message":$context.error.messageString}'


class GatewayError(Exception):
    """The gateway itself ends the request: `kind` is one of `STATUS`, the message AWS's own."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Rendered:
    """A response that is ready to be sent."""

    status: int
    headers: Mapping[str, str]
    body: str


class GatewayResponses:
    """The gateway responses of one API (the `GatewayResponses` of its properties)."""

    def __init__(self, responses: Mapping[str, Mapping[str, Any]]) -> None:
        self._responses = responses

    def render(self, error: GatewayError, context: Mapping[str, Any]) -> Rendered:
        """The response for a refusal. `context`: the variables that are known of the request, nested."""
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
    """Replaces the `$context` variables; one that has no value becomes `missing`."""
    return _VARIABLE.sub(lambda match: lookup(context, match[1], missing), template)


def lookup(context: Mapping[str, Any], path: str, missing: str = "") -> str:
    """The value of a context variable as text."""
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
    """A header parameter: a text in single quotes, or a context variable without its `$`."""
    if value.startswith("'") and value.endswith("'"):
        return value[1:-1]
    return lookup(context, value.removeprefix("context."))
