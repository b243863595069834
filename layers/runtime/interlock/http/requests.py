"""Requests as the gateway hands them over: who is calling, the JSON body, the query, the `Prefer` header."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, ValidationError

from interlock.domain.access import Principal, Scope
from interlock.domain.errors import Forbidden, InvalidRequest, Unauthorized
from interlock.schema_validation import pointer

MAX_WAIT_S = 20

_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def authorized(event: APIGatewayProxyEvent, scope: Scope) -> Principal:
    """Who is calling, as the authorizer found it. Raises `Unauthorized`, and `Forbidden` without the scope."""
    found = event["requestContext"].get("authorizer") or {}
    if not found.get("tenant"):
        raise Unauthorized
    principal = Principal(found["tenant"], found.get("key_id", ""), frozenset(found.get("scopes", "").split()))
    if not principal.allows(scope):
        raise Forbidden(f"This call needs the scope {scope.value!r}, which the API key lacks.", scope=scope.value)
    return principal


def json_body[Model: BaseModel](event: APIGatewayProxyEvent, model: type[Model], *, optional: bool = False) -> Model:
    """The body as a model. Raises `InvalidRequest` that names the field."""
    text = _text(event)
    if optional and not text.strip():
        return model()
    media_type = header(event, "Content-Type").partition(";")[0].strip().lower()
    if media_type not in {"", "application/json"}:
        raise InvalidRequest(f"Content-Type is {media_type!r}: send the body as application/json.")
    document = _parsed(text)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = [{"path": pointer(item["loc"]), "message": item["msg"]} for item in error.errors()]
        first = problems[0]
        message = f"The body is not a valid request: {first['path'] or '/'}: {first['message']}."
        raise InvalidRequest(message, errors=problems) from None


def _text(event: APIGatewayProxyEvent) -> str:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequest("The body is not UTF-8 text.") from None


def _parsed(text: str) -> Any:
    try:
        document = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.") from None
    except ValueError as error:
        raise InvalidRequest(f"The body is not JSON: {error}.") from None
    # JSON's \u escapes can spell half a character, which no encoder takes afterwards.
    if "\\ud" in text.lower() and _LONE_SURROGATE.search(json.dumps(document, ensure_ascii=False)):
        raise InvalidRequest("The body holds a lone surrogate (\\ud800 to \\udfff), which is not Unicode text.")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def header(event: APIGatewayProxyEvent, name: str) -> str:
    """A header's value in whatever case it was sent, several joined by commas (RFC 9110, section 5.3), or empty."""
    several = event.get("multiValueHeaders") or {key: [value] for key, value in (event.get("headers") or {}).items()}
    return ", ".join(value for key, values in several.items() if key.lower() == name.lower() for value in values)


def query(event: APIGatewayProxyEvent, *known: str) -> Mapping[str, list[str]]:
    """The query's values by name. Raises `InvalidRequest` for a name that is not known."""
    several = event.get("multiValueQueryStringParameters") or {
        key: [value] for key, value in (event.get("queryStringParameters") or {}).items()
    }
    for name in several:
        if name not in known:
            raise InvalidRequest(f"Unknown query parameter {name!r}. There are: {', '.join(known)}.")
    return several


def single(values: Mapping[str, list[str]], name: str) -> str | None:
    """A query parameter that may stand once and not empty. Raises `InvalidRequest`."""
    given = values.get(name)
    if not given:
        return None
    if len(given) > 1:
        raise InvalidRequest(f"Query parameter {name!r} may stand once.")
    if not given[0]:
        raise InvalidRequest(f"Query parameter {name!r} is empty: leave it out or give it a value.")
    return given[0]


def preference(event: APIGatewayProxyEvent) -> int | None:
    """None: run now. Else the seconds that the caller is ready to wait for an asynchronous job, 0 without `wait`
    (RFC 7240). Raises `InvalidRequest` for a `wait` that is no whole number of seconds up to 20."""
    asked = _preferences(header(event, "Prefer"))
    if "respond-async" not in asked:
        return None
    wait = asked.get("wait") or "0"
    if not (wait.isascii() and wait.isdigit()) or int(wait) > MAX_WAIT_S:
        raise InvalidRequest(f"Prefer: wait={wait} must be whole seconds from 0 to {MAX_WAIT_S}.")
    return int(wait)


def idempotency_key(event: APIGatewayProxyEvent) -> str | None:
    """The `Idempotency-Key`, if there is one. Raises `InvalidRequest` unless it is 1 to 255 printable ASCII."""
    key = header(event, "Idempotency-Key")
    if not key and not has_header(event, "Idempotency-Key"):
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return key


def has_header(event: APIGatewayProxyEvent, name: str) -> bool:
    names = event.get("multiValueHeaders") or event.get("headers") or {}
    return any(key.lower() == name.lower() for key in names)


def _preferences(text: str) -> dict[str, str]:
    """RFC 7240, section 2: names in any case, of a repeated one the first counts, parameters after `;` are ignored."""
    found: dict[str, str] = {}
    for item in text.split(","):
        name, _, value = item.partition(";")[0].partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found
