"""Requests that make the functions call AWS in ways that the events in events/ do not."""

import copy
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import boto3

from interlock.domain import job as jobs
from interlock.domain.times import utc_now
from interlock.jobs.lease import LEASE
from tests.service.account import Account
from tests.service.batch_permission_scenarios import (
    finishes_a_batch_that_was_cancelled,
    lists_batches_page_by_page,
    prepares_large_inputs_of_an_upload_that_name_uploads,
    reads_a_batch_with_a_webhook,
    reads_the_results_of_a_batch,
    runs_an_item_of_a_batch,
    sends_the_message_about_a_batch,
    settles_an_item_that_nothing_has_run,
    starts_the_execution_of_a_batch,
    stops_a_batch_that_is_about_to_expire,
    stops_a_batch_with_too_many_failures,
    submits_an_upload_once_for_a_limited_key,
)
from tests.service.event_checks import WEBHOOK, put_key
from tests.service.replay import BUCKET, TENANT, Replay, event
from tests.service.scenario_requests import LARGE, execute_request, image_upload, limited, thumbnail_request

type Json = dict[str, Any]
type Scenario = Callable[[Account, Replay], None]


def executes_large_documents_once_and_replays_them(account: Account, replay: Replay) -> None:
    for _ in range(2):
        answer = replay(execute_request(thumbnail_request(), **{"Idempotency-Key": "once"}), "ExecuteFunction")
        assert answer["statusCode"] == 200, answer["body"]


def lists_by_everything(account: Account, replay: Replay) -> None:
    account.put_running()
    for query in ({}, {"plugin": "ocr"}, {"plugin": "ocr", "tool": "analyze"}):
        for status in ({}, {"status": "running"}):
            asked = copy.deepcopy(event("jobs-list"))
            wanted = {**query, **status}
            asked["queryStringParameters"] = wanted
            asked["multiValueQueryStringParameters"] = {name: [value] for name, value in wanted.items()}
            answer = replay(asked, "JobsFunction")
            assert json.loads(answer["body"])["count"] == 1


def checks_the_state_of_an_mcp_call(account: Account, replay: Replay) -> None:
    """The first state that an environment checks or signs creates the secret."""
    asked = copy.deepcopy(event("mcp-tools"))
    body = json.loads(asked["body"])
    body |= {"method": "tools/call", "params": {**body["params"], "name": "image-thumbnail", "requestState": "AAAA"}}
    asked["body"] = json.dumps(body)
    for headers in (asked["headers"], asked["multiValueHeaders"]):
        listed = headers is asked["multiValueHeaders"]
        headers |= {
            name: [value] if listed else value
            for name, value in {"Mcp-Method": "tools/call", "Mcp-Name": "image-thumbnail"}.items()
        }
    answer = replay(asked, "ExecuteFunction")
    assert json.loads(answer["body"])["error"]["message"].startswith("Invalid params: requestState")


def reads_a_large_result(account: Account, replay: Replay) -> None:
    account.put_succeeded(LARGE)
    answer = replay("job-result")
    assert json.loads(answer["body"])["result"] == {"text": LARGE}


def reads_a_job_that_was_never_started(account: Account, replay: Replay) -> None:
    account.put_pending(submitted=timedelta(minutes=2), started=False)
    assert replay("job-get")["statusCode"] == 200


def runs_with_large_documents(account: Account, replay: Replay) -> None:
    asked = thumbnail_request()
    account.put_pending(asked["input"], plugin="image", tool="thumbnail")
    assert replay("run-job")["status"] == "succeeded"


def settles_a_job_that_was_never_started(account: Account, replay: Replay) -> None:
    account.put_pending(submitted=timedelta(minutes=2), started=False)
    assert replay("settle-schedule") == {"settled": 1, "batches": 0}


def executes_for_a_limited_key(account: Account, replay: Replay) -> None:
    assert replay(limited(event("execute-ocr")), "ExecuteFunction")["statusCode"] == 200
    assert replay(limited(event("execute-async")), "ExecuteFunction")["statusCode"] == 202


def executes_an_upload_and_replays_it_when_that_is_gone(account: Account, replay: Replay) -> None:
    asked = execute_request({"plugin": "ocr", "input": image_upload(account)}, **{"Idempotency-Key": "once"})
    assert replay(asked, "ExecuteFunction")["statusCode"] == 200
    bucket = boto3.resource("s3").Bucket(BUCKET.name)
    bucket.objects.filter(Prefix="uploads/").delete()
    assert replay(asked, "ExecuteFunction")["statusCode"] == 200


def reads_and_cancels_for_a_limited_key(account: Account, replay: Replay) -> None:
    account.put_pending(key_limit=5)
    assert replay(limited(event("job-get")), "JobsFunction")["statusCode"] == 200
    assert replay(limited(event("job-cancel")), "JobsFunction")["statusCode"] == 200


def lists_page_by_page(account: Account, replay: Replay) -> None:
    account.put_running()
    for _ in range(2):
        assert replay("execute-async", "ExecuteFunction")["statusCode"] == 202
    replay.needs.clear()
    asked = copy.deepcopy(event("jobs-list"))
    asked["queryStringParameters"] = {"limit": "1"}
    asked["multiValueQueryStringParameters"] = {"limit": ["1"]}
    assert json.loads(replay(asked, "JobsFunction")["body"])["next_cursor"]


def runs_an_upload_for_a_limited_key(account: Account, replay: Replay) -> None:
    account.put_pending(image_upload(account), key_limit=5)
    assert replay("run-job")["status"] == "succeeded"


def settles_a_lost_job_of_a_limited_key(account: Account, replay: Replay) -> None:
    account.put_running(timedelta(seconds=-1), key_limit=5)
    assert replay("settle-job")["status"] == "failed"


def joins_a_job_with_deliveries(account: Account, replay: Replay) -> None:
    asked = event("execute-async")
    asked["body"] = json.dumps(json.loads(asked["body"]) | {"webhook": {"url": "https://example.com/"}})
    submitted = json.loads(replay(asked, "ExecuteFunction")["body"])
    _claim(account, submitted["job_id"])
    joined = json.loads(replay(asked, "ExecuteFunction")["body"])
    assert (joined["job_id"], joined["status"]) == (submitted["job_id"], "running")
    assert joined["webhook"]["deliveries"][0]["state"] == "pending"


def _claim(account: Account, job_id: str) -> None:
    job = account.core.store.get(TENANT, job_id)
    assert job is not None
    now = utc_now()
    account.core.store.change(job, jobs.claimed(job, worker_id="worker", now=now, lease_expires_at=now + LEASE))


def reads_a_job_with_a_webhook(account: Account, replay: Replay) -> None:
    account.put_succeeded(webhook=WEBHOOK)
    assert json.loads(replay("job-get")["body"])["webhook"]["deliveries"][0]["state"] == "pending"


def lists_keys_for_a_limited_key(account: Account, replay: Replay) -> None:
    put_key(account)
    assert replay(limited(event("keys-list")), "KeysFunction")["statusCode"] == 200


MORE: Mapping[str, tuple[Scenario, ...]] = {
    "ExecuteFunction": (
        executes_large_documents_once_and_replays_them,
        executes_for_a_limited_key,
        joins_a_job_with_deliveries,
        checks_the_state_of_an_mcp_call,
        executes_an_upload_and_replays_it_when_that_is_gone,
    ),
    "JobsFunction": (
        lists_by_everything,
        lists_page_by_page,
        reads_a_large_result,
        reads_a_job_with_a_webhook,
        reads_a_job_that_was_never_started,
        reads_and_cancels_for_a_limited_key,
    ),
    "BatchesFunction": (
        submits_an_upload_once_for_a_limited_key,
        lists_batches_page_by_page,
        reads_a_batch_with_a_webhook,
        reads_the_results_of_a_batch,
    ),
    "CountJobsFunction": (stops_a_batch_with_too_many_failures,),
    "PrepareBatchFunction": (prepares_large_inputs_of_an_upload_that_name_uploads,),
    "FinishBatchFunction": (finishes_a_batch_that_was_cancelled, settles_an_item_that_nothing_has_run),
    "RunJobFunction": (runs_an_item_of_a_batch, runs_with_large_documents, runs_an_upload_for_a_limited_key),
    "SendWebhookFunction": (sends_the_message_about_a_batch,),
    "KeysFunction": (lists_keys_for_a_limited_key,),
    "SettleJobsFunction": (
        starts_the_execution_of_a_batch,
        stops_a_batch_that_is_about_to_expire,
        settles_a_job_that_was_never_started,
        settles_a_lost_job_of_a_limited_key,
    ),
}
