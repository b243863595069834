"""The resolver of the HTTP functions: routes with their methods, and errors as envelopes."""

import logging
from collections import defaultdict
from collections.abc import Callable
from copy import replace
from typing import Any, Self

from interlock import log_fields
from interlock.domain.access import METADATA_PATH
from interlock.domain.errors import ErrorCode, ErrorInfo, InterlockError
from interlock.http.limits import RateLimits
from interlock.http.powertools import APIGatewayRestResolver, NextMiddleware, NotFoundError, Response
from interlock.http.responses import error_response

logger = logging.getLogger(__name__)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
"""HTTP methods: RFC 9110 (without CONNECT, which has no path), RFC 5789, and QUERY."""


REQUEST_ID = "X-Request-Id"
"""The header of all responses with the id of the request, for support."""

READ_HEADERS = frozenset({"content-type", "idempotency-key", "prefer"})
"""The headers that routes read."""

MCP_PATH = "/mcp"

_MORE_HEADERS = ("content-type", "host", "mcp-", "origin", "x-forwarded-proto")
_READ_MORE = (MCP_PATH, METADATA_PATH)
"""The paths that read more headers, and the prefixes of these headers' names."""


class HttpApp:
    """Powertools' REST resolver with the contract's errors: 404 and 405 as envelopes, 429 for a key over its rate, 503
    for a service that is down."""

    def __init__(self, limits: RateLimits, *, at_end: Callable[[], None] = lambda: None) -> None:
        log_fields.install()
        self.resolver = APIGatewayRestResolver()
        self._at_end = at_end
        self.resolver.use(middlewares=[_rate_limiter(limits)])
        self._methods: dict[str, list[str]] = defaultdict(list)
        self.resolver.exception_handler(InterlockError)(_refused)
        self.resolver.exception_handler(NotFoundError)(_no_route)
        self.resolver.exception_handler(Exception)(_unknown)

    def route[F: Callable[..., Response[str]]](self, method: str, path: str) -> Callable[[F], F]:
        """Register a function for a method of a path, with `<name>` for its parameters."""

        def register(function: F) -> F:
            self._methods[path].append(method)
            self.resolver.route(path, method)(function)
            return function

        return register

    def resolve(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answer an event of the REST API's proxy integration, and call `at_end`."""
        _keep_read_headers(event)
        _begin_log(event)
        try:
            answer = self.resolver.resolve(event, context)
            answer["multiValueHeaders"][REQUEST_ID] = [_request_id()]
            return answer
        finally:
            self._at_end()

    def close_routes(self) -> Self:
        """Answer all other methods of the registered paths with 405 and `Allow` (RFC 9110, section 15.5.6)."""
        for path, methods in self._methods.items():
            allow = ", ".join(methods)
            self.resolver.route(path, [method for method in METHODS if method not in methods])(_refuser(allow))
        return self


def _rate_limiter(limits: RateLimits) -> Callable[[APIGatewayRestResolver, NextMiddleware], Response[str]]:
    # A function and not a bound method: Powertools caches the result of inspecting the signature on the callable.
    def limited(resolver: APIGatewayRestResolver, route: NextMiddleware) -> Response[str]:
        # The rate is checked before the route, so the check covers all routes, and before the body is parsed, so it
        # costs little.
        limits.check(resolver.current_event["requestContext"].get("authorizer") or {})
        return route(resolver)

    return limited


def _keep_read_headers(event: dict[str, Any]) -> None:
    """Remove all headers that no route reads. The caller's key or token is one of them: only the authorizer reads it.

    A request has about twenty headers, and every search for a header would go through all of them.
    """
    several = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
    if event.get("path") in _READ_MORE:
        read = {name: values for name, values in several.items() if name.lower().startswith(_MORE_HEADERS)}
    else:
        read = {name: values for name, values in several.items() if name.lower() in READ_HEADERS}
    event["multiValueHeaders"] = read
    event["headers"] = {}
    identity = event.get("requestContext", {}).get("identity") or {}
    identity.pop("apiKey", None)  # a copy that API Gateway makes where a usage plan asks for keys


def _begin_log(event: dict[str, Any]) -> None:
    context = event.get("requestContext") or {}
    caller = context.get("authorizer") or {}
    log_fields.begin(
        request_id=context.get("requestId"), tenant=caller.get("tenant"), key_id=caller.get("key_id") or None
    )


def _request_id() -> str:
    """Return the gateway's id of the current request, which its access log has too."""
    return str(log_fields.current().get("request_id", ""))


def _refuser(allow: str) -> Callable[..., Response[str]]:
    def refuse(**_: str) -> Response[str]:
        error = ErrorInfo(ErrorCode.INVALID_REQUEST, f"This route takes {allow}.", {"allow": allow.split(", ")})
        return error_response(error, status=405, headers={"Allow": allow})

    return refuse


def _refused(error: InterlockError) -> Response[str]:
    if error.code is not ErrorCode.UNAVAILABLE:
        return error_response(error.info, **error.about)
    logger.error("a service is down", exc_info=error)
    return error_response(_with_request_id(error.info), **error.about)


def _no_route(_: NotFoundError) -> Response[str]:
    return error_response(ErrorInfo(ErrorCode.NOT_FOUND, "There is no such route."))


def _unknown(error: Exception) -> Response[str]:
    # A defect of the service. Its details are logged and not shown to the caller.
    logger.error("unexpected error", exc_info=error)
    return error_response(_with_request_id(ErrorInfo(ErrorCode.UNAVAILABLE, "The service failed. Try again shortly.")))


def _with_request_id(error: ErrorInfo) -> ErrorInfo:
    return replace(error, message=f"{error.message} Request id: {_request_id()}.")
