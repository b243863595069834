"""Webhooks of batches: validation, the message, and its delivery as the batch shows it."""

import json
from copy import replace
from typing import Any

import pytest

from interlock.adapters.step_functions import step_to_state
from interlock.domain.batch import Batch
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.webhook import Answer, DeliveryError, Step, Subject, WebhookEvent
from interlock.http.webhook_messages import MAX_MESSAGE_BYTES, batch_message
from tests.fakes.envelope import refused
from tests.fakes.world import World
from tests.pure.core.batch_requests import post_batch, read_batch, submit_batch

pytestmark = pytest.mark.endpoint

URL = "https://example.com/hook"
PENDING = {
    "event": "finished",
    "state": "pending",
    "attempts": 0,
    "last_status": None,
    "last_error": None,
    "next_attempt_at": None,
}


def ended_batch(world: World, **fields: Any) -> Batch:
    batch_id = submit_batch(world, webhook={"url": URL}, **fields)
    world.prepare_batch(batch_id)
    world.run_items(batch_id)
    assert world.finish_batch(batch_id)
    found = world.batches.get("acme", batch_id)
    assert found is not None
    return found


def first_attempt(batch: Batch) -> dict[str, Any]:
    return step_to_state(Step(batch.subject, WebhookEvent.FINISHED))


def test_webhook_is_shown_before_it_is_announced(world: World) -> None:
    answer = post_batch(world, webhook={"url": URL})
    assert answer.status == 202
    expected = {"url": URL, "events": ["finished"], "deliveries": [PENDING]}
    assert answer.body["webhook"] == expected
    assert read_batch(world, answer.body["batch_id"])["webhook"] == expected
    [listed] = world.request("GET", "/v1/batches").body["batches"]
    assert listed["webhook"] == {**expected, "deliveries": None}


def test_message_contains_the_batch_and_its_delivery_is_shown(world: World) -> None:
    batch = ended_batch(world)
    world.receiver.answers = [Answer(503, DeliveryError.STATUS)]
    state = world.send_webhook(first_attempt(batch))
    assert state == {**first_attempt(batch), "attempt": 2, "over": False, "wait_s": state["wait_s"]}
    assert world.send_webhook(state)["over"]
    [(url, headers, body), again] = world.receiver.messages
    assert (url, headers["webhook-id"]) == (URL, f"batch-{batch.batch_id}-finished")
    assert (again[1]["webhook-id"], again[2]) == (headers["webhook-id"], body)
    message, shown = json.loads(body), read_batch(world, batch.batch_id)
    assert (message["type"], message["timestamp"]) == ("batch.finished", shown["completed_at"])
    assert shown["webhook"]["deliveries"] == [{**PENDING, "state": "delivered", "attempts": 2, "last_status": 204}]
    assert message["data"] == {**shown, "webhook": {**shown["webhook"], "deliveries": None}}


@pytest.mark.parametrize(
    ("webhook", "path"),
    [
        ({"url": "http://example.com/"}, "/webhook/url"),
        ({"url": URL, "events": ["started", "finished"]}, "/webhook/events/0"),
        ({"events": ["finished"]}, "/webhook/url"),
    ],
)
def test_invalid_webhook_of_a_batch_is_refused(world: World, webhook: Any, path: str) -> None:
    error = refused(post_batch(world, webhook=webhook), 400, "invalid_request", "ValidationError")
    assert [one["path"] for one in error["details"]["errors"]] == [path]
    assert not world.batch_workflow.running


def test_batch_and_job_with_one_key_have_messages_of_their_own(world: World) -> None:
    headers = {"Idempotency-Key": "once"}
    batch_id = post_batch(world, headers, webhook={"url": URL}).body["batch_id"]
    body = {"plugin": "echo", "input": {"text": "a"}, "webhook": {"url": URL}}
    job = world.request("POST", "/v1/execute", body, headers={**headers, "Prefer": "respond-async"}).body
    assert job["job_id"] == batch_id
    assert Subject("acme", batch_id).name != Subject("acme", batch_id, is_batch=True).name


def test_message_of_an_expired_batch_is_given_up(world: World) -> None:
    gone = Step(Subject("acme", "01KY4QJ3HS0123456789ABCDEF", is_batch=True), WebhookEvent.FINISHED)
    assert world.send_webhook(step_to_state(gone))["over"]
    assert world.receiver.messages == []


def test_message_without_details_has_its_maximum_size(world: World) -> None:
    problems = [{"path": f"/items/{number}/input", "message": "x" * 500} for number in range(100)]
    error = ErrorInfo(ErrorCode.INVALID_REQUEST, "y" * 30_000, {"errors": problems})
    text = batch_message(replace(ended_batch(world), error=error))
    assert len(text.encode()) <= MAX_MESSAGE_BYTES
    assert json.loads(text)["data"]["error"]["details"] == {}
