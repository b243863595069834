"""Responses, the error envelope, and unexpected errors, independent of any route."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.errors import ErrorCode, ErrorInfo, NotFound, ServiceUnavailable
from interlock.http.app import HttpApp
from interlock.http.envelope import error_object
from interlock.http.limits import RateLimits
from interlock.http.responses import error_response, json_response
from tests.fakes.outside import NOON, ManualClock, MemoryRates
from tests.fakes.world import LambdaContext, rest_event


def test_error_object_has_every_field_and_null_if_not_applicable() -> None:
    error = ErrorInfo(ErrorCode.PLUGIN_EXCEPTION, "no luck", {"exception": "E"})
    assert error_object(error, at=NOON) == {
        "type": "PluginError",
        "code": "plugin_exception",
        "message": "no luck",
        "details": {"exception": "E"},
        "plugin": None,
        "tool": None,
        "job_id": None,
        "retryable": False,
        "timestamp": "2026-11-22T12:00:00.000Z",
    }


def test_error_object_names_plugin_tool_and_job() -> None:
    error = ErrorInfo(ErrorCode.WORKER_LOST, "gone")
    about = error_object(error, plugin="ocr", tool="analyze", job_id="J", at=NOON + timedelta(milliseconds=345))
    assert (about["plugin"], about["tool"], about["job_id"], about["retryable"]) == ("ocr", "analyze", "J", True)
    assert about["timestamp"] == "2026-11-22T12:00:00.345Z"


@pytest.mark.parametrize("code", list(ErrorCode))
def test_challenge_and_retry_after_are_sent_only_with_their_codes(code: ErrorCode) -> None:
    headers = error_response(ErrorInfo(code, "m")).headers
    assert headers.get("WWW-Authenticate") == ('ApiKey realm="interlock"' if code == "unauthorized" else None)
    assert ("Retry-After" in headers) == (code in {"not_finished", "rate_limited", "unavailable"})


def test_given_headers_and_status_override_the_defaults() -> None:
    answer = error_response(ErrorInfo(ErrorCode.UNAVAILABLE, "m"), status=504, headers={"Retry-After": "9"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (504, "9")


def test_body_is_compact_ascii() -> None:
    assert json_response(200, {"a": "grün \ud800", "b": [1, 2]}).body == r'{"a":"gr\u00fcn \ud800","b":[1,2]}'


def test_body_that_json_cannot_represent_is_rejected() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_response(200, {"a": float("nan")})


def raising(error: Exception) -> dict[str, Any]:
    """Return the response of a route that raises this error."""
    app = HttpApp(RateLimits(MemoryRates(), ManualClock()))

    @app.route("GET", "/v1/boom")
    def boom() -> Any:
        raise error

    answer = app.close_routes().resolve(rest_event("GET", "/v1/boom"), LambdaContext())
    return {"status": answer["statusCode"], "headers": answer["multiValueHeaders"], **json.loads(answer["body"])}


def test_interlock_error_becomes_its_envelope() -> None:
    answer = raising(NotFound("no such thing", kind="job"))
    assert (answer["status"], answer["error"]["code"], answer["error"]["details"]) == (
        404,
        "not_found",
        {"kind": "job"},
    )


def test_unavailable_service_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = raising(ServiceUnavailable(service="table"))
    assert (answer["status"], answer["error"]["details"]) == (503, {"service": "table"})
    assert answer["headers"]["X-Request-Id"] == ["request"]
    assert answer["error"]["message"].endswith("Try again shortly. Request id: request.")
    [record] = caplog.records
    assert record.getMessage() == "a service is down"
    assert record.exc_info


def test_unexpected_error_returns_503_and_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = raising(KeyError("/var/task/secret"))
    assert (answer["status"], answer["error"]["code"], answer["error"]["retryable"]) == (503, "unavailable", True)
    assert answer["headers"]["Retry-After"] == ["2"]
    assert "Request id: request." in answer["error"]["message"]
    assert "secret" not in json.dumps(answer)
    assert "Traceback" not in json.dumps(answer)
    [record] = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)
