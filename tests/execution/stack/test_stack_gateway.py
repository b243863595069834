"""What the gateway refuses carries the contract's envelope: the repository's own template, over HTTP."""

import re
import socket

import pytest
import requests
from tests.execution.stack.stacks import Running

pytestmark = pytest.mark.xdist_group("stack")

FIELDS = {"type", "code", "message", "details", "plugin", "tool", "job_id", "retryable", "timestamp"}


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and code of an envelope."""
    assert answer.headers["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert error.keys() == FIELDS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", error["timestamp"])
    return answer.status_code, error["code"]


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/prod/v1/health", "/v1/jobs/1/2/3"])
def test_an_unknown_route(real: Running, path: str) -> None:
    assert refusal(requests.get(real.client.url + path, timeout=30)) == (404, "not_found")


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "unknown"}, {"Authorization": "Bearer x"}])
def test_no_key_or_an_unknown_one(real: Running, headers: dict[str, str]) -> None:
    answer = requests.get(real.client.url + "/v1/jobs", headers=headers, timeout=30)
    assert refusal(answer) == (401, "unauthorized")


def test_the_key_lets_in(real: Running) -> None:
    assert real.client.call("GET", "/v1/jobs").status == 200
    assert real.client.call("GET", "/v1/plugins").status == 200


def test_health_needs_none(real: Running) -> None:
    assert requests.get(real.client.url + "/v1/health", timeout=30).json()["status"] == "ok"


@pytest.mark.parametrize("how", ["announced", "in chunks", "over Lambda's limit"])
def test_a_body_that_is_too_large(real: Running, how: str) -> None:
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


def test_a_request_line_that_is_no_http_harms_nobody(real: Running) -> None:
    host, _, port = real.client.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        connection.recv(1000)
    assert requests.get(real.client.url + "/v1/health", timeout=30).status_code == 200
