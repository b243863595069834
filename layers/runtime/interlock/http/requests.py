"""Read requests: the caller, times, the JSON body, the query, and the `Prefer` and `Idempotency-Key` headers."""

import base64
import re
import time
from collections.abc import Mapping
from typing import Any, Self

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from msgspec import Struct

from interlock.domain.access import Principal, Scope
from interlock.domain.deadline import Deadline
from interlock.domain.errors import Forbidden, InvalidRequest, NotFound, Unauthorized
from interlock.domain.problems import Problem, first_of, problem
from interlock.domain.strict_json import InvalidJson, parse_json
from interlock.http.documents.values import JOB_ID, MAX_PAGE
from interlock.http.models import RequestBody
from interlock.plugins.validation import SchemaValidator

MAX_WAIT_S = 20

DEFAULT_LIMIT = 50
"""Entries of a page, unless `limit` is given."""

MAX_PREFER = 1000
"""Maximum length of `Prefer` in characters. The time to parse it may grow with the square of its length."""

GATEWAY_TIMEOUT_S = 29.0
"""After this time the gateway answers instead of the function (API Gateway's integration timeout)."""

ANSWER_MARGIN_S = 1.0
"""Time of the invocation that is reserved to answer a caller that waits for a job."""

_validator = SchemaValidator()
_WHITE_SPACE = " \t\r\n"

_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_QUOTED = r'"(?:\\.|[^"\\])*"'
_PREFERENCE = re.compile(rf'(?:{_QUOTED}|[^,"])+')
_BEFORE_PARAMETERS = re.compile(rf'(?:{_QUOTED}|[^;"])*')


def authorized(event: APIGatewayProxyEvent, scope: Scope) -> Principal:
    """Return the authenticated caller. Raise `Unauthorized`, or `Forbidden` without the scope."""
    principal = authenticated(event)
    check_scope(principal, scope)
    return principal


def check_scope(principal: Principal, scope: Scope) -> None:
    """Raise `Forbidden` if the caller lacks the scope."""
    if not principal.allows(scope):
        raise Forbidden(f"This call needs the scope {scope.value!r}, which the API key lacks.", scope=scope.value)


def authenticated(event: APIGatewayProxyEvent) -> Principal:
    """Return the authenticated caller, whatever its scopes. Raise `Unauthorized`."""
    found = event["requestContext"].get("authorizer") or {}
    if not found.get("tenant"):
        raise Unauthorized
    return Principal(
        found["tenant"],
        found.get("key_id", ""),
        frozenset(found.get("scopes", "").split()),
        int(found["concurrency"]) if found.get("concurrency") else None,
    )


def json_body[Body: RequestBody](event: APIGatewayProxyEvent, body: type[Body], *, optional: bool = False) -> Body:
    """Return the body as its type. Raise `InvalidRequest` that names the field."""
    return as_body(json_document(event, empty={} if optional else None), body)


def json_document(event: APIGatewayProxyEvent, *, empty: Any = None) -> Any:
    """Return the body as JSON. An empty body counts as `empty`, unless that is None. Raise `InvalidRequest`."""
    if empty is not None and not body_text(event).strip(_WHITE_SPACE):
        return empty
    media_type = header(event, "Content-Type").partition(";")[0].strip().lower()
    if media_type not in {"", "application/json"}:
        raise InvalidRequest(f"Content-Type is {media_type!r}: send the body as application/json.")
    try:
        return parse_json(body_text(event))
    except InvalidJson as error:
        raise InvalidRequest(f"The body cannot be read as JSON: {error}.") from None


def as_body[Body: RequestBody](document: Any, body: type[Body]) -> Body:
    """Return a JSON document as the type of a body. Raise `InvalidRequest` that names the field."""
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object.", errors=[problem((), "must be a JSON object")])
    problems = _validator.problems(body.__name__, body.SCHEMA, document)
    if problems:
        raise invalid_body(problems)
    return body(**document)


def invalid_body(problems: list[Problem]) -> InvalidRequest:
    """Return the error for a body with these problems."""
    return InvalidRequest(f"The body is not a valid request: {first_of(problems, ': ')}.", errors=problems)


def body_text(event: APIGatewayProxyEvent) -> str:
    """Return the body as text. Raise `InvalidRequest`."""
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body
    try:
        content = base64.b64decode(body, validate=True)
    except ValueError:
        raise InvalidRequest("The body is not valid base64.") from None
    return content.decode("utf-8", "surrogateescape")  # bytes that are not UTF-8 become surrogates, which are refused


def header(event: APIGatewayProxyEvent, name: str) -> str:
    """Return the value of a header by its case-insensitive name, empty if there is none.

    Several values are joined by commas (RFC 9110, section 5.3).
    """
    return ", ".join(_lines(event, name))


def _lines(event: APIGatewayProxyEvent, name: str) -> list[str]:
    several = event.get("multiValueHeaders") or {key: [value] for key, value in (event.get("headers") or {}).items()}
    wanted = name.lower()
    return [value for key, values in several.items() if key.lower() == wanted for value in values]


def job_id_of(text: str) -> str:
    """Return a valid job id. Malformed ids raise `NotFound` without a table read: they may be too long for a key."""
    return _id_of(text, "job")


def batch_id_of(text: str) -> str:
    """Return a valid batch id. Malformed ids raise `NotFound`, as above."""
    return _id_of(text, "batch")


def _id_of(text: str, what: str) -> str:
    if not re.fullmatch(JOB_ID, text):
        raise NotFound(f"There is no {what} {text[:40]!r}.")
    return text


def job_location(event: APIGatewayProxyEvent, job_id: str) -> str:
    """Return the path of a job's URL: with the stage, or the base path of a domain, if the request's URL has one."""
    return _location(event, "jobs", job_id)


def batch_location(event: APIGatewayProxyEvent, batch_id: str) -> str:
    """Return the path of a batch's URL, as above."""
    return _location(event, "batches", batch_id)


def _location(event: APIGatewayProxyEvent, collection: str, name: str) -> str:
    before, _, _ = str(event["requestContext"].get("path") or "").rpartition("/v1/")
    return f"{before}/v1/{collection}/{name}"


def query(event: APIGatewayProxyEvent, *known: str) -> Mapping[str, list[str]]:
    """Return the query's values by name. Raise `InvalidRequest` for an unknown name."""
    several = event.get("multiValueQueryStringParameters") or {
        key: [value] for key, value in (event.get("queryStringParameters") or {}).items()
    }
    for name in several:
        if name not in known:
            there_are = f"There are: {', '.join(known)}." if known else "This route takes none."
            raise InvalidRequest(f"Unknown query parameter {name!r}. {there_are}")
    return several


def single(values: Mapping[str, list[str]], name: str) -> str | None:
    """Return a query parameter. Raise `InvalidRequest` if it is repeated or empty."""
    given = values.get(name)
    if not given:
        return None
    if len(given) > 1:
        raise InvalidRequest(f"Query parameter {name!r} may be given only once.")
    if not given[0]:
        raise InvalidRequest(f"Query parameter {name!r} is empty: leave it out or give it a value.")
    return given[0]


def limit_of(values: Mapping[str, list[str]]) -> int:
    """Return how many entries a page may have. Raise `InvalidRequest`."""
    text = single(values, "limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (re.fullmatch("[0-9]{1,9}", text) and 1 <= int(text) <= MAX_PAGE):
        raise InvalidRequest(f"limit={text[:20]!r} must be a whole number from 1 to {MAX_PAGE}.")
    return int(text)


class Preferences(Struct, frozen=True):
    """The preferences of a request (RFC 7240). `wait_s` is None without `wait`, and where waiting is off."""

    respond_async: bool
    wait_s: int | None

    @property
    def execution_wait_s(self) -> int | None:
        """The seconds to wait for an asynchronous job, None for a synchronous run.

        `wait` alone asks for an asynchronous job as well: a response that takes longer may be a 202 (section 4.3).
        """
        return self.wait_s or 0 if self.respond_async else self.wait_s

    @property
    def applied(self) -> Mapping[str, str]:
        """The header that names the preference that an execution applied (section 3)."""
        return {"Preference-Applied": "respond-async"} if self.respond_async else self.wait_applied

    @property
    def wait_applied(self) -> Mapping[str, str]:
        """The same header for a request that can only wait, not start a job."""
        return {} if self.wait_s is None else {"Preference-Applied": f"wait={self.wait_s}"}


def preferences(event: APIGatewayProxyEvent, *, max_wait_s: int) -> Preferences:
    """Return the preferences of a request, with `wait` capped; a cap of 0 turns waiting off.

    Raise `InvalidRequest` if `wait` is not a whole number of seconds up to 20, or if the header is too long.
    """
    text = header(event, "Prefer")
    if len(text) > MAX_PREFER:
        raise InvalidRequest(f"Prefer must have at most {MAX_PREFER:,} characters.")
    asked = _preferences(text)
    wait_s = None
    if "wait" in asked:
        wait = asked["wait"] or "0"
        if not re.fullmatch("[0-9]{1,9}", wait) or int(wait) > MAX_WAIT_S:
            raise InvalidRequest(f"Prefer: wait={wait[:20]} must be whole seconds from 0 to {MAX_WAIT_S}.")
        wait_s = min(int(wait), max_wait_s) if max_wait_s else None
    return Preferences("respond-async" in asked, wait_s)


def idempotency_key(event: APIGatewayProxyEvent) -> str | None:
    """Return the `Idempotency-Key`, if any. Raise `InvalidRequest` unless it is 1 to 255 printable ASCII."""
    keys = _lines(event, "Idempotency-Key")
    if not keys:
        return None
    if len(keys) > 1:
        raise InvalidRequest("Idempotency-Key may be given only once.")
    if not _IDEMPOTENCY_KEY.fullmatch(keys[0]):
        raise InvalidRequest("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return keys[0]


def _preferences(text: str) -> dict[str, str]:
    """Parse preferences (RFC 7240, section 2): case-insensitive, the first of a name counts, parameters are ignored."""
    found: dict[str, str] = {}
    for item in _PREFERENCE.findall(text):
        preference_itself = _BEFORE_PARAMETERS.match(item)
        name, _, value = (preference_itself.group() if preference_itself else "").partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


class RequestTimes(Struct, frozen=True):
    """When a request was received (`time.monotonic`), and `due`, when it must be answered."""

    received_at: float
    due: Deadline

    @classmethod
    def of(cls, event: APIGatewayProxyEvent, context: Any) -> Self:
        received_at = _received_at(event)
        invocation = Deadline.after(context.get_remaining_time_in_millis() / 1000)
        return cls(received_at, invocation.no_later_than(received_at + GATEWAY_TIMEOUT_S))

    def waiting(self, wait_s: float) -> Deadline:
        """Return the deadline for waiting: `wait_s` seconds after the request was received (RFC 7240, section 4.3)."""
        return self.due.earlier(ANSWER_MARGIN_S).no_later_than(self.received_at + wait_s)


def _received_at(event: APIGatewayProxyEvent) -> float:
    """Return when the gateway received the request, on the monotonic clock.

    The gateway's clock also counts the time that a function takes to start. A request older than the gateway's timeout
    is a replay of a stored event: it counts as received now.
    """
    age = time.time() - float(event.request_context.get("requestTimeEpoch") or 0) / 1000
    return time.monotonic() - (age if 0 <= age < GATEWAY_TIMEOUT_S else 0)
