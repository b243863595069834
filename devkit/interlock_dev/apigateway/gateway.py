"""API Gateway: SAM CLI's front end, with the errors and limits of the real service.

SAM CLI routes requests, builds events and parses the responses of authorizers and functions. Its request handler is
replaced, because it does not record who made a response, guesses function errors from the body's text, sends telemetry
to AWS, gives every request the same id and time, and ignores the template's gateway responses and the limits of 10 MB
and 29 s.

Differences from AWS: authorizer decisions are not cached (`ReauthorizeEvery`), the stage does not throttle, response
headers are not remapped (`WWW-Authenticate` and others), and a route for any method accepts TRACE and QUERY too, so
that its function answers 405. AWS supports neither and answers as for an unknown path.
"""

import json
import logging
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from flask import Response, request
from samcli.local.apigw.exceptions import InvalidLambdaAuthorizerResponse, LambdaResponseParseException
from samcli.local.apigw.local_apigw_service import LocalApigwService
from samcli.local.apigw.route import Route
from werkzeug.exceptions import HTTPException

from interlock_dev.apigateway.requests import HEADERS, REFUSAL, WholeBody
from interlock_dev.apigateway.responses import GatewayError, GatewayResponses, substitute
from interlock_dev.lambda_.environments import Invocation
from interlock_dev.lambda_.functions import Invoker
from interlock_dev.lambda_.pool import RequestTooLarge, Throttled

logger = logging.getLogger(__name__)

INTEGRATION_TIMEOUT_S = 29.0
NOT_ON_AWS = ("TRACE", "QUERY")
"""Methods that a route for any method accepts locally but not on AWS."""


class _NoRunner:
    """The one method of a Lambda runner that SAM CLI's front end calls; invocations do not go through it."""

    def is_debugging(self) -> bool:
        return False


class Gateway(LocalApigwService):  # type: ignore[misc]  # SAM CLI has no types
    """A REST API. `wsgi` is the application that serves it."""

    def __init__(
        self,
        api: Any,
        functions: Invoker,
        *,
        properties: Mapping[str, Any],
        port: int,
        timeout_s: float = INTEGRATION_TIMEOUT_S,
    ) -> None:
        for route in api.routes:
            if set(Route.ANY_HTTP_METHODS) <= set(route.methods):
                route.methods = [*route.methods, *(one for one in NOT_ON_AWS if one not in route.methods)]
        super().__init__(api=api, lambda_runner=_NoRunner(), port=port, host="127.0.0.1")
        self._functions = functions
        self._responses = GatewayResponses(properties.get("GatewayResponses") or {})
        self._access_log = (properties.get("AccessLogSetting") or {}).get("Format")
        self._timeout_s = timeout_s
        # Invocations continue after their request has timed out.
        self._invocations = ThreadPoolExecutor(max_workers=128, thread_name_prefix="integration")
        self.create()
        # SAM CLI's front end would redirect a path with doubled slashes. API Gateway has no such route.
        self._app.url_map.merge_slashes = False
        self._app.before_request(self._before)
        self._app.after_request(self._after)
        self.wsgi = WholeBody(self._app.wsgi_app)

    def close(self) -> None:
        self._invocations.shutdown(wait=False, cancel_futures=True)

    # --- Overrides of SAM CLI's front end ---

    def _construct_error_handling(self) -> None:
        self._app.register_error_handler(GatewayError, self._refuse)
        self._app.register_error_handler(HTTPException, self._no_route)
        self._app.register_error_handler(Exception, self._own_failure)

    def _generate_lambda_event(self, flask_request: Any, route: Any, method: str, endpoint: str) -> dict[str, Any]:
        event: dict[str, Any] = super()._generate_lambda_event(flask_request, route, method, endpoint)
        _separate_repeated_headers(event, flask_request.environ.get(HEADERS, []))
        return event

    def _request_handler(self, **_: str) -> Response:
        route = self._get_current_route(request)
        event = self._generate_lambda_event(request, route, *self.get_request_methods_endpoints(request))
        event["requestContext"] |= {name: self._context[name] for name in ("requestId", "requestTimeEpoch")}
        event["requestContext"]["requestTime"] = self._context["commonLogTime"]
        self._context["resourcePath"] = event["resource"]
        if route.authorizer_object is not None:
            self._authorize(route, event)
        return self._integrate(route, event)

    # --- Handling a request, in order ---

    @property
    def _context(self) -> dict[str, Any]:
        """Return the `$context` of the current request."""
        context: dict[str, Any] = request.environ["interlock.context"]
        return context

    def _before(self) -> None:
        now = datetime.now(UTC)
        request.environ["interlock.context"] = {
            "requestId": str(uuid.uuid4()),
            "requestTime": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "commonLogTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "httpMethod": request.method,
            "path": request.path,
            "stage": self.api.stage_name,
            "identity": {"sourceIp": request.remote_addr},
            "started": time.monotonic(),
        }
        refusal: GatewayError | None = request.environ[REFUSAL]
        if refusal is not None:
            raise refusal
        # On AWS, an encoded slash or line end is part of a path segment, and no route has such a segment. Here the
        # decoded slash would separate segments, and the line end would end the pattern of a policy.
        path = request.environ.get("RAW_URI", "").partition("?")[0].lower()
        if path.startswith("//") or any(odd in path for odd in ("%2f", "%0a", "%0d")):
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")

    def _authorize(self, route: Any, event: dict[str, Any]) -> None:
        """Call the route's authorizer. Raise `GatewayError` unless it allows the request."""
        authorizer = route.authorizer_object
        if not self._valid_identity_sources(request, route):
            raise GatewayError("UNAUTHORIZED", "Unauthorized")
        asked = self._generate_lambda_authorizer_event(request, route, authorizer)
        if "requestContext" in asked:
            asked["requestContext"] = event["requestContext"]
            # A REQUEST authorizer receives everything except the body.
            del asked["body"], asked["isBase64Encoded"]
        answer = self._invoke(authorizer.lambda_name, asked, "AUTHORIZER_FAILURE")
        if answer.error:
            # API Gateway maps this message, and no other, to 401.
            if answer.error_message == "Unauthorized":
                raise GatewayError("UNAUTHORIZED", "Unauthorized")
            raise GatewayError("AUTHORIZER_FAILURE", "Internal server error")
        try:
            allowed = authorizer.is_valid_response(answer.payload, asked["methodArn"])
            context = _authorizer_context(authorizer.get_context(answer.payload))
        except (InvalidLambdaAuthorizerResponse, AttributeError) as error:
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", "Internal server error") from error
        self._context["authorizer"] = context
        event["requestContext"]["authorizer"] = context
        if not allowed:
            raise GatewayError("ACCESS_DENIED", "User is not authorized to access this resource")

    def _integrate(self, route: Any, event: Mapping[str, Any]) -> Response:
        answer = self._invoke(route.function_name, event, "INTEGRATION_FAILURE")
        if answer.error:
            raise GatewayError("MALFORMED_RESPONSE", "Internal server error")
        try:
            status, headers, body = self._parse_v1_payload_format_lambda_output(
                answer.payload.decode(), self.api.binary_media_types, request, route.event_type
            )
        except (LambdaResponseParseException, ValueError) as error:
            raise GatewayError("MALFORMED_RESPONSE", "Internal server error") from error
        response: Response = self.service_response(body, headers, status)
        return response

    def _invoke(self, function: str, event: Mapping[str, Any], failure: str) -> Invocation:
        payload = json.dumps(event).encode()
        future = self._invocations.submit(self._functions.invoke, function, payload, wait_s=self._timeout_s)
        try:
            return future.result(self._timeout_s)
        except TimeoutError:
            raise GatewayError("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None
        except RequestTooLarge:
            raise GatewayError("REQUEST_TOO_LARGE", "Request Too Long") from None
        except Throttled:
            raise GatewayError(failure, "Internal server error") from None

    # --- Responses ---

    def _refuse(self, error: GatewayError) -> Response:
        rendered = self._responses.render(error, self._context)
        return Response(rendered.body, rendered.status, rendered.headers)

    def _no_route(self, error: HTTPException) -> Response:
        # API Gateway answers unknown paths and unknown methods as a missing signature.
        if error.code in {404, 405}:
            return self._refuse(GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token"))
        return self._refuse(GatewayError("BAD_REQUEST_PARAMETERS", error.name))

    def _own_failure(self, error: Exception) -> Response:
        logger.error("the local gateway failed", exc_info=error)
        return self._refuse(GatewayError("API_CONFIGURATION_ERROR", "Internal server error"))

    def _after(self, response: Response) -> Response:
        context = self._context
        response.headers["x-amzn-RequestId"] = context["requestId"]
        if self._access_log:
            latency_ms = round((time.monotonic() - context["started"]) * 1000)
            full = {**context, "status": response.status_code, "responseLatency": latency_ms}
            sys.stderr.write(substitute(self._access_log, full, missing="-") + "\n")
        return response


def _separate_repeated_headers(event: dict[str, Any], sent: Iterable[tuple[str, str]]) -> None:
    """Set repeated headers as API Gateway does: all values in `multiValueHeaders`, the last one in `headers`."""
    values: dict[str, list[str]] = {}
    for name, value in sent:
        values.setdefault(name.lower(), []).append(value)
    for name in event["multiValueHeaders"]:
        if len(several := values.get(name.lower(), [])) > 1:
            event["headers"][name], event["multiValueHeaders"][name] = several[-1], several


def _authorizer_context(context: Mapping[str, Any]) -> dict[str, str]:
    """Return the authorizer's context as text, as the integration receives it. Only scalars are valid."""
    if any(isinstance(value, (dict, list)) for value in context.values()):
        raise InvalidLambdaAuthorizerResponse("the context of an authorizer holds scalars alone")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in context.items()}
