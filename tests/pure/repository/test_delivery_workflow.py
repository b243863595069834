"""The properties of the state machine of deliveries that the service relies on."""

from pathlib import Path

from interlock.adapters.step_functions import step_to_state
from interlock.adapters.webhook_http import LIMIT_S
from interlock.domain.job_status import JobStatus
from interlock.domain.webhook import (
    JITTER,
    LONGEST_PAUSE,
    RETRIES,
    Answer,
    DeliveryError,
    Step,
    Webhook,
    WebhookEvent,
    job_subject,
)
from tests.fakes.jobs import a_job
from tests.fakes.world import World
from tests.pure.repository.state_machines import DELIVERY, function_of


def test_delivery_outlasts_all_pauses_that_receivers_may_ask_for() -> None:
    longest = len(RETRIES) * max(LONGEST_PAUSE, RETRIES[-1] * (1 + JITTER))
    [retry] = DELIVERY["States"]["Send"]["Retry"]
    lost = retry["MaxAttempts"] * retry["MaxDelaySeconds"]
    assert DELIVERY["TimeoutSeconds"] > longest.total_seconds() + lost


def test_attempt_outlasts_its_request() -> None:
    send = DELIVERY["States"]["Send"]
    timeout_s = function_of(send, "DeliveryWorkflow")["Timeout"]
    assert LIMIT_S < timeout_s < send["TimeoutSeconds"]


def test_sender_that_fails_makes_the_same_attempt_again_for_hours() -> None:
    [retry] = DELIVERY["States"]["Send"]["Retry"]
    assert retry["ErrorEquals"] == ["States.ALL"]
    pauses = [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** number, retry["MaxDelaySeconds"])
        for number in range(retry["MaxAttempts"])
    ]
    # With full jitter, the pauses are half as long on average.
    assert sum(pauses) / 2 > 3600


def test_state_of_a_delivery_is_the_answer_of_its_last_attempt(tmp_path: Path) -> None:
    send, pause = DELIVERY["States"]["Send"], DELIVERY["States"]["Pause"]
    assert (send["Parameters"]["Payload.$"], send["OutputPath"]) == ("$", "$.Payload")
    world = World(tmp_path)
    world.receiver.answers = [Answer(500, DeliveryError.STATUS)]
    job = a_job(JobStatus.SUCCEEDED, webhook=Webhook("https://example.com/"))
    world.jobs.create(job)
    first = step_to_state(Step(job_subject(job), WebhookEvent.FINISHED))
    answer = world.send_webhook(first)
    assert answer == {**first, "attempt": 2, "over": False, "wait_s": answer["wait_s"]}
    assert pause["SecondsPath"] == "$.wait_s"
    assert 5 <= answer["wait_s"] <= 6
    assert world.send_webhook(answer) == {**first, "attempt": 3, "over": True}
    [choice] = DELIVERY["States"]["IsOver"]["Choices"]
    assert (choice["Variable"], choice["BooleanEquals"], choice["Next"]) == ("$.over", False, "Pause")
