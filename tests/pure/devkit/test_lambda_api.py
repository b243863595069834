"""Lambda's Invoke API, as SDKs and workflows call it."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from werkzeug.test import Client

from interlock_dev.aws.lambda_api.invocations import LambdaApi
from interlock_dev.lambda_.environments import failure
from interlock_dev.lambda_.pool import MAX_REQUEST_BYTES, Throttled
from tests.pure.devkit.fakes import FakeFunctions

ARN = "arn:aws:lambda:us-east-1:123456789012:function:Echo"


def beyond(_: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("299 Beyond", [])
    return [b"beyond"]


def throttled(_: dict[str, Any]) -> None:
    raise Throttled


@pytest.fixture
def functions() -> FakeFunctions:
    return FakeFunctions(Echo=lambda event: event, Fails=lambda _: failure("ValueError", "boo"), Throttled=throttled)


@pytest.fixture
def client(functions: FakeFunctions) -> Client:
    return Client(LambdaApi(beyond, functions))


def path(name: str) -> str:
    return f"/2015-03-31/functions/{name}/invocations"


@pytest.mark.parametrize("name", ["Echo", ARN, ARN.replace(":", "%3A")])
def test_function_is_invoked_by_name_or_arn(client: Client, name: str) -> None:
    answer = client.post(path(name), data=b'{"a": 1}')
    assert (answer.status_code, answer.get_json()) == (200, {"a": 1})
    assert answer.headers["x-amzn-RequestId"]
    assert "X-Amz-Function-Error" not in answer.headers


def test_event_without_a_payload_is_an_empty_object(client: Client) -> None:
    assert client.post(path("Echo")).get_json() == {}


def test_function_error_returns_200_with_a_header(client: Client) -> None:
    answer = client.post(path("Fails"), data=b"{}")
    assert (answer.status_code, answer.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
    assert answer.get_json()["errorMessage"] == "boo"


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [("Unknown", 404, "ResourceNotFoundException"), ("Throttled", 429, "TooManyRequestsException")],
)
def test_invalid_invocations_return_the_error_of_lambda(client: Client, name: str, status: int, kind: str) -> None:
    answer = client.post(path(name), data=b"{}")
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (status, kind)


@pytest.mark.parametrize("invocation_type", ["RequestResponse", "Event"])
def test_payload_over_the_limit_is_refused(client: Client, functions: FakeFunctions, invocation_type: str) -> None:
    answer = client.post(
        path("Echo"), data=b" " * (MAX_REQUEST_BYTES + 1), headers={"X-Amz-Invocation-Type": invocation_type}
    )
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (413, "RequestTooLargeException")
    assert not functions.events


def test_event_invocation_is_accepted_and_run_afterwards(client: Client, functions: FakeFunctions) -> None:
    answer = client.post(path("Echo"), data=b'{"a": 1}', headers={"X-Amz-Invocation-Type": "Event"})
    assert (answer.status_code, answer.data) == (202, b"")
    deadline = time.monotonic() + 30
    while not functions.events:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert functions.events == [("Echo", {"a": 1})]


def test_dry_run_does_not_run_the_function(client: Client, functions: FakeFunctions) -> None:
    answer = client.post(path("Echo"), headers={"X-Amz-Invocation-Type": "DryRun"})
    assert answer.status_code == 204
    assert not functions.events


def test_other_requests_are_passed_to_the_next_application(client: Client) -> None:
    assert client.get("/bucket/key").data == b"beyond"
    assert client.get(path("Echo")).data == b"beyond"
