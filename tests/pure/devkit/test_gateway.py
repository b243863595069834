"""The local gateway routes, limits and responds like API Gateway."""

import io
import re
import threading
import time
from typing import Any

import pytest
from werkzeug.test import Client

from interlock_dev.apigateway.requests import HEADERS, MAX_BODY_BYTES
from interlock_dev.lambda_.environments import Invocation, failure
from interlock_dev.lambda_.pool import RequestTooLarge, Throttled
from interlock_dev.project.http_server import dechunked
from tests.pure.devkit.conftest import Serve, policy

KEY = {"X-API-Key": "secret"}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def chunked(client: Client, path: str, body: bytes) -> Any:
    """Send a request with a chunked body, without a Content-Length."""
    return client.post(path, input_stream=io.BytesIO(body), environ_overrides={"wsgi.input_terminated": True})


# --- Routes ---


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/open/more", "/prod/v1/open", "/v1//open"])
def test_unknown_path_returns_the_response_of_the_template(serve: Serve, path: str) -> None:
    client, functions = serve()
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/json")
    assert RFC_3339.fullmatch(answer.get_json()["route"])
    assert not functions.events


def test_unknown_method_of_a_known_path_returns_404(serve: Serve) -> None:
    client, _ = serve()
    assert [client.open("/v1/get", method=method).status_code for method in ("POST", "OPTIONS", "PURGE")] == [404] * 3


def test_any_route_accepts_all_common_methods(serve: Serve) -> None:
    client, _ = serve()
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    assert {client.open("/v1/open", method=method).status_code for method in methods} == {200}


def test_any_route_accepts_trace_and_query(serve: Serve) -> None:
    client, functions = serve()
    assert {client.open("/v1/open", method=method).status_code for method in ("TRACE", "QUERY")} == {200}
    assert [event["httpMethod"] for _, event in functions.events] == ["TRACE", "QUERY"]
    assert client.open("/v1/open", method="PURGE").status_code == 404
    assert client.open("/v1/get", method="TRACE").status_code == 404


def test_encoded_slash_does_not_separate_path_segments(serve: Serve) -> None:
    client, functions = serve()
    assert client.get("/v1/open?x=a%2Fb").status_code == 200
    assert [
        client.get(path, environ_overrides={"RAW_URI": path}).status_code for path in ("/v1%2Fopen", "/v1/open%2f")
    ] == [404, 404]
    assert len(functions.events) == 1


# --- Authorizer ---


def test_authorizer_is_not_called_without_its_identity_source(serve: Serve) -> None:
    client, functions = serve()
    answer = client.get("/v1/things/1")
    assert (answer.status_code, answer.get_json()) == (401, {"message": "Unauthorized"})
    assert not functions.events


def test_denial_shows_the_reason_of_the_authorizer(serve: Serve) -> None:
    client, functions = serve(authorize=lambda event: policy("Deny", event, {"timestamp": "noon"}))
    answer = client.get("/v1/things/1", headers=KEY)
    assert (answer.status_code, answer.get_json()) == (401, {"denied": "noon"})
    assert [name for name, _ in functions.events] == ["AuthorizeFunction"]


def test_authorizer_gets_the_request_without_its_body(serve: Serve) -> None:
    client, functions = serve()
    client.post("/v1/things/7?a=1&a=2", headers=KEY, data="body")
    (_, authorized), (_, event) = functions.events
    assert authorized["type"] == "REQUEST"
    assert authorized["methodArn"].endswith("/prod/POST/v1/things/7")
    assert "body" not in authorized
    assert event["body"] == "body"
    assert authorized["requestContext"]["requestId"] == event["requestContext"]["requestId"]


def test_authorizer_context_is_passed_to_the_function_as_text(serve: Serve) -> None:
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
def test_failing_authorizer_is_a_server_error(serve: Serve, answer: object, kind: str) -> None:
    client, functions = serve(authorize=lambda _: answer)
    refused = client.get("/v1/things/1", headers=KEY)
    assert (refused.status_code, refused.get_json(), refused.headers["Retry-After"]) == (503, {"server": kind}, "1")
    assert len(functions.events) == 1


def test_nested_authorizer_context_is_a_server_error(serve: Serve) -> None:
    client, _ = serve(authorize=lambda event: policy("Allow", event, {"scopes": ["a"]}))
    assert client.get("/v1/things/1", headers=KEY).status_code == 503


def test_authorizer_raising_unauthorized_returns_401(serve: Serve) -> None:
    client, _ = serve(authorize=lambda _: failure("Exception", "Unauthorized"))
    assert client.get("/v1/things/1", headers=KEY).status_code == 401


# --- Bodies ---


def test_body_over_the_limit_is_refused_before_authorization(serve: Serve) -> None:
    client, functions = serve()
    body = b"x" * (MAX_BODY_BYTES + 1)
    answers = [client.post("/v1/things/1", data=body, headers=KEY), chunked(client, "/v1/open", body)]
    assert [(answer.status_code, answer.get_json()) for answer in answers] == [
        (413, {"message": "Request Too Long"})
    ] * 2
    assert not functions.events


def test_body_at_the_limit_is_accepted(serve: Serve) -> None:
    client, functions = serve()
    assert client.post("/v1/open", data=b"x" * MAX_BODY_BYTES).status_code == 200
    assert chunked(client, "/v1/open", b"x" * 1000).status_code == 200
    assert [len(event["body"]) for _, event in functions.events] == [MAX_BODY_BYTES, 1000]


AMBIGUOUS = {
    "different lengths": ["Content-Length: 4", "Content-Length: 5"],
    "different lengths, once with another case": ["Content-Length: 4", "content-length: 40"],
    "a length and a coding": ["Content-Length: 4", "Transfer-Encoding: chunked"],
    "a repeated coding": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "two codings": ["Transfer-Encoding: gzip, chunked"],
    "an unknown coding": ["Transfer-Encoding: xchunked"],
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_body_of_ambiguous_length_is_refused(serve: Serve, name: str) -> None:
    """RFC 9112, sections 6.1 and 6.3."""
    client, functions = serve()
    headers = [tuple(line.split(": ")) for line in AMBIGUOUS[name]]
    answer = client.post("/v1/open", data=b"body", environ_overrides={HEADERS: headers})
    assert answer.status_code == 400
    assert not functions.events


@pytest.mark.parametrize("lines", [["Content-Length: 4"] * 2, ["transfer-encoding: Chunked"]])
def test_body_of_clear_length_is_accepted(serve: Serve, lines: list[str]) -> None:
    client, functions = serve()
    headers = [tuple(line.split(": ")) for line in lines]
    assert client.post("/v1/open", data=b"body", environ_overrides={HEADERS: headers}).status_code == 200
    assert functions.events[0][1]["body"] == "body"


def test_incomplete_body_is_refused(serve: Serve) -> None:
    client, functions = serve()
    answer = client.post("/v1/open", data=b"body", environ_overrides={"CONTENT_LENGTH": "5"})
    assert answer.status_code == 400
    assert not functions.events


def test_incomplete_chunk_is_an_error() -> None:
    with pytest.raises(OSError, match="ends within a chunk"):
        dechunked(io.BytesIO(b"40\r\nfew")).read(100)


def test_event_over_the_limit_of_lambda_returns_413(serve: Serve) -> None:
    def refuse(_: object) -> None:
        raise RequestTooLarge

    client, _ = serve(work=refuse)
    assert client.post("/v1/open", data=b"x").status_code == 413


def test_invalid_utf_8_in_a_body_is_replaced(serve: Serve) -> None:
    client, functions = serve()
    assert client.post("/v1/open", data=b"a\xffb\xc3\xa9").status_code == 200
    assert functions.events[0][1]["body"] == "a\ufffdbé"


def test_missing_body_is_none(serve: Serve) -> None:
    client, functions = serve()
    client.get("/v1/open")
    assert functions.events[0][1]["body"] is None


# --- The function's response ---


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
def test_failing_function_or_malformed_response_is_a_server_error(serve: Serve, answer: object) -> None:
    client, _ = serve(work=lambda _: answer)
    refused = client.get("/v1/open")
    assert (refused.status_code, refused.get_json()) == (503, {"server": "MALFORMED_RESPONSE"})


def test_slow_function_is_an_integration_timeout(serve: Serve) -> None:
    answered = threading.Event()
    client, _ = serve(work=lambda _: answered.wait(30), timeout_s=0.05)
    refused = client.get("/v1/open")
    answered.set()
    assert (refused.status_code, refused.get_json()) == (503, {"server": "INTEGRATION_TIMEOUT"})


def test_throttled_function_is_an_integration_failure(serve: Serve) -> None:
    def refuse(_: object) -> None:
        raise Throttled

    client, _ = serve(work=refuse)
    assert client.get("/v1/open").get_json() == {"server": "INTEGRATION_FAILURE"}


def test_error_returned_by_a_function_is_passed_on_unchanged(serve: Serve) -> None:
    body = '{"message":"Internal server error"}'
    client, _ = serve(work=lambda _: {"statusCode": 502, "body": body, "multiValueHeaders": {"X-A": ["1", "2"]}})
    answer = client.get("/v1/open")
    assert (answer.status_code, answer.text, answer.headers.getlist("X-A")) == (502, body, ["1", "2"])


# --- The event ---


def test_headers_are_passed_on_including_the_tenant_header(serve: Serve) -> None:
    client, functions = serve()
    client.get("/v1/open", headers=[("X-Amz-Tenant-Id", "acme"), ("X-Twice", "1"), ("X-Twice", "2")])
    event = functions.events[0][1]
    assert event["headers"]["X-Amz-Tenant-Id"] == "acme"
    assert event["multiValueHeaders"]["X-Amz-Tenant-Id"] == ["acme"]


def test_repeated_headers_are_separate_values_and_the_last_is_the_single_value(serve: Serve) -> None:
    client, functions = serve()
    sent = [("Idempotency-Key", "one"), ("idempotency-key", "two"), ("X-Once", "a,b")]
    client.get("/v1/open", headers=sent, environ_overrides={HEADERS: sent})
    event = functions.events[0][1]
    assert event["multiValueHeaders"]["Idempotency-Key"] == ["one", "two"]
    assert event["headers"]["Idempotency-Key"] == "two"
    assert event["multiValueHeaders"]["X-Once"] == ["a,b"]


def test_event_has_path_query_and_parameters(serve: Serve) -> None:
    client, functions = serve()
    client.get("/v1/things/a%20b?x=1&x=2&y=", headers=KEY)
    event = functions.events[1][1]
    assert (event["path"], event["resource"]) == ("/v1/things/a b", "/v1/things/{id}")
    assert event["pathParameters"] == {"id": "a b"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": [""]}


def test_every_request_has_its_own_id_and_time(serve: Serve) -> None:
    client, functions = serve()
    answers = [client.get("/v1/open") for _ in range(2)]
    contexts = [event["requestContext"] for _, event in functions.events]
    assert [answer.headers["x-amzn-RequestId"] for answer in answers] == [context["requestId"] for context in contexts]
    assert contexts[0]["requestId"] != contexts[1]["requestId"]
    assert abs(contexts[1]["requestTimeEpoch"] / 1000 - time.time()) < 5


def test_access_log_has_the_format_of_the_template(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    client, _ = serve()
    client.get("/v1/things/1", headers=KEY)
    client.get("/v1/nothing")
    assert capsys.readouterr().err.splitlines() == ["GET /v1/things/{id} 200 acme", "GET - 404 -"]
