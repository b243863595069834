"""Gateway responses rendered from the template."""

import json
from typing import Any

import pytest

from interlock_dev.apigateway.responses import STATUS, GatewayError, GatewayResponses, substitute

CONTEXT: dict[str, Any] = {
    "requestId": "r-1",
    "requestTime": "2026-11-22T10:11:12.345Z",
    "authorizer": {"timestamp": "now"},
}


def response(template: str, **more: Any) -> dict[str, Any]:
    return {"ResponseTemplates": {"application/json": template}, **more}


def test_response_of_the_exact_type_precedes_the_default() -> None:
    responses = GatewayResponses({"UNAUTHORIZED": response("own", StatusCode=418), "DEFAULT_4XX": response("default")})
    rendered = responses.render(GatewayError("UNAUTHORIZED", "Unauthorized"), CONTEXT)
    assert (rendered.status, rendered.body) == (418, "own")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("UNAUTHORIZED", (401, "client")), ("THROTTLED", (429, "client")), ("INTEGRATION_TIMEOUT", (503, "server"))],
)
def test_type_without_a_response_uses_the_default_of_its_family(kind: str, expected: tuple[int, str]) -> None:
    responses = GatewayResponses({"DEFAULT_4XX": response("client"), "DEFAULT_5XX": response("server", StatusCode=503)})
    rendered = responses.render(GatewayError(kind, "m"), CONTEXT)
    assert (rendered.status, rendered.body) == expected


@pytest.mark.parametrize("kind", STATUS)
def test_body_without_any_response_is_that_of_aws(kind: str) -> None:
    rendered = GatewayResponses({}).render(GatewayError(kind, 'a "quoted" message'), CONTEXT)
    assert json.loads(rendered.body) == {"message": 'a "quoted" message'}
    assert (rendered.status, rendered.headers["Content-Type"]) == (STATUS[kind], "application/json")


def test_context_variables_are_replaced_in_the_template() -> None:
    template = "$context.requestTime $context.authorizer.timestamp $context.error.responseType $context.authorizer.no"
    rendered = GatewayResponses({"ACCESS_DENIED": response(template)}).render(
        GatewayError("ACCESS_DENIED", "m"), CONTEXT
    )
    assert rendered.body == "2026-11-22T10:11:12.345Z now ACCESS_DENIED "


def test_any_message_is_quoted_as_json() -> None:
    responses = GatewayResponses({"DEFAULT_4XX": response('{"message":$context.error.messageString}')})
    message = 'not "valid"\n\\ at $context.requestId é'
    rendered = responses.render(GatewayError("BAD_REQUEST_BODY", message), CONTEXT)
    assert json.loads(rendered.body) == {"message": message}


def test_header_parameters_are_quoted_texts_or_context_variables() -> None:
    headers = {"Retry-After": "'1'", "X-Request": "context.requestId"}
    responses = GatewayResponses({"THROTTLED": response("{}", ResponseParameters={"Headers": headers})})
    rendered = responses.render(GatewayError("THROTTLED", "m"), CONTEXT)
    assert rendered.headers == {"Content-Type": "application/json", "Retry-After": "1", "X-Request": "r-1"}


def test_variable_without_a_value_is_replaced_by_the_placeholder() -> None:
    assert substitute("$context.requestId,$context.authorizer.tenant,$context.x.y", CONTEXT, missing="-") == "r-1,-,-"
