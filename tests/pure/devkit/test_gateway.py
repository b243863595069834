"""The front refuses, limits and answers as API Gateway does."""

import io
import re
import time
from typing import Any

import pytest
from werkzeug.test import Client

from interlock_dev.apigateway.requests import HEADERS, MAX_BODY_BYTES
from interlock_dev.lambda_.environments import Invocation, failure
from interlock_dev.lambda_.pool import RequestTooLarge, Throttled
from tests.pure.devkit.conftest import Serve, policy

KEY = {"X-API-Key": "secret"}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def chunked(client: Client, path: str, body: bytes) -> Any:
    """A request whose body comes in chunks: of no announced length."""
    return client.post(path, input_stream=io.BytesIO(body), environ_overrides={"wsgi.input_terminated": True})


# --- Routes ---


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/open/more", "/prod/v1/open", "/v1//open"])
def test_an_unknown_path_is_answered_by_the_templates_response(serve: Serve, path: str) -> None:
    client, functions = serve()
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/json")
    assert RFC_3339.fullmatch(answer.get_json()["route"])
    assert not functions.events


def test_an_unknown_method_of_a_known_path_is_the_same(serve: Serve) -> None:
    client, _ = serve()
    assert [client.open("/v1/get", method=method).status_code for method in ("POST", "OPTIONS", "PURGE")] == [404] * 3


def test_a_route_of_any_method_takes_all_that_the_gateway_knows(serve: Serve) -> None:
    client, _ = serve()
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    assert {client.open("/v1/open", method=method).status_code for method in methods} == {200}


def test_a_route_of_any_method_takes_trace_and_query(serve: Serve) -> None:
    client, functions = serve()
    assert {client.open("/v1/open", method=method).status_code for method in ("TRACE", "QUERY")} == {200}
    assert [event["httpMethod"] for _, event in functions.events] == ["TRACE", "QUERY"]
    assert client.open("/v1/open", method="PURGE").status_code == 404
    assert client.open("/v1/get", method="TRACE").status_code == 404


def test_an_encoded_slash_is_no_slash(serve: Serve) -> None:
    client, functions = serve()
    assert client.get("/v1/open?x=a%2Fb").status_code == 200
    assert [
        client.get(path, environ_overrides={"RAW_URI": path}).status_code for path in ("/v1%2Fopen", "/v1/open%2f")
    ] == [404, 404]
    assert len(functions.events) == 1


# --- Authorizer ---


def test_without_the_identity_source_the_authorizer_is_not_called(serve: Serve) -> None:
    client, functions = serve()
    answer = client.get("/v1/things/1")
    assert (answer.status_code, answer.get_json()) == (401, {"message": "Unauthorized"})
    assert not functions.events


def test_a_denial_shows_the_reason_of_the_authorizer(serve: Serve) -> None:
    client, functions = serve(authorize=lambda event: policy("Deny", event, {"timestamp": "noon"}))
    answer = client.get("/v1/things/1", headers=KEY)
    assert (answer.status_code, answer.get_json()) == (401, {"denied": "noon"})
    assert [name for name, _ in functions.events] == ["AuthorizeFunction"]


def test_the_authorizer_sees_the_request_without_its_body(serve: Serve) -> None:
    client, functions = serve()
    client.post("/v1/things/7?a=1&a=2", headers=KEY, data="body")
    (_, asked), (_, event) = functions.events
    assert asked["type"] == "REQUEST"
    assert asked["methodArn"].endswith("/prod/POST/v1/things/7")
    assert "body" not in asked
    assert event["body"] == "body"
    assert asked["requestContext"]["requestId"] == event["requestContext"]["requestId"]


def test_its_context_reaches_the_function_as_text(serve: Serve) -> None:
    client, functions = serve(authorize=lambda event: policy("Allow", event, {"tenant": "acme", "n": 1, "b": True}))
    client.get("/v1/things/7", headers=KEY)
    assert functions.events[1][1]["requestContext"]["authorizer"] == {
        "tenant": "acme", "n": "1", "b": "true", "principalId": "somebody",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure("ValueError", "boo"), "AUTHORIZER_FAILURE"),
        (Invocation(b"no JSON"), "AUTHORIZER_CONFIGURATION_ERROR"),
        ({"principalId": "x"}, "AUTHORIZER_CONFIGURATION_ERROR"),
        ([], "AUTHORIZER_CONFIGURATION_ERROR"),
    ],
)
def test_an_authorizer_that_fails_is_a_server_error(serve: Serve, answer: object, kind: str) -> None:
    client, functions = serve(authorize=lambda _: answer)
    refused = client.get("/v1/things/1", headers=KEY)
    assert (refused.status_code, refused.get_json(), refused.headers["Retry-After"]) == (503, {"server": kind}, "1")
    assert len(functions.events) == 1


def test_an_authorizer_with_a_nested_context_is_a_server_error(serve: Serve) -> None:
    client, _ = serve(authorize=lambda event: policy("Allow", event, {"scopes": ["a"]}))
    assert client.get("/v1/things/1", headers=KEY).status_code == 503


def test_an_authorizer_that_raises_unauthorized_refuses(serve: Serve) -> None:
    client, _ = serve(authorize=lambda _: failure("Exception", "Unauthorized"))
    assert client.get("/v1/things/1", headers=KEY).status_code == 401


# --- Bodies ---


def test_a_body_over_the_limit_is_refused_before_authorization(serve: Serve) -> None:
    client, functions = serve()
    body = b"x" * (MAX_BODY_BYTES + 1)
    answers = [client.post("/v1/things/1", data=body, headers=KEY), chunked(client, "/v1/open", body)]
    assert [(answer.status_code, answer.get_json()) for answer in answers] == [
        (413, {"message": "Request Too Long"})
    ] * 2
    assert not functions.events


def test_a_body_at_the_limit_is_not(serve: Serve) -> None:
    client, functions = serve()
    assert client.post("/v1/open", data=b"x" * MAX_BODY_BYTES).status_code == 200
    assert chunked(client, "/v1/open", b"x" * 1000).status_code == 200
    assert [len(event["body"]) for _, event in functions.events] == [MAX_BODY_BYTES, 1000]


def test_an_event_over_lambdas_own_limit_is_too_large_as_well(serve: Serve) -> None:
    def refuse(_: object) -> None:
        raise RequestTooLarge

    client, _ = serve(work=refuse)
    assert client.post("/v1/open", data=b"x").status_code == 413


def test_bytes_that_are_not_utf_8_are_replaced_in_a_body(serve: Serve) -> None:
    client, functions = serve()
    assert client.post("/v1/open", data=b"a\xffb\xc3\xa9").status_code == 200
    assert functions.events[0][1]["body"] == "a\ufffdbé"


def test_no_body_is_none(serve: Serve) -> None:
    client, functions = serve()
    client.get("/v1/open")
    assert functions.events[0][1]["body"] is None


# --- The function's answer ---


@pytest.mark.parametrize(
    "answer",
    [
        failure("Runtime.ExitError", "exit status 3"),
        Invocation(b"no JSON"),
        Invocation(b'"a text"'),
        Invocation(b"\xff"),
        {"statusCode": "many"},
        {"statusCode": 200, "unknown": "key"},
    ],
)
def test_a_function_that_fails_or_answers_nonsense_is_a_server_error(serve: Serve, answer: object) -> None:
    client, _ = serve(work=lambda _: answer)
    refused = client.get("/v1/open")
    assert (refused.status_code, refused.get_json()) == (503, {"server": "MALFORMED_RESPONSE"})


def test_a_function_that_takes_too_long_is_not_waited_for(serve: Serve) -> None:
    client, _ = serve(work=lambda _: time.sleep(0.5), timeout_s=0.05)
    began = time.monotonic()
    refused = client.get("/v1/open")
    assert time.monotonic() - began < 0.4
    assert (refused.status_code, refused.get_json()) == (503, {"server": "INTEGRATION_TIMEOUT"})


def test_a_function_without_a_free_environment_is_a_server_error(serve: Serve) -> None:
    def refuse(_: object) -> None:
        raise Throttled

    client, _ = serve(work=refuse)
    assert client.get("/v1/open").get_json() == {"server": "INTEGRATION_FAILURE"}


def test_a_functions_own_error_is_left_as_it_is(serve: Serve) -> None:
    body = '{"message":"Internal server error"}'
    client, _ = serve(work=lambda _: {"statusCode": 502, "body": body, "multiValueHeaders": {"X-A": ["1", "2"]}})
    answer = client.get("/v1/open")
    assert (answer.status_code, answer.text, answer.headers.getlist("X-A")) == (502, body, ["1", "2"])


# --- The event ---


def test_headers_pass_as_they_are_the_tenants_included(serve: Serve) -> None:
    client, functions = serve()
    client.get("/v1/open", headers=[("X-Amz-Tenant-Id", "acme"), ("X-Twice", "1"), ("X-Twice", "2")])
    event = functions.events[0][1]
    assert event["headers"]["X-Amz-Tenant-Id"] == "acme"
    assert event["multiValueHeaders"]["X-Amz-Tenant-Id"] == ["acme"]


def test_repeated_headers_are_separate_values_and_the_last_one_counts(serve: Serve) -> None:
    client, functions = serve()
    sent = [("Idempotency-Key", "one"), ("idempotency-key", "two"), ("X-Once", "a,b")]
    client.get("/v1/open", headers=sent, environ_overrides={HEADERS: sent})
    event = functions.events[0][1]
    assert event["multiValueHeaders"]["Idempotency-Key"] == ["one", "two"]
    assert event["headers"]["Idempotency-Key"] == "two"
    assert event["multiValueHeaders"]["X-Once"] == ["a,b"]


def test_the_event_has_path_query_and_parameters(serve: Serve) -> None:
    client, functions = serve()
    client.get("/v1/things/a%20b?x=1&x=2&y=", headers=KEY)
    event = functions.events[1][1]
    assert (event["path"], event["resource"]) == ("/v1/things/a b", "/v1/things/{id}")
    assert event["pathParameters"] == {"id": "a b"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": [""]}


def test_every_request_has_an_id_and_a_time_of_its_own(serve: Serve) -> None:
    client, functions = serve()
    answers = [client.get("/v1/open") for _ in range(2)]
    contexts = [event["requestContext"] for _, event in functions.events]
    assert [answer.headers["x-amzn-RequestId"] for answer in answers] == [context["requestId"] for context in contexts]
    assert contexts[0]["requestId"] != contexts[1]["requestId"]
    assert abs(contexts[1]["requestTimeEpoch"] / 1000 - time.time()) < 5


def test_the_access_log_is_written_in_the_templates_format(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    client, _ = serve()
    client.get("/v1/things/1", headers=KEY)
    client.get("/v1/nothing")
    assert capsys.readouterr().err.splitlines() == ["GET /v1/things/{id} 200 acme", "GET - 404 -"]
