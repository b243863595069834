"""The requests of the client's operations, and how it handles the responses."""

import base64
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interlock_client import (
    ConflictError,
    ExecutionError,
    PluginError,
    ServiceError,
    TransferFailed,
    UnexpectedResponse,
    ValidationError,
    WaitTimeout,
    pace,
)
from interlock_client.files import MAX_INLINE_BYTES
from interlock_client.options import JobFilters, RunOptions
from interlock_client.steps import Response
from tests.pure.client.script import OPERATIONS, answer, play, refusal

DONE = answer(200, {"status": "succeeded", "result": {"text": "x"}, "error": None})
PENDING = answer(200, {"status": "pending"})
UPLOAD = answer(
    201, {"upload_id": "u1", "method": "PUT", "url": "https://bucket/u1", "headers": {"If-None-Match": "*"}}
)
NOT_FINISHED = refusal(409, "ConflictError", "not_finished")


# --- Executing ---


@pytest.mark.parametrize(
    ("name", "sent"), [("ocr.analyze", {"plugin": "ocr", "tool": "analyze"}), ("ocr", {"plugin": "ocr"})]
)
def test_tool_is_named_with_its_plugin_or_left_out(name: str, sent: dict[str, str]) -> None:
    played = play(OPERATIONS.run(name, {"n": 1}, RunOptions(timeout_s=3)), DONE)
    assert played.bodies == [{**sent, "input": {"n": 1}, "timeout_s": 3}]
    assert "Prefer" not in played.requests[0].headers
    assert played.result == {"text": "x"}


def test_submit_asks_for_an_asynchronous_job() -> None:
    played = play(OPERATIONS.submit("ocr", {}, RunOptions(deadline_s=60)), answer(202, {"job_id": "01J"}))
    assert played.requests[0].headers["Prefer"] == "respond-async"
    assert played.bodies == [{"plugin": "ocr", "input": {}, "deadline_s": 60}]


@pytest.mark.parametrize(
    ("webhook", "sent"),
    [
        ("https://example.com/", {"url": "https://example.com/"}),
        (
            {"url": "https://example.com/", "events": ["started"]},
            {"url": "https://example.com/", "events": ["started"]},
        ),
    ],
)
def test_webhook_is_a_url_or_has_its_events(webhook: Any, sent: Any) -> None:
    played = play(OPERATIONS.submit("ocr", {}, RunOptions(webhook=webhook)), answer(202, {"job_id": "01J"}))
    assert played.bodies == [{"plugin": "ocr", "input": {}, "webhook": sent}]


@pytest.mark.parametrize(("event", "body"), [(None, {}), ("started", {"event": "started"})])
def test_messages_are_sent_again(event: Any, body: Any) -> None:
    played = play(OPERATIONS.redeliver("01J", event), answer(202, {"job_id": "01J"}))
    assert (played.requests[0].method, played.requests[0].target) == ("POST", "/v1/jobs/01J/webhook/redeliver")
    assert played.bodies == [body]


def test_secret_of_webhooks_is_rotated_without_a_retry() -> None:
    secret = {"secret": "whsec_eA==", "created_at": "", "previous_expires_at": None}
    assert play(OPERATIONS.webhook_secret(), answer(200, secret)).result == secret
    assert play(OPERATIONS.rotate_webhook_secret(), answer(200, secret)).result == secret
    with pytest.raises(ServiceError):
        play(OPERATIONS.rotate_webhook_secret(), refusal(503, "ServiceError", "unavailable"))


def test_number_that_json_lacks_is_refused_before_sending() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        play(OPERATIONS.run("ocr", {"n": float("nan")}, RunOptions()))


def test_failed_run_raises_the_class_of_its_type() -> None:
    with pytest.raises(PluginError) as raised:
        play(OPERATIONS.run("ocr", {}, RunOptions()), refusal(400, "PluginError", "plugin_exception"))
    error = raised.value
    assert (error.code, error.message, error.job_id, error.details) == (
        "plugin_exception", "plugin_exception!", "01J", {"a": 1},
    )  # fmt: skip
    assert (error.status, error.retryable, str(error)) == (400, False, "plugin_exception!")


def test_problems_of_an_invalid_input_are_listed() -> None:
    problem = {"path": "/image", "message": "is missing"}
    body = {"type": "ValidationError", "code": "invalid_input", "message": "!", "details": {"errors": [problem]}}
    with pytest.raises(ValidationError) as raised:
        play(OPERATIONS.run("ocr", {}, RunOptions()), answer(400, {"error": body}))
    assert raised.value.errors == [problem]


@pytest.mark.parametrize("content", [b"<html>proxy</html>", b"[]", b'{"error": "x"}', b""])
def test_response_without_an_envelope_is_reported(content: bytes) -> None:
    with pytest.raises(UnexpectedResponse, match="status 407"):
        play(OPERATIONS.job("01J"), Response(407, {}, content))


# --- Files ---


def test_small_files_are_sent_as_base64_wherever_they_are() -> None:
    fields = {"image": Path("a.png"), "more": [b"b", {"deep": b"c"}], "text": "d"}
    [body] = play(OPERATIONS.run("files", fields, RunOptions()), DONE, files={"a.png": b"a"}).bodies
    a, b, c = (base64.b64encode(one).decode() for one in (b"a", b"b", b"c"))
    assert body["input"] == {"image": a, "more": [b, {"deep": c}], "text": "d"}


def test_file_that_is_too_large_for_the_request_is_uploaded() -> None:
    large = b"x" * (MAX_INLINE_BYTES + 1)
    played = play(
        OPERATIONS.run("files", {"file": Path("large.png")}, RunOptions()),
        UPLOAD, Response(200, {}, b""), DONE, files={"large.png": large},
    )  # fmt: skip
    created, put, run = played.requests
    assert played.calls == ["POST /v1/uploads", "PUT https://bucket/u1", "POST /v1/execute"]
    assert created.content == b'{"content_type":"image/png","size":%d}' % len(large)
    assert (put.content, put.headers, put.presigned) == (large, {"If-None-Match": "*"}, True)
    assert b'"file":{"upload_id":"u1"}' in (run.content or b"")


def test_files_that_are_too_large_together_are_uploaded_in_part() -> None:
    half = b"x" * (MAX_INLINE_BYTES // 2 + 1)
    played = play(
        OPERATIONS.run("files", {"files": [half, half, b"y"]}, RunOptions()), UPLOAD, Response(200, {}, b""), DONE
    )
    first, second, third = played.bodies[-1]["input"]["files"]
    assert (len(first) > len(half), second, third) == (True, {"upload_id": "u1"}, "eQ==")


def test_upload_that_had_arrived_before_is_accepted() -> None:
    played = play(OPERATIONS.upload(b"x", None), UPLOAD, Response(412, {}, b"<Error/>"))
    assert played.result == {"upload_id": "u1"}


def test_upload_that_the_bucket_refuses_is_reported() -> None:
    with pytest.raises(TransferFailed, match="status 403"):
        play(OPERATIONS.upload(b"x", None), UPLOAD, Response(403, {}, b"<Error/>"))


# --- Waiting ---


def test_wait_lets_the_service_hold_its_response() -> None:
    played = play(OPERATIONS.wait("01J", None), PENDING, DONE)
    assert [request.headers for request in played.requests] == [{"Prefer": "wait=20"}] * 2
    assert played.result["status"] == "succeeded"


def test_wait_waits_no_longer_than_the_caller_wants() -> None:
    played = play(OPERATIONS.wait("01J", 5.9), PENDING, DONE)
    assert played.requests[0].headers == {"Prefer": "wait=5"}
    with pytest.raises(WaitTimeout, match="not finished within 0 s") as raised:
        play(OPERATIONS.wait("01J", 0), PENDING)
    assert isinstance(raised.value, TimeoutError)
    assert raised.value.job_id == "01J"


def test_polls_are_spaced_if_the_service_does_not_hold_its_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 7.0))
    played = play(OPERATIONS.wait("01J", None), *[PENDING] * 12, DONE)
    assert played.sleeps[:3] == pytest.approx([0.15, 0.225, 0.3375])
    assert played.sleeps[-2:] == [2, 2]
    assert played.sleeps == sorted(played.sleeps)


def test_result_waits_and_raises_the_error_of_the_job() -> None:
    error = {"type": "ExecutionError", "code": "cancelled", "message": "The job was cancelled.", "job_id": "01J"}
    failed = answer(200, {"result": None, "error": error})
    with pytest.raises(ExecutionError, match="was cancelled") as raised:
        play(OPERATIONS.result("01J", None), NOT_FINISHED, failed)
    assert (raised.value.code, raised.value.status) == ("cancelled", None)
    assert play(OPERATIONS.result("01J", None), NOT_FINISHED, DONE).result == {"text": "x"}


def test_result_is_not_waited_for_longer_than_wanted() -> None:
    with pytest.raises(WaitTimeout):
        play(OPERATIONS.result("01J", 0), NOT_FINISHED)


# --- Events, lists, cancel, rerun ---


def page(*events: dict[str, Any], after: int = 0) -> Response:
    numbered = [{"seq": after + number, **event} for number, event in enumerate(events, 1)]
    return answer(200, {"events": numbered, "next": after + len(events)})


LINE = {"type": "log", "message": "hello"}
END = {"type": "state", "status": "failed"}


def test_events_are_followed_until_the_final_state() -> None:
    played = play(
        OPERATIONS.events("01J", 0, follow=True),
        page(LINE), page(after=1), PENDING, page(LINE, END, after=1),
    )  # fmt: skip
    assert [event["seq"] for event in played.emitted] == [1, 2, 3]
    assert [dict(one.query).get("after") for one in played.requests] == ["0", "1", None, "1"]
    assert played.requests[0].headers == {"Prefer": "wait=20"}


def test_following_ends_at_a_finished_job_without_further_events() -> None:
    finished = answer(200, {"status": "failed"})
    assert play(OPERATIONS.events("01J", 9, follow=True), page(after=9), finished, page(after=9)).emitted == []


def test_events_so_far_take_one_request() -> None:
    played = play(OPERATIONS.events("01J", 0, follow=False), page(LINE))
    assert played.requests[0].headers == {}
    assert len(played.emitted) == 1


def listing(cursor: str | None, *ids: str) -> Response:
    return answer(200, {"jobs": [{"job_id": one} for one in ids], "count": len(ids), "next_cursor": cursor})


def test_jobs_are_listed_page_by_page() -> None:
    filters = JobFilters(plugin="ocr", status=["failed", "timed_out"])
    played = play(OPERATIONS.jobs(filters, None), listing("c1", "a", "b"), listing("c2"), listing(None, "c"))
    assert [job["job_id"] for job in played.emitted] == ["a", "b", "c"]
    wanted = [("plugin", "ocr"), ("status", "failed"), ("status", "timed_out"), ("limit", "100")]
    assert [list(one.query) for one in played.requests] == [
        wanted, [*wanted, ("cursor", "c1")], [*wanted, ("cursor", "c2")],
    ]  # fmt: skip


def test_jobs_are_filtered_by_time_in_utc() -> None:
    noon = datetime(2026, 11, 29, 12, tzinfo=timezone(timedelta(hours=2)))
    filters = JobFilters(tool="analyze", status="failed", created_after=noon, created_before=noon + timedelta(hours=1))
    [request] = play(OPERATIONS.jobs(filters, None), listing(None)).requests
    assert list(request.query) == [
        ("tool", "analyze"), ("status", "failed"), ("created_after", "2026-11-29T10:00:00.000Z"),
        ("created_before", "2026-11-29T11:00:00.000Z"), ("limit", "100"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="has no time zone"):
        JobFilters(created_after=datetime(2026, 11, 29)).query()  # noqa: DTZ001 - the mistake


def test_limit_of_a_list_is_a_total() -> None:
    played = play(OPERATIONS.jobs(JobFilters(), 3), listing("c1", "a", "b"), listing("c2", "c"))
    assert [job["job_id"] for job in played.emitted] == ["a", "b", "c"]
    assert [dict(one.query)["limit"] for one in played.requests] == ["3", "1"]


def test_cancel_and_rerun_send_what_was_given() -> None:
    cancelled = play(OPERATIONS.cancel("01J", "not needed"), PENDING)
    assert (cancelled.calls, cancelled.bodies) == (["POST /v1/jobs/01J/cancel"], [{"reason": "not needed"}])
    changed = play(OPERATIONS.rerun("01J", {"a": b"x"}, RunOptions(timeout_s=2)), PENDING)
    assert changed.calls == ["POST /v1/jobs/01J/rerun"]
    assert changed.bodies == [{"input": {"a": "eA=="}, "timeout_s": 2}]
    assert play(OPERATIONS.rerun("01J", {}, RunOptions()), PENDING).bodies == [{}]


def test_cancel_of_a_finished_job_is_a_conflict() -> None:
    with pytest.raises(ConflictError):
        play(OPERATIONS.cancel("01J", None), refusal(409, "ConflictError", "already_finished"))


def test_names_are_escaped_in_paths() -> None:
    assert play(OPERATIONS.plugin("a/../b"), DONE).calls == ["GET /v1/plugins/a%2F..%2Fb"]
    assert play(OPERATIONS.job("../x?y"), DONE).calls == ["GET /v1/jobs/..%2Fx%3Fy"]
