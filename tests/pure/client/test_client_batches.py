"""The requests of the client's operations on batches."""

import json
from typing import Any

import pytest

from interlock_client import ConflictError, PluginError, WaitTimeout, batch_operations
from interlock_client.batch_operations import MAX_INLINE_ITEMS_BYTES, BatchOperations
from interlock_client.batches import value
from interlock_client.options import BatchOptions
from interlock_client.steps import Response
from tests.pure.client.script import OPERATIONS, answer, play, refusal

BATCHES = BatchOperations(OPERATIONS.service, OPERATIONS.retries)
UPLOAD = answer(201, {"upload_id": "u1", "method": "PUT", "url": "https://bucket/u1", "headers": {}})
LINK = {
    "download_url": "https://bucket.s3.amazonaws.com/results?X-Amz-Signature=1",
    "size": 1,
    "expires_at": "2026-11-22T10:11:12.345Z",
}


def test_batch_is_submitted_with_its_items_and_options() -> None:
    options = BatchOptions(keys=["a", "b"], max_concurrency=8, tolerated_failures="5%", idempotency_key="once")
    played = play(BATCHES.submit_batch("ocr.analyze", [{"n": 1}, {"n": 2}], options), answer(202, {"batch_id": "01J"}))
    items = [{"input": {"n": 1}, "key": "a"}, {"input": {"n": 2}, "key": "b"}]
    assert played.bodies == [
        {"plugin": "ocr", "tool": "analyze", "max_concurrency": 8, "tolerated_failures": "5%", "items": items}
    ]
    assert played.requests[0].headers["Idempotency-Key"] == "once"


def test_large_items_are_uploaded_as_json_lines() -> None:
    inputs = [{"text": "x" * MAX_INLINE_ITEMS_BYTES}, {"text": "y"}]
    steps = BATCHES.submit_batch("ocr", inputs, BatchOptions())
    played = play(steps, UPLOAD, answer(200, {}), answer(202, {"batch_id": "01J"}))
    lines = [json.loads(line) for line in (played.requests[1].content or b"").splitlines()]
    assert lines == [{"input": one} for one in inputs]
    assert json.loads(played.requests[2].content or b"") == {"plugin": "ocr", "upload_id": "u1"}


def test_files_over_the_inline_limit_of_a_batch_are_uploaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_operations, "MAX_BATCH_FILES_BYTES", 8)
    inputs = [{"image": b"12345"}, {"image": b"123456"}, {"image": b"123"}]
    played = play(BATCHES.submit_batch("ocr", inputs, BatchOptions()), UPLOAD, answer(200, {}), answer(202, {}))
    assert [request.content for request in played.requests if request.method == "PUT"] == [b"123456"]
    images = [item["input"]["image"] for item in played.bodies[-1]["items"]]
    assert images == ["MTIzNDU=", {"upload_id": "u1"}, "MTIz"]


def test_batches_are_listed_page_by_page() -> None:
    pages = [answer(200, {"batches": [{"batch_id": name}], "next_cursor": cursor}) for name, cursor in ("bn", "a ")]
    played = play(BATCHES.batches(2), *pages)
    assert played.emitted == [{"batch_id": "b"}, {"batch_id": "a"}]
    assert [request.query for request in played.requests] == [[("limit", "2")], [("limit", "1"), ("cursor", "n")]]


def test_batch_is_awaited_until_it_has_finished() -> None:
    running, done = answer(200, {"status": "running"}), answer(200, {"status": "cancelled"})
    played = play(BATCHES.wait_for_batch("01J", None), running, running, done)
    assert (len(played.requests), played.result) == (3, {"status": "cancelled"})
    with pytest.raises(WaitTimeout):
        play(BATCHES.wait_for_batch("01J", 0), running)


def test_results_are_read_from_their_link() -> None:
    lines = [{"index": 0, "result": {"text": "a"}}, {"index": 1, "error": {"type": "PluginError"}}]
    content = "\n".join(map(json.dumps, lines)).encode()
    assert play(BATCHES.batch_results("01J"), answer(200, LINK), Response(200, {}, content)).emitted == lines
    with pytest.raises(ConflictError):
        play(BATCHES.batch_results("01J"), refusal(409, "ConflictError", "not_finished"))


def test_result_that_the_file_leaves_out_is_read_from_its_job() -> None:
    line = {"index": 0, "job_id": "01J", "result": {"job_id": "01J", "size": 9}}
    finished = answer(200, {"error": None, "result": {"text": "a"}})
    content = Response(200, {}, json.dumps(line).encode())
    played = play(BATCHES.batch_results("01B"), answer(200, LINK), content, finished)
    assert played.emitted == [{**line, "result": {"text": "a"}}]
    assert played.calls[-1] == "GET /v1/jobs/01J/result"


def test_error_of_an_item_is_raised_in_its_place() -> None:
    error = {"type": "PluginError", "code": "plugin_exception", "message": "no"}
    lines: Any = [{"index": 0, "result": "a"}, {"index": 1, "error": error}, {"index": 2, "result": "c"}]
    found = map(value, lines)
    assert next(found) == "a"
    with pytest.raises(PluginError):
        next(found)
