"""Requests that make the functions call AWS in ways that the events in events/ do not."""

import base64
import copy
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import boto3

from interlock.domain import job as jobs
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.domain.times import utc_now
from interlock.jobs.lease import LEASE
from interlock.jobs.preparing import item_ids
from tests.service.account import Account
from tests.service.event_batch_checks import TEXT_IMAGE, prepared
from tests.service.event_checks import WEBHOOK, put_key
from tests.service.replay import BUCKET, JOB_ID, ROOT, TENANT, Replay, event

type Json = dict[str, Any]
type Scenario = Callable[[Account, Replay], None]

LARGE = "x" * 20_000
"""More than a job's item takes of a document."""


def _request(body: Json, **headers: str) -> Json:
    """`POST /v1/execute` with this body."""
    asked = copy.deepcopy(event("execute-ocr"))
    asked["body"] = json.dumps(body)
    asked["headers"] |= headers
    asked["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    return asked


def _thumbnail() -> Json:
    """A request with a large input and a large result."""
    image = base64.b64encode((ROOT / "tests" / "images" / "astronaut.png").read_bytes()).decode()
    return {"plugin": "image", "tool": "thumbnail", "input": {"image": image, "width": 256, "height": 256}}


def executes_large_documents_once_and_replays_them(account: Account, replay: Replay) -> None:
    for _ in range(2):
        answer = replay(_request(_thumbnail(), **{"Idempotency-Key": "once"}), "ExecuteFunction")
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


def reads_a_large_result(account: Account, replay: Replay) -> None:
    account.put_succeeded(LARGE)
    answer = replay("job-result")
    assert json.loads(answer["body"])["result"] == {"text": LARGE}


def reads_a_job_that_was_never_started(account: Account, replay: Replay) -> None:
    account.put_pending(submitted=timedelta(minutes=2), started=False)
    assert replay("job-get")["statusCode"] == 200


def runs_with_large_documents(account: Account, replay: Replay) -> None:
    asked = _thumbnail()
    account.put_pending(asked["input"], plugin="image", tool="thumbnail")
    assert replay("run-job")["status"] == "succeeded"


def settles_a_job_that_was_never_started(account: Account, replay: Replay) -> None:
    account.put_pending(submitted=timedelta(minutes=2), started=False)
    assert replay("settle-schedule") == {"settled": 1, "batches": 0}


def _limited(asked: Json) -> Json:
    """The same request by a key that has limits."""
    asked = copy.deepcopy(asked)
    asked["requestContext"]["authorizer"] |= {"rate": "100/s", "concurrency": "5"}
    return asked


def _upload(account: Account) -> Json:
    """The input of `ocr.analyze` as an upload."""
    return {
        "image": {"upload_id": account.put_upload((ROOT / "tests" / "images" / "page.png").read_bytes(), "image/png")}
    }


def executes_for_a_limited_key(account: Account, replay: Replay) -> None:
    assert replay(_limited(event("execute-ocr")), "ExecuteFunction")["statusCode"] == 200
    assert replay(_limited(event("execute-async")), "ExecuteFunction")["statusCode"] == 202


def executes_an_upload_and_replays_it_when_that_is_gone(account: Account, replay: Replay) -> None:
    asked = _request({"plugin": "ocr", "input": _upload(account)}, **{"Idempotency-Key": "once"})
    assert replay(asked, "ExecuteFunction")["statusCode"] == 200
    bucket = boto3.resource("s3").Bucket(BUCKET.name)
    bucket.objects.filter(Prefix="uploads/").delete()
    assert replay(asked, "ExecuteFunction")["statusCode"] == 200


def reads_and_cancels_for_a_limited_key(account: Account, replay: Replay) -> None:
    account.put_pending(key_limit=5)
    assert replay(_limited(event("job-get")), "JobsFunction")["statusCode"] == 200
    assert replay(_limited(event("job-cancel")), "JobsFunction")["statusCode"] == 200


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
    account.put_pending(_upload(account), key_limit=5)
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
    assert replay(_limited(event("keys-list")), "KeysFunction")["statusCode"] == 200


def _of_batch(name: str, **headers: str) -> Json:
    asked = copy.deepcopy(event(name))
    asked["headers"] |= headers
    asked["multiValueHeaders"] |= {header: [value] for header, value in headers.items()}
    return asked


def submits_an_upload_once_for_a_limited_key(account: Account, replay: Replay) -> None:
    asked = _limited(_of_batch("batch-submit", **{"Idempotency-Key": "once"}))
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
    inputs = [{"image": _thumbnail()["input"]["image"]}, _upload(account)]
    assert prepared(account, replay, *inputs, upload=True).total == 2


def finishes_a_batch_that_was_cancelled(account: Account, replay: Replay) -> None:
    large = {"image": _thumbnail()["input"]["image"]}
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


MORE: Mapping[str, tuple[Scenario, ...]] = {
    "ExecuteFunction": (
        executes_large_documents_once_and_replays_them,
        executes_for_a_limited_key,
        joins_a_job_with_deliveries,
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
        reads_the_results_of_a_batch,
    ),
    "CountJobsFunction": (stops_a_batch_with_too_many_failures,),
    "PrepareBatchFunction": (prepares_large_inputs_of_an_upload_that_name_uploads,),
    "FinishBatchFunction": (finishes_a_batch_that_was_cancelled, settles_an_item_that_nothing_has_run),
    "RunJobFunction": (runs_an_item_of_a_batch, runs_with_large_documents, runs_an_upload_for_a_limited_key),
    "KeysFunction": (lists_keys_for_a_limited_key,),
    "SettleJobsFunction": (
        starts_the_execution_of_a_batch,
        settles_a_job_that_was_never_started,
        settles_a_lost_job_of_a_limited_key,
    ),
}
