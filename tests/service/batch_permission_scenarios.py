"""Scenarios of batches that make the functions call AWS in ways that the events in events/ do not."""

import copy
import json
from datetime import timedelta

from interlock.adapters.step_functions import step_to_state
from interlock.domain import job as jobs
from interlock.domain.batch import Batch, unreadable
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.domain.times import utc_now
from interlock.domain.webhook import Step, WebhookEvent
from interlock.jobs.preparing import item_ids
from tests.service.account import Account
from tests.service.event_batch_checks import TEXT_IMAGE, prepared
from tests.service.event_checks import WEBHOOK
from tests.service.replay import JOB_ID, TENANT, Replay, event
from tests.service.scenario_requests import LARGE, Json, image_upload, limited, thumbnail_request


def _of_batch(name: str, **headers: str) -> Json:
    asked = copy.deepcopy(event(name))
    asked["headers"] |= headers
    asked["multiValueHeaders"] |= {header: [value] for header, value in headers.items()}
    return asked


def reads_a_batch_with_a_webhook(account: Account, replay: Replay) -> None:
    ended(account.put_batch({}, webhook=WEBHOOK), account)
    assert json.loads(replay("batch-get")["body"])["webhook"]["deliveries"][0]["state"] == "pending"


def sends_the_message_about_a_batch(account: Account, replay: Replay) -> None:
    batch = ended(account.put_batch({}, webhook=WEBHOOK), account)
    first = step_to_state(Step(batch.subject, WebhookEvent.FINISHED))
    assert replay(first, "SendWebhookFunction")["attempt"] == 2


def ended(batch: Batch, account: Account) -> Batch:
    return account.core.batch_store.change(
        batch, unreadable(batch, ErrorInfo(ErrorCode.INVALID_REQUEST, ""), now=utc_now())
    )


def submits_an_upload_once_for_a_limited_key(account: Account, replay: Replay) -> None:
    asked = limited(_of_batch("batch-submit", **{"Idempotency-Key": "once"}))
    upload_id = account.put_upload(b'{"input": {}}', "application/jsonl")
    asked["body"] = json.dumps({"plugin": "ocr", "upload_id": upload_id})
    for _ in range(2):
        assert replay(copy.deepcopy(asked), "BatchesFunction")["statusCode"] == 202


def lists_batches_page_by_page(account: Account, replay: Replay) -> None:
    for _ in range(2):
        assert replay("batch-submit")["statusCode"] == 202
    asked = copy.deepcopy(event("batches-list"))
    asked["queryStringParameters"] = {"limit": "1"}
    asked["multiValueQueryStringParameters"] = {"limit": ["1"]}
    assert json.loads(replay(asked, "BatchesFunction")["body"])["next_cursor"]


def runs_an_item_of_a_batch(account: Account, replay: Replay) -> None:
    [job_id] = item_ids(prepared(account, replay, TEXT_IMAGE, key_id="limited", key_limit=5))
    replay.needs.clear()
    assert replay({"tenant": TENANT, "job_id": job_id}, "RunJobFunction")["status"] == "succeeded"


def starts_the_execution_of_a_batch(account: Account, replay: Replay) -> None:
    account.put_batch({}, age=timedelta(minutes=2), started=False)
    assert replay("settle-schedule") == {"settled": 0, "batches": 1}


def stops_a_batch_that_is_about_to_expire(account: Account, replay: Replay) -> None:
    account.put_batch({}, age=timedelta(days=6, hours=23, minutes=30))
    assert replay("settle-schedule") == {"settled": 0, "batches": 1}
    assert account.batch().stopping


def stops_a_batch_with_too_many_failures(account: Account, replay: Replay) -> None:
    batch = account.put_batch({"image": 7}, tolerated_failures="0")
    account.core.batch_store.open_counts(batch, batch.tolerated)
    changes = copy.deepcopy(event("count-jobs"))
    [inserted] = [one for one in changes["Records"] if one["eventName"] == "INSERT"]
    inserted["dynamodb"]["NewImage"] |= {"status": {"S": "failed"}, "batch_id": {"S": JOB_ID}}
    changes["Records"] = [inserted]
    assert replay(changes, "CountJobsFunction")["batchItemFailures"] == []
    assert account.batch().stopping


def prepares_large_inputs_of_an_upload_that_name_uploads(account: Account, replay: Replay) -> None:
    inputs = [{"image": thumbnail_request()["input"]["image"]}, image_upload(account)]
    assert prepared(account, replay, *inputs, upload=True).total == 2


def finishes_a_batch_that_was_cancelled(account: Account, replay: Replay) -> None:
    large = {"image": thumbnail_request()["input"]["image"]}
    batch = prepared(account, replay, TEXT_IMAGE, large, key_id="limited", key_limit=5)
    first, _ = item_ids(batch)
    job = account.core.store.get(TENANT, first)
    assert job is not None
    now = utc_now()
    running = jobs.claimed(job, worker_id="worker", now=now, lease_expires_at=now + timedelta(minutes=1))
    account.core.store.change(job, running)
    result = account.core.documents.write(running, "result-1", {"text": LARGE})
    account.core.batch_service.cancel(TENANT, JOB_ID, None)
    replay.needs.clear()
    assert replay("finish-batch") == {"finished": False}
    held = account.core.store.get(TENANT, first)
    assert held is not None
    outcome = Outcome(JobStatus.SUCCEEDED, execution_time_ms=1.0)
    account.core.store.settle(held, jobs.ended(held, outcome, result=result, progress=None, now=utc_now()))
    assert replay("finish-batch") == {"finished": True}


def settles_an_item_that_nothing_has_run(account: Account, replay: Replay) -> None:
    [job_id] = item_ids(prepared(account, replay, TEXT_IMAGE, key_id="limited", key_limit=5))
    job = account.core.store.get(TENANT, job_id)
    assert job is not None
    now = utc_now() - timedelta(minutes=1)
    account.core.store.change(job, jobs.claimed(job, worker_id="worker", now=now, lease_expires_at=now))
    replay.needs.clear()
    assert replay("finish-batch") == {"finished": False}
    assert replay("finish-batch") == {"finished": True}


def reads_the_results_of_a_batch(account: Account, replay: Replay) -> None:
    prepared(account, replay, {"image": 7})
    assert replay("finish-batch") == {"finished": True}
    replay.needs.clear()
    assert replay("batch-results")["statusCode"] == 200
