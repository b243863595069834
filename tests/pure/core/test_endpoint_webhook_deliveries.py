"""Deliveries of webhooks: attempts, how the job shows them, redelivery, and the secrets that sign messages."""

import json
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from svix.webhooks import Webhook as SvixVerifier

from interlock.adapters.step_functions import step_to_state
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.times import utc_now
from interlock.domain.webhook import Answer, DeliveryError, Step, Webhook, WebhookEvent, job_subject
from tests.fakes.envelope import refused
from tests.fakes.jobs import a_job
from tests.fakes.world import World

URL = "https://example.com/hook"
PENDING = {
    "event": "finished",
    "state": "pending",
    "attempts": 0,
    "last_status": None,
    "last_error": None,
    "next_attempt_at": None,
}
BOTH = Webhook(URL, (WebhookEvent.STARTED, WebhookEvent.FINISHED))


def put(world: World, status: JobStatus = JobStatus.SUCCEEDED, webhook: Webhook | None = BOTH) -> Job:
    job = a_job(status, webhook=webhook)
    world.jobs.create(job)
    return job


def deliver(world: World, job: Job, event: WebhookEvent = WebhookEvent.FINISHED, number: int = 0) -> dict[str, Any]:
    """Make all attempts of a delivery, and return the last answer of the sender."""
    state = step_to_state(Step(job_subject(job), event, number))
    while not (state := world.send_webhook(state))["over"]:
        world.clock.advance(state["wait_s"])
    return state


def shown(world: World, job: Job) -> list[dict[str, Any]]:
    """Return the deliveries as the job shows them."""
    found: list[dict[str, Any]] = world.request("GET", f"/v1/jobs/{job.job_id}").body["webhook"]["deliveries"]
    return found


# --- Deliveries ---


@pytest.mark.parametrize("verifier", [Verifier, SvixVerifier])
def test_message_is_verified_by_libraries_of_receivers(world: World, verifier: Any) -> None:
    world.clock.now = utc_now()
    job = put(world)
    deliver(world, job)
    [(url, headers, body)] = world.receiver.messages
    secret = world.request("GET", "/v1/webhook-secret").body["secret"]
    verifier(secret).verify(body, dict(headers))
    with pytest.raises(WebhookVerificationError):
        verifier(secret).verify(body + b" ", dict(headers))
    message = json.loads(body)
    assert (url, message["type"], message["data"]["job_id"]) == (URL, "job.succeeded", job.job_id)
    assert headers["webhook-id"] == f"{job.job_id}-finished"


def test_delivery_is_shown_on_the_job(world: World) -> None:
    job = put(world)
    world.receiver.answers = [Answer(503, DeliveryError.STATUS)]
    state = world.send_webhook(step_to_state(Step(job_subject(job), WebhookEvent.FINISHED)))
    [started, finished] = shown(world, job)
    assert started == {**PENDING, "event": "started"}
    assert finished["next_attempt_at"].startswith("2026-11-22T12:00:05.")
    assert {**finished, "next_attempt_at": None} == {
        **PENDING,
        "attempts": 1,
        "last_status": 503,
        "last_error": "status",
    }
    assert world.send_webhook(state)["over"]
    assert shown(world, job)[1] == {**PENDING, "state": "delivered", "attempts": 2, "last_status": 204}


def test_delivery_is_given_up_after_eight_attempts(world: World) -> None:
    job = put(world)
    world.receiver.answers = [Answer(error=DeliveryError.CONNECT)] * 9
    deliver(world, job)
    assert len(world.receiver.messages) == 8
    expected = {**PENDING, "state": "failed", "attempts": 8, "last_error": "connect"}
    assert shown(world, job)[1] == expected


def test_attempt_that_is_recorded_is_not_made_again(world: World) -> None:
    """The function may end between recording the attempt and responding. The workflow then invokes it again."""
    job = put(world)
    world.receiver.answers = [Answer(500, DeliveryError.STATUS)]
    first = step_to_state(Step(job_subject(job), WebhookEvent.FINISHED))
    second = world.send_webhook(first)
    assert world.send_webhook(first) == second
    assert world.send_webhook(second) == world.send_webhook(second)
    assert len(world.receiver.messages) == 2


def test_attempt_is_made_again_if_the_table_was_down(world: World) -> None:
    job = put(world)
    world.deliveries.down = True
    first = step_to_state(Step(job_subject(job), WebhookEvent.FINISHED))
    with pytest.raises(Exception, match="unavailable"):
        world.send_webhook(first)
    assert world.receiver.messages == []
    world.deliveries.down = False
    assert world.send_webhook(first)["over"]


def test_message_of_an_expired_job_is_given_up(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    job = put(world)
    world.jobs.forget(job)
    assert deliver(world, job)["over"]
    assert world.receiver.messages == []
    assert '"webhook_given_up_count":[1.0]' in capsys.readouterr().out


# --- Sending again ---


def test_message_is_sent_again_in_a_new_round(world: World) -> None:
    job = put(world)
    deliver(world, job)
    answer = world.request("POST", f"/v1/jobs/{job.job_id}/webhook/redeliver", {"event": "finished"})
    assert (answer.status, answer.headers["Retry-After"]) == (202, "1")
    assert answer.body["webhook"]["deliveries"] == [{**PENDING, "event": "started"}, PENDING]
    [step] = world.delivery_workflow.running
    assert step.name == f"{job.job_id}-finished-1"
    deliver(world, job, number=1)
    assert shown(world, job)[1]["state"] == "delivered"
    ids = [headers["webhook-id"] for _, headers, _ in world.receiver.messages]
    assert ids == [f"{job.job_id}-finished"] * 2


def test_all_events_that_have_happened_are_sent_again(world: World) -> None:
    running, ended = put(world, JobStatus.RUNNING), put(world)
    for job in (running, ended):
        assert world.request("POST", f"/v1/jobs/{job.job_id}/webhook/redeliver").status == 202
    names = {step.name for step in world.delivery_workflow.running}
    assert names == {f"{running.job_id}-started-1", f"{ended.job_id}-started-1", f"{ended.job_id}-finished-1"}


def test_earlier_round_ends_when_a_later_one_has_begun(world: World) -> None:
    job = put(world)
    world.receiver.answers = [Answer(500, DeliveryError.STATUS)]
    waiting = world.send_webhook(step_to_state(Step(job_subject(job), WebhookEvent.FINISHED)))
    world.request("POST", f"/v1/jobs/{job.job_id}/webhook/redeliver", {"event": "finished"})
    assert world.send_webhook(waiting)["over"]
    assert len(world.receiver.messages) == 1
    deliver(world, job, number=1)
    assert len(world.receiver.messages) == 2


def test_round_that_ended_without_an_attempt_is_followed_by_the_next(world: World) -> None:
    job = put(world)
    lost = Step(job_subject(job), WebhookEvent.FINISHED, 1)
    world.delivery_workflow.start(lost)
    world.delivery_workflow.finish(lost)
    world.request("POST", f"/v1/jobs/{job.job_id}/webhook/redeliver", {"event": "finished"})
    assert [step.round for step in world.delivery_workflow.running] == [2]


def test_redelivery_without_a_message_is_refused(world: World) -> None:
    def redeliver(job: Job, body: Any = None) -> Any:
        return world.request("POST", f"/v1/jobs/{job.job_id}/webhook/redeliver", body)

    assert refused(redeliver(put(world, JobStatus.PENDING)), 409, "not_finished", "ConflictError")
    running = put(world, JobStatus.RUNNING)
    assert refused(redeliver(running, {"event": "finished"}), 409, "not_finished", "ConflictError")
    assert refused(redeliver(put(world, webhook=None)), 404, "not_found", "NotFoundError")
    only_end = put(world, webhook=Webhook(URL))
    error = refused(redeliver(only_end, {"event": "started"}), 400, "invalid_request", "ValidationError")
    assert error["details"]["errors"][0]["path"] == "/event"
    assert refused(redeliver(only_end, {"event": "begun"}), 400, "invalid_request", "ValidationError")
    assert world.delivery_workflow.running == []


# --- Secrets ---


def test_secret_is_created_once_and_never_cached(world: World) -> None:
    first, second = (world.request("GET", "/v1/webhook-secret") for _ in range(2))
    assert (first.status, first.headers["Cache-Control"]) == (200, "no-store")
    assert first.body == second.body
    assert first.body["previous_expires_at"] is None
    other = world.request("GET", "/v1/webhook-secret", tenant="other")
    assert other.body["secret"] != first.body["secret"]


def test_rotated_secret_signs_along_for_24_hours(world: World) -> None:
    old = world.request("GET", "/v1/webhook-secret").body["secret"]
    rotated = world.request("POST", "/v1/webhook-secret/rotate").body
    assert rotated["previous_expires_at"] == "2026-11-23T12:00:00.000Z"
    job = put(world)
    deliver(world, job)
    world.clock.advance(24 * 3600)
    deliver(world, job, WebhookEvent.STARTED)
    (_, headers, body), (_, later, _) = world.receiver.messages
    signatures = headers["webhook-signature"].split(" ")
    text = body.decode()
    expected = [Verifier(one).sign(headers["webhook-id"], a_job().created_at, text) for one in (rotated["secret"], old)]
    assert signatures == expected
    assert len(later["webhook-signature"].split(" ")) == 1


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/webhook-secret"), ("POST", "/v1/webhook-secret/rotate")])
def test_secret_needs_the_scope_admin(world: World, method: str, path: str) -> None:
    scopes = "execute jobs:read jobs:cancel plugins:read"
    assert refused(world.request(method, path, scopes=scopes), 403, "forbidden", "PermissionError")
    assert world.signing_secrets.stored == {}
