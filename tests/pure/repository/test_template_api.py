"""The gateway of template.yaml: routes, keys and its own responses."""

import json
import re
from collections.abc import Iterator, Mapping

import jsonschema_rs
import pytest
from botocore.loaders import Loader

from interlock.domain import errors
from interlock.domain.access import CHALLENGE, METADATA_PATH, ApiKey
from interlock.domain.errors import ERROR_TYPES, ErrorCode
from interlock.http.authorizer import NO_KEY, decision
from interlock.http.responses import RETRY_AFTER_S, STATUS_BY_CODE
from tests.pure.repository.template import FUNCTIONS, NOW, OPENAPI, RESOURCES, Json, properties


def api_events() -> Iterator[tuple[str, Json]]:
    for function in FUNCTIONS:
        for event in properties(function).get("Events", {}).values():
            if event["Type"] == "Api":
                yield function, event["Properties"]


# --- The API ---

CONSOLE = {"/console", "/console/{proxy+}"}
"""Paths of the console, which is not a part of the API and needs no key to load."""


def test_paths_match_the_openapi_document() -> None:
    paths = [event["Path"] for _, event in api_events()]
    assert len(paths) == len(set(paths))
    assert set(paths) == set(OPENAPI["paths"]) | CONSOLE
    assert all(event["RestApiId"] == {"Ref": "Api"} for _, event in api_events())


def test_keys_are_required_except_on_the_open_routes() -> None:
    auth = RESOURCES["Api"]["Properties"]["Auth"]
    authorizer = auth["Authorizers"][auth["DefaultAuthorizer"]]
    assert authorizer["FunctionPayloadType"] == "REQUEST"
    assert authorizer["FunctionArn"] == {"Ref": "AuthorizeFunction.Alias"}
    # With an identity source, the gateway would refuse requests with a token and no key without calling the
    # authorizer; without one it cannot cache.
    assert authorizer["Identity"] == {"ReauthorizeEvery": 0}
    open_paths = {event["Path"] for _, event in api_events() if event.get("Auth", {}).get("Authorizer") == "NONE"}
    without_key = {
        path for path, item in OPENAPI["paths"].items() if all(one["security"] == [] for one in item.values())
    }
    assert without_key == {"/v1/health", "/v1/openapi.json", METADATA_PATH}
    assert open_paths == without_key | CONSOLE


# --- Gateway responses ---

GATEWAY_RESPONSES: Json = RESOURCES["Api"]["Properties"]["GatewayResponses"]


SAMPLES: Mapping[str, str] = {
    # In the format of AWS: the time in the Common Log Format, the message with its quotes.
    "$context.requestTime": "22/Nov/2026:10:11:12 +0000",
    "$context.error.messageString": json.dumps('Invalid "request" body'),
    "$context.authorizer.timestamp": "2026-11-22T10:11:12.345Z",
    "$context.authorizer.message": NO_KEY,
    "$context.requestId": "b7c1f2a4",
}
_VARIABLE = re.compile(r"\$context(?:\.\w+)+")


def rendered(kind: str) -> Json:
    """Return the body of a gateway response with its variables replaced. AWS supports no VTL here."""
    [(media_type, template)] = GATEWAY_RESPONSES[kind]["ResponseTemplates"].items()
    assert media_type == "application/json"
    text = _VARIABLE.sub(lambda match: SAMPLES[match[0]], template)
    assert "$" not in text
    envelope: Json = json.loads(text)
    return envelope


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("REQUEST_TOO_LARGE", errors.PayloadTooLarge(limit_bytes=errors.MAX_REQUEST_BYTES)),
        ("DEFAULT_5XX", errors.ServiceUnavailable(service="table")),
    ],
)
def test_gateway_and_functions_use_the_same_message(kind: str, error: errors.InterlockError) -> None:
    message = rendered(kind)["error"]["message"]
    assert message.removesuffix(" Request id: b7c1f2a4.") == str(error)
    assert ("Request id" in message) is (kind == "DEFAULT_5XX")
    assert rendered(kind)["error"]["details"].get("limit_bytes") == error.details.get("limit_bytes")


@pytest.mark.parametrize("kind", GATEWAY_RESPONSES)
def test_gateway_responses_have_the_error_envelope(kind: str) -> None:
    envelope = rendered(kind)
    schema = {"$ref": "#/components/schemas/ErrorEnvelope", "components": OPENAPI["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert [error.message for error in validator.iter_errors(envelope)] == []
    error = envelope["error"]
    code = ErrorCode(error["code"])
    assert error["type"] == ERROR_TYPES[code]
    assert error["retryable"] is (code in errors.RETRYABLE)
    # DEFAULT_4XX keeps the status of the response that it replaces.
    status = GATEWAY_RESPONSES[kind].get("StatusCode")
    assert status == (None if kind == "DEFAULT_4XX" else STATUS_BY_CODE[code])
    headers = dict(GATEWAY_RESPONSES[kind]["ResponseParameters"]["Headers"])
    assert headers.pop("X-Request-Id") == "context.requestId"
    if code is ErrorCode.UNAUTHORIZED:
        # The authorizer sets the challenge of its denials, since it knows whether tokens are accepted.
        challenge = "context.authorizer.challenge" if kind == "ACCESS_DENIED" else f"'{CHALLENGE}'"
        assert headers == {"WWW-Authenticate": challenge}
        return
    assert set(headers) == ({"Retry-After"} if code in RETRY_AFTER_S else set())
    assert all(re.fullmatch(r"'[1-9]\d*'", value) for value in headers.values())


def test_gateway_responses_cover_all_refusals_with_the_status_of_the_contract() -> None:
    shapes = Loader().load_service_model("apigateway", "service-2")["shapes"]
    assert set(GATEWAY_RESPONSES) <= set(shapes["GatewayResponseType"]["enum"])
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(GATEWAY_RESPONSES)
    # The contract's statuses of requests that do not reach a function.
    statuses = {kind: response.get("StatusCode") for kind, response in GATEWAY_RESPONSES.items()}
    assert (statuses["UNAUTHORIZED"], statuses["ACCESS_DENIED"]) == (401, 401)
    assert (statuses["MISSING_AUTHENTICATION_TOKEN"], statuses["RESOURCE_NOT_FOUND"]) == (404, 404)
    assert (statuses["REQUEST_TOO_LARGE"], statuses["THROTTLED"], statuses["DEFAULT_5XX"]) == (413, 429, 503)


def test_denial_sets_every_variable_of_its_template() -> None:
    class NoKeys:
        """An empty key store."""

        def get(self, key_hash: str) -> ApiKey | None:
            return None

    event = {"methodArn": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/GET/v1/jobs", "headers": {}}
    denied = decision(event, NoKeys(), lambda: NOW)
    [template] = GATEWAY_RESPONSES["ACCESS_DENIED"]["ResponseTemplates"].values()
    wanted = {name.removeprefix("$context.authorizer.") for name in _VARIABLE.findall(template)}
    assert wanted <= set(denied["context"])
    for name in wanted:
        assert denied["context"][name] == SAMPLES[f"$context.authorizer.{name}"]
    assert denied["context"]["challenge"] == CHALLENGE


def test_access_log_contains_no_key_body_or_query() -> None:
    log = RESOURCES["Api"]["Properties"]["AccessLogSetting"]["Format"]
    entry: Json = json.loads(log)
    assert {"request_id", "status", "route"} <= set(entry)
    assert not re.findall(r"apiKey|header|query|body|\$context\.path\b|\$input", log, re.IGNORECASE)
