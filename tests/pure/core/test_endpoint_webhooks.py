"""Webhooks in requests to execute and rerun, and the deliveries that changes of jobs start."""

from copy import replace
from typing import Any

import pytest

from interlock.domain.batch import BatchStatus, WatchedBatch
from interlock.domain.job_status import JobStatus
from interlock.domain.stream import Batch, Change
from interlock.domain.webhook import WatchedJob, Webhook, WebhookEvent
from interlock.jobs.announcing import announce
from tests.fakes.envelope import refused
from tests.fakes.outside import MemoryDeliveryWorkflow
from tests.fakes.world import World
from tests.forbidden_urls import FORBIDDEN

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


# --- Submission ---


def test_submitted_job_shows_its_webhook(world: World) -> None:
    answer = world.execute(prefer="respond-async", webhook={"url": URL})
    assert answer.status == 202
    assert answer.body["webhook"] == {"url": URL, "events": ["finished"], "deliveries": [PENDING]}
    assert world.request("GET", f"/v1/jobs/{answer.body['job_id']}").body == answer.body
    assert world.request("GET", "/v1/jobs").body["jobs"][0]["webhook"]["deliveries"] is None
    cancelled = world.request("POST", f"/v1/jobs/{answer.body['job_id']}/cancel")
    assert cancelled.body["webhook"] == answer.body["webhook"]


def test_events_are_those_of_the_request(world: World) -> None:
    answer = world.execute(prefer="respond-async", webhook={"url": URL, "events": ["finished", "started"]})
    assert answer.body["webhook"]["events"] == ["started", "finished"]
    assert world.execute(prefer="respond-async", webhook=None).body["webhook"] is None


def test_rerun_has_a_webhook_of_its_own(world: World) -> None:
    job_id = world.submit(webhook={"url": URL})
    assert world.request("POST", f"/v1/jobs/{job_id}/rerun").body["webhook"] is None
    again = world.request("POST", f"/v1/jobs/{job_id}/rerun", {"webhook": {"url": f"{URL}/2"}})
    assert (again.status, again.body["webhook"]["url"]) == (202, f"{URL}/2")
    refused_again = world.request("POST", f"/v1/jobs/{job_id}/rerun", {"webhook": {"url": "https://10.0.0.1/"}})
    assert refused(refused_again, 400, "invalid_request", "ValidationError")


def test_synchronous_run_cannot_have_a_webhook(world: World) -> None:
    error = refused(world.execute(webhook={"url": URL}), 400, "invalid_request", "ValidationError")
    assert error["details"]["errors"][0]["path"] == "/webhook"
    assert "respond-async" in error["message"]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_forbidden_url_is_400_and_names_the_field(world: World, url: str) -> None:
    error = refused(
        world.execute(prefer="respond-async", webhook={"url": url}), 400, "invalid_request", "ValidationError"
    )
    assert error["details"]["errors"][0]["path"] == "/webhook/url"
    assert world.jobs.all_jobs == []


@pytest.mark.parametrize(
    ("webhook", "path"),
    [
        ({}, "/webhook/url"),
        ({"url": 7}, "/webhook/url"),
        ({"url": URL, "events": []}, "/webhook/events"),
        ({"url": URL, "events": ["finished", "finished"]}, "/webhook/events"),
        ({"url": URL, "events": ["succeeded"]}, "/webhook/events/0"),
        ({"url": URL, "secret": "x"}, "/webhook/secret"),
        (URL, "/webhook"),
    ],
)
def test_invalid_webhook_is_400_and_names_the_field(world: World, webhook: Any, path: str) -> None:
    answer = world.execute(prefer="respond-async", webhook=webhook)
    error = refused(answer, 400, "invalid_request", "ValidationError")
    assert [one["path"] for one in error["details"]["errors"]] == [path]


# --- Announcing ---


def announced(change: Change[Any]) -> list[str]:
    workflow = MemoryDeliveryWorkflow()
    assert announce(workflow, Batch(None, [change])) is None
    return [step.name for step in workflow.running]


def watched(status: JobStatus, webhook: Webhook | None = BOTH) -> WatchedJob:
    return WatchedJob("acme", "JOB", status, webhook)


def test_deliveries_are_started_for_the_events_of_the_webhook() -> None:
    pending, running, ended = map(watched, (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.FAILED))
    assert announced(Change(1, pending, running)) == ["JOB-started"]
    assert announced(Change(1, running, ended)) == ["JOB-finished"]
    assert announced(Change(1, running, running)) == []
    only_end = Webhook(URL)
    assert announced(Change(1, pending, watched(JobStatus.RUNNING, only_end))) == []
    assert announced(Change(1, None, watched(JobStatus.CANCELLED, only_end))) == ["JOB-finished"]
    assert announced(Change(1, running, watched(JobStatus.FAILED, None))) == []


def test_end_of_a_batch_is_announced_once() -> None:
    running, ended = (
        WatchedBatch("acme", "ID", status, Webhook(URL)) for status in (BatchStatus.RUNNING, BatchStatus.CANCELLED)
    )
    assert announced(Change(1, running, ended)) == ["batch-ID-finished"]
    assert announced(Change(1, running, running)) == []
    assert announced(Change(1, ended, ended)) == []
    earlier = replace(ended, batch_id="EARLIER")
    assert announced(Change(1, earlier, ended)) == ["batch-ID-finished"]
    assert announced(Change(1, running, replace(ended, webhook=None))) == []


def test_batch_is_repeated_from_the_first_event_that_was_not_announced() -> None:
    workflow = MemoryDeliveryWorkflow()
    changes = [Change(number, None, WatchedJob("acme", f"JOB{number}", JobStatus.FAILED, BOTH)) for number in (1, 2)]
    assert announce(workflow, Batch(None, changes[:1])) is None
    workflow.down = True
    assert announce(workflow, Batch(None, changes[1:])) == 2
    workflow.down = False
    for _ in range(2):  # Lambda may deliver a batch again
        assert announce(workflow, Batch(None, changes)) is None
    assert [step.name for step in workflow.running] == ["JOB1-finished", "JOB2-finished"]
