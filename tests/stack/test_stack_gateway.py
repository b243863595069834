"""Responses of the gateway itself carry the contract's envelope: the repository's own template, over HTTP."""

import http.client
import json
import re
import socket
from importlib.resources import files
from typing import Any

import pytest
import requests

from tests.stack.stacks import Running

pytestmark = pytest.mark.xdist_group("stack")

FIELDS = {"type", "code", "message", "details", "plugin", "tool", "job_id", "retryable", "timestamp"}


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Return status and code of an envelope."""
    assert answer.headers["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert error.keys() == FIELDS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", error["timestamp"])
    return answer.status_code, error["code"]


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/prod/v1/health", "/v1/jobs/1/2/3"])
def test_unknown_route_is_not_found(real: Running, path: str) -> None:
    assert refusal(requests.get(real.client.url + path, timeout=30)) == (404, "not_found")


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "unknown"}, {"Authorization": "Bearer x"}])
def test_missing_or_unknown_key_is_unauthorized(real: Running, headers: dict[str, str]) -> None:
    answer = requests.get(real.client.url + "/v1/jobs", headers=headers, timeout=30)
    assert refusal(answer) == (401, "unauthorized")


@pytest.mark.parametrize("path", ["/mcp", "/v1/health", "/console", "/docs", "/nothing"])
def test_pages_that_resolve_to_this_machine_are_misdirected(real: Running, path: str) -> None:
    url, port = real.client.url + path, real.client.url.rpartition(":")[2]
    answer = requests.get(url, headers={"Host": f"evil.example:{port}"}, timeout=30)
    assert refusal(answer) == (421, "invalid_request")


def test_valid_key_is_authorized(real: Running) -> None:
    assert real.client.call("GET", "/v1/jobs").status == 200
    assert real.client.call("GET", "/v1/plugins").status == 200


def test_health_route_needs_no_key(real: Running) -> None:
    assert requests.get(real.client.url + "/v1/health", timeout=30).json()["status"] == "ok"


@pytest.mark.parametrize("how", ["announced", "in chunks", "over Lambda's limit"])
def test_too_large_body_is_rejected(real: Running, how: str) -> None:
    size = 7_000_000 if how == "over Lambda's limit" else 11_000_000
    body = b"x" * size
    answer = requests.post(
        real.client.url + "/v1/execute",
        data=iter([body]) if how == "in chunks" else body,
        headers={"X-API-Key": real.client.api_key},
        timeout=30,
    )
    assert refusal(answer) == (413, "payload_too_large")


def test_a_body_that_is_not_utf_8_reaches_the_function(real: Running) -> None:
    answer = requests.post(
        real.client.url + "/v1/execute", data=b"\xff\xfe", headers={"X-API-Key": real.client.api_key}, timeout=30
    )
    assert refusal(answer) == (400, "invalid_request")


DOCUMENT = json.loads(files("interlock").joinpath("http", "openapi.json").read_text())


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_wrong_method_gets_the_allowed_methods(real: Running, path: str) -> None:
    takes = {method.upper() for method in DOCUMENT["paths"][path]}
    a_ulid = "01KY4QJ3HS0123456789ABCDEF"
    url = real.client.url + path.format(job_id=a_ulid, batch_id=a_ulid, key_id="a-key", name="ocr")
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"} - takes:
        answer = requests.request(method, url, headers={"X-API-Key": real.client.api_key}, timeout=30)
        assert set(answer.headers["Allow"].split(", ")) == takes, method
        if method == "HEAD":
            assert (answer.status_code, answer.content) == (405, b"")
        else:
            assert refusal(answer) == (405, "invalid_request")
            assert set(answer.json()["error"]["details"]["allow"]) == takes


def test_a_wrong_method_without_a_key_learns_nothing(real: Running) -> None:
    assert refusal(requests.put(real.client.url + "/v1/jobs", timeout=30)) == (401, "unauthorized")


def test_an_unknown_method_is_refused(real: Running) -> None:
    answer = requests.request("PURGE", real.client.url + "/v1/jobs", timeout=30)
    assert refusal(answer) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        (b"{", "application/json", "cannot be read as JSON"),
        (b"", "application/json", "cannot be read as JSON"),
        (b"[]", "application/json", "must be a JSON object"),
        (b'{"plugin": "ocr", "input": {}}', "text/plain", "Content-Type is 'text/plain'"),
        (b"plugin=ocr", "application/x-www-form-urlencoded", "Content-Type is"),
        (b'{"plugin": "ocr", "input": {}}', "nonsense", "Content-Type is 'nonsense'"),
    ],
)
def test_body_that_is_not_json_is_rejected(real: Running, body: bytes, content_type: str, says: str) -> None:
    headers = {"X-API-Key": real.client.api_key, "Content-Type": content_type}
    answer = requests.post(real.client.url + "/v1/execute", data=body, headers=headers, timeout=30)
    assert refusal(answer) == (400, "invalid_request")
    assert says in answer.json()["error"]["message"]


def test_every_accepted_document_gets_a_response(real: Running) -> None:
    answer = requests.get(real.client.url + "/v1/nothing", headers={"Accept": "text/html"}, timeout=30)
    assert refusal(answer) == (404, "not_found")
    assert requests.get(real.client.url + "/v1/health", headers={"Accept": "image/png"}, timeout=30).json()


# --- Requests that no client library would send ---


def sent(real: Running, request: bytes) -> tuple[int, str, Any]:
    """Send these bytes. Return status, content type and body of the response."""
    host, _, port = real.client.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers["Content-Type"], json.loads(answer.read())


def with_key(real: Running, line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    fixed = (b"Host: localhost", b"Connection: close", b"X-API-Key: " + real.client.api_key.encode())
    return b"\r\n".join((line, *fixed, *headers, b"", body))


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/v1//jobs", 404),
        (b"//v1/jobs", 404),
        (b"///v1/jobs?limit=1", 404),
        (b"//localhost/v1/jobs", 404),
        (b"/v1%2Fjobs", 404),
        (b"/v1/jobs/a%2Fb", 404),
        (b"/v1/jobs/%2e%2e/plugins", 404),
        (b"/v1/jobs/../plugins", 404),
        (b"/v1/jobs/%00", 404),
        (b"/v1/jobs/%00/result", 404),
        (b"/v1/jobs/%ff", 404),
        (b"/v1/jobs/%zz", 404),
        (b"/v1/jobs/%0d%0aX-Injected:1", 404),
        (b"/v1/plugins/%F0%9F%92%A9", 404),
        (b"/v1/plugins/" + b"a" * 60_000, 404),
        (b"/v1/plugins/" + b"a" * 70_000, 414),
        (b"/v1/jobs?limit=%00", 400),
        (b"/v1/jobs?cursor=" + b"a" * 60_000, 400),
        (b"/v1/jobs?limit=1&limit=2", 400),
        (b"*", 404),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else str(value),
)
def test_unusual_path_gets_an_envelope(real: Running, target: bytes, status: int) -> None:
    answered, content_type, body = sent(real, with_key(real, b"GET " + target + b" HTTP/1.1"))
    assert (answered, content_type) == (status, "application/json")
    assert body["error"]["code"] == {404: "not_found"}.get(status, "invalid_request")
    assert body["error"].keys() == FIELDS
    assert len(json.dumps(body)) < 1000


BODY = b'{"plugin": "nobody", "input": {}}'


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ((b"Transfer-Encoding: chunked",), b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), (400, "unknown_plugin")),
        ((b"Transfer-Encoding: chunked",), b"no size\r\n", (400, "invalid_request")),
        ((b"Transfer-Encoding: chunked",), b"ffffff\r\n" + BODY, (400, "invalid_request")),
        ((b"Content-Length: %d" % len(BODY),), BODY, (400, "unknown_plugin")),
        ((b"Content-Length: %d" % (len(BODY) + 1),), BODY, (400, "invalid_request")),
        ((b"Content-Length: 9", b"Content-Length: %d" % len(BODY)), BODY, (400, "invalid_request")),
        ((), b"", (400, "invalid_request")),
        ((b"Content-Length: -1",), b"", (400, "invalid_request")),
        ((b"Content-Length: many",), b"", (400, "invalid_request")),
        ((b"Content-Length: 99999999999999999999",), b"", (413, "payload_too_large")),
        ((b"Content-Length: " + b"9" * 5_000,), b"", (413, "payload_too_large")),
        ((b"Content-Length: " + b"0" * 5_000 + b"%d" % len(BODY),), BODY, (400, "unknown_plugin")),
        ((b"X-Long: " + b"a" * 70_000, b"Content-Length: 0"), b"", (431, "invalid_request")),
        (tuple(b"X-%d: 1" % number for number in range(200)), b"", (431, "invalid_request")),
    ],
    ids=[
        "chunks",
        "broken chunks",
        "incomplete chunk",
        "a length",
        "incomplete body",
        "two lengths",
        "no length",
        "-1",
        "no number",
        "no end",
        "5,000 digits",
        "5,000 zeros",
        "long header",
        "many headers",
    ],
)
def test_body_of_any_announced_length_gets_an_envelope(
    real: Running, headers: tuple[bytes, ...], body: bytes, expected: tuple[int, str]
) -> None:
    status, content_type, answer = sent(real, with_key(real, b"POST /v1/execute HTTP/1.1", *headers, body=body))
    assert (status, answer["error"]["code"], content_type) == (*expected, "application/json")


@pytest.mark.parametrize(
    "line", [b"GET /v1/jobs HTTP/2.0", b"GET /v1/jobs and more HTTP/1.1", b"GET", b"\x16\x03\x01 x y"]
)
def test_malformed_request_line_is_400(real: Running, line: bytes) -> None:
    status, content_type, answer = sent(real, with_key(real, line))
    assert (status, answer["error"]["code"], content_type) == (400, "invalid_request", "application/json")
    assert requests.get(real.client.url + "/v1/health", timeout=30).status_code == 200


def test_a_repeated_idempotency_key_is_refused(real: Running) -> None:
    headers = (b"Content-Length: %d" % len(BODY), b"Idempotency-Key: one", b"idempotency-key: two")
    status, _, answer = sent(real, with_key(real, b"POST /v1/execute HTTP/1.1", *headers, body=BODY))
    assert (status, answer["error"]["code"]) == (400, "invalid_request")
    assert "Idempotency-Key" in answer["error"]["message"]


def test_repeated_prefer_headers_are_one_list(real: Running) -> None:
    """RFC 7240, section 2: several `Prefer` headers are equivalent to one list."""
    body = json.dumps({"plugin": "image", "input": {"image": ""}, "timeout_s": 1}).encode()
    headers = (b"Content-Length: %d" % len(body), b"Prefer: respond-async", b"Prefer: wait=99")
    status, _, answer = sent(real, with_key(real, b"POST /v1/execute HTTP/1.1", *headers, body=body))
    assert (status, answer["error"]["code"]) == (400, "invalid_request")
    assert "wait=99" in answer["error"]["message"]
