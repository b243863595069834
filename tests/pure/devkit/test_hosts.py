"""The local stack answers for its own host names only."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from werkzeug.test import Client

from interlock_dev.apigateway.hosts import KnownHosts


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"served"]


def status(host: str, *known: str) -> int:
    return Client(KnownHosts(application, known)).get("/v1/health", headers={"Host": host}).status_code


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "127.0.0.1", "localhost:3000", "LOCALHOST", "a.localhost:1", "[::1]:3000", "127.1.2.3"]
)
def test_requests_for_this_machine_are_served(host: str) -> None:
    assert status(host) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1:3000", "[::2]",
     "evil@127.0.0.1.x", "[", "xlocalhost", ""],
)  # fmt: skip
def test_requests_for_other_hosts_are_misdirected(host: str) -> None:
    assert status(host) == 421


def test_configured_hosts_are_served() -> None:
    assert status("dev.example:8080", "Dev.Example") == 200


def test_refusal_is_an_envelope_that_names_the_fix() -> None:
    answer = Client(KnownHosts(application)).get("/mcp", headers={"Host": "evil.example"})
    error = json.loads(answer.data)["error"]
    assert error["code"] == "invalid_request"
    assert "--allow-host" in error["message"]
