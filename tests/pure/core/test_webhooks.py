"""The events of jobs, the attempts of deliveries, the messages, and the secrets that sign them."""

import json
from datetime import timedelta

import pytest
from standardwebhooks import Webhook as Verifier

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.job import Cancel, StoredJson
from interlock.domain.job_status import FINAL, TRANSITIONS, JobStatus
from interlock.domain.json_text import as_text
from interlock.domain.webhook import (
    RETRIES,
    Answer,
    Delivery,
    DeliveryError,
    DeliveryState,
    Step,
    Subject,
    Webhook,
    WebhookEvent,
    attempted,
    events_between,
)
from interlock.domain.webhook_secret import MAX_PREVIOUS, SigningSecrets
from interlock.domain.webhook_url import MAX_URL
from interlock.http.webhook_messages import MAX_MESSAGE_BYTES, job_message
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON

STARTED, FINISHED = WebhookEvent.STARTED, WebhookEvent.FINISHED
ALL_EVENTS = Webhook("https://example.com/", (STARTED, FINISHED))
REFUSED = Answer(500, DeliveryError.STATUS)


def a_step(attempt: int = 1, number: int = 0) -> Step:
    return Step(Subject("acme", "JOB"), FINISHED, number, attempt)


# --- Events ---


@pytest.mark.parametrize(
    ("before", "after"), [(before, after) for before, following in TRANSITIONS.items() for after in sorted(following)]
)
def test_each_transition_has_its_events(before: JobStatus, after: JobStatus) -> None:
    job = a_job(before)
    expected = (STARTED,) * (after is JobStatus.RUNNING) + (FINISHED,) * (after in FINAL)
    assert events_between(job, a_job(after, job_id=job.job_id)) == expected


@pytest.mark.parametrize("status", JobStatus)
def test_change_without_a_transition_has_no_event(status: JobStatus) -> None:
    job = a_job(status)
    assert events_between(job, job) == ()


def test_job_that_replaces_an_expired_one_has_its_own_events() -> None:
    assert events_between(a_job(JobStatus.SUCCEEDED), a_job(JobStatus.PENDING)) == ()
    assert events_between(a_job(JobStatus.SUCCEEDED), a_job(JobStatus.RUNNING)) == (STARTED,)


# --- Attempts ---


def test_pauses_between_attempts_are_those_of_the_contract() -> None:
    pauses = []
    for attempt in range(1, len(RETRIES) + 1):
        after = attempted(a_step(attempt), REFUSED, now=NOON, spread=0)
        assert (after.state, after.attempts, after.last_status) == (DeliveryState.PENDING, attempt, 500)
        assert after.next_attempt_at is not None
        pauses.append((after.next_attempt_at - NOON).total_seconds())
    assert pauses == [5, 60, 300, 1800, 7200, 18000, 36000]
    last = attempted(a_step(8), REFUSED, now=NOON, spread=0)
    assert last == Delivery(FINISHED, 0, DeliveryState.FAILED, 8, 500, DeliveryError.STATUS)


def test_pause_is_spread_and_never_shorter() -> None:
    after = attempted(a_step(), REFUSED, now=NOON, spread=1)
    assert after.next_attempt_at == NOON + timedelta(seconds=5.5)


@pytest.mark.parametrize(("asked_s", "pause_s"), [(0, 5), (3, 5), (120, 120), (86_400, 86_400), (10**9, 86_400)])
def test_retry_after_lengthens_the_pause_up_to_a_day(asked_s: int, pause_s: int) -> None:
    answer = Answer(429, DeliveryError.STATUS, timedelta(seconds=asked_s))
    after = attempted(a_step(), answer, now=NOON, spread=0)
    assert after.next_attempt_at == NOON + timedelta(seconds=pause_s)


def test_success_ends_a_delivery() -> None:
    after = attempted(a_step(3), Answer(204), now=NOON, spread=0)
    assert after == Delivery(FINISHED, 0, DeliveryState.DELIVERED, 3, 204)


@pytest.mark.parametrize("answer", [Answer(410, DeliveryError.STATUS), Answer(error=DeliveryError.FORBIDDEN_ADDRESS)])
def test_delivery_to_a_gone_or_forbidden_receiver_is_given_up_at_once(answer: Answer) -> None:
    after = attempted(a_step(), answer, now=NOON, spread=0)
    assert (after.state, after.attempts, after.next_attempt_at) == (DeliveryState.FAILED, 1, None)


def test_attempt_is_awaited_until_it_is_recorded_or_a_later_round_begins() -> None:
    recorded = attempted(a_step(2, number=1), REFUSED, now=NOON, spread=0)
    assert recorded.awaits(a_step(3, number=1))
    assert recorded.awaits(a_step(1, number=2))
    assert not recorded.awaits(a_step(2, number=1))
    assert not recorded.awaits(a_step(3, number=0))
    assert not attempted(a_step(2), Answer(200), now=NOON, spread=0).awaits(a_step(3))


def test_execution_has_the_name_of_job_event_and_round() -> None:
    assert [a_step(2).name, a_step(2, number=3).name] == ["JOB-finished", "JOB-finished-3"]
    assert a_step(1).message_id == a_step(5, number=2).message_id


# --- Messages ---


@pytest.mark.parametrize("status", sorted(FINAL))
def test_message_has_the_job_and_its_end(status: JobStatus) -> None:
    message = json.loads(job_message(FINISHED, a_job(status, webhook=ALL_EVENTS)))
    assert (message["type"], message["timestamp"]) == (f"job.{status}", "2026-11-22T12:00:00.000Z")
    assert (message["data"]["status"], message["data"]["webhook"]["deliveries"]) == (status, None)
    assert message["data"].get("result") == ({"text": "hello"} if status is JobStatus.SUCCEEDED else None)


def test_message_about_a_start_has_its_time_and_no_result() -> None:
    job = a_job(JobStatus.SUCCEEDED, started_at=NOON - timedelta(seconds=1), webhook=ALL_EVENTS)
    message = json.loads(job_message(STARTED, job))
    assert (message["type"], message["timestamp"]) == ("job.started", "2026-11-22T11:59:59.000Z")
    assert "result" not in message["data"]


def test_result_is_left_out_if_it_is_too_large_for_a_message() -> None:
    def data(result: StoredJson, **fields: object) -> dict[str, object]:
        text = job_message(FINISHED, a_job(JobStatus.SUCCEEDED, result=result, **fields))
        assert len(text.encode()) <= MAX_MESSAGE_BYTES
        found: dict[str, object] = json.loads(text)["data"]
        return found

    fits = as_text("a" * (16 * 1024 - 2))
    assert "result" in data(StoredJson(len(fits), text=fits))
    assert "result" not in data(StoredJson(len(fits) + 1, key="jobs/acme/JOB/result-1.json"))
    url = "https://example.com/" + "a" * (MAX_URL - 20)
    assert "result" not in data(StoredJson(len(fits), text=fits), webhook=Webhook(url), cancel=Cancel(NOON, "é" * 1500))


def test_details_of_an_error_are_left_out_if_they_are_too_large() -> None:
    problems = [{"path": "/" + "ü" * 300, "message": "ü" * 300}] * 20
    job = a_job(JobStatus.FAILED, error=ErrorInfo(ErrorCode.INVALID_OUTPUT, "x" * 9000, {"errors": problems}))
    text = job_message(FINISHED, job)
    assert len(text.encode()) <= MAX_MESSAGE_BYTES
    error = json.loads(text)["data"]["error"]
    assert (error["code"], error["details"]) == ("invalid_output", {})


# --- Secrets ---


def test_rotated_secret_signs_along_for_a_day() -> None:
    first = SigningSecrets.new(NOON)
    second = first.rotated(NOON + timedelta(hours=1))
    assert second.current.startswith("whsec_")
    assert second.current != first.current
    assert second.signing(NOON + timedelta(hours=24, minutes=59)) == (second.current, first.current)
    assert second.signing(NOON + timedelta(hours=25)) == (second.current,)
    Verifier(second.current)  # accepts the format


def test_secrets_rotated_in_a_row_all_sign_along() -> None:
    secrets = [SigningSecrets.new(NOON)]
    for _ in range(MAX_PREVIOUS + 2):
        secrets.append(secrets[-1].rotated(NOON))
    latest = [one.current for one in reversed(secrets)]
    assert list(secrets[-1].signing(NOON)) == latest[: MAX_PREVIOUS + 1]
