"""The template's policies equal the AWS calls of the functions: no call without a permission, no permission without a
call. The calls are recorded while a function answers its events, and those below, which cover the rest."""

import base64
import copy
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest

from interlock.domain import job as jobs
from interlock.domain.times import utc_now
from interlock.jobs.lease import LEASE
from interlock_dev.aws.iam.calls import Need
from interlock_dev.aws.iam.policies import Statement
from tests.service.event_checks import CHECKS, WEBHOOK, put_key
from tests.service.replay import (
    BUCKET,
    DELIVERY_WORKFLOW,
    FUNCTIONS,
    POLICIES,
    QUEUES,
    ROOT,
    TABLE,
    TENANT,
    Account,
    Replay,
    event,
    new_account,
    replaying,
)

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
    assert replay("settle-schedule") == {"settled": 1}


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
    "RunJobFunction": (runs_with_large_documents, runs_an_upload_for_a_limited_key),
    "KeysFunction": (lists_keys_for_a_limited_key,),
    "SettleJobsFunction": (settles_a_job_that_was_never_started, settles_a_lost_job_of_a_limited_key),
}


def asked_by(function: str, index: Path) -> set[Need]:
    """All that a function asks of AWS. Replaying fails where its policies do not allow it."""
    found: set[Need] = set()
    for scenario in (*(CHECKS[name] for name in CHECKS if FUNCTIONS[name] == function), *MORE.get(function, ())):
        with new_account(index) as account, replaying() as replay:
            scenario(account, replay)
            found |= replay.needs
    if any(need.action == "s3:GetObject" for need in found):
        # Asked for by S3 when the object is not there: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        found.add(Need("s3:ListBucket", BUCKET.arn))
    if function in QUEUE_OF_STREAM:
        found |= asked_by_event_source(function)
    if function == "ExecuteFunction":
        # A presigned request is authorized with the permissions of its signer.
        found.add(Need("s3:PutObject", f"{BUCKET.arn}/uploads/{TENANT}/upload"))
    if function in {"ExecuteFunction", "RunJobFunction"}:
        # Asked for when a plugin with settings is loaded, of one of the two services (`test_plugin_settings.py`).
        _, _, _, region, owner, _ = TABLE.arn.split(":", 5)
        secret = f"arn:aws:secretsmanager:{region}:{owner}:secret:interlock-dev/plugins-Ab1Cd2"
        found.add(Need("secretsmanager:GetSecretValue", secret))
        found.add(Need("ssm:GetParameter", f"arn:aws:ssm:{region}:{owner}:parameter/interlock-dev/plugins"))
    return found


QUEUE_OF_STREAM = {"CountJobsFunction": "UncountedQueue", "AnnounceJobsFunction": "UnannouncedQueue"}
"""The functions that read the stream, and the queues for what they did not process."""


def asked_by_event_source(function: str) -> set[Need]:
    """Return what Lambda asks for with the role of a function that reads a stream.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
    """
    stream = f"{TABLE.arn}/stream/local"
    actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    return {
        *(Need(f"dynamodb:{action}", stream) for action in actions),
        Need("sqs:SendMessage", QUEUES[QUEUE_OF_STREAM[function]].arn),
    }


def unused(statement: Statement, asked: set[Need]) -> Iterator[str]:
    """The combinations of a statement that nothing asks for."""
    for action in statement.actions:
        for resource in statement.resources:
            for key in statement.leading_keys or ("*",):
                if not any(
                    fnmatchcase(need.action, action)
                    and fnmatchcase(need.resource, resource)
                    and (not need.leading_keys or any(fnmatchcase(one, key) for one in need.leading_keys))
                    for need in asked
                ):
                    yield f"{action} on {resource}, partition {key}"


@pytest.mark.parametrize("function", sorted(POLICIES))
def test_function_has_no_unused_permission(function: str, plugin_index: Path) -> None:
    asked = asked_by(function, plugin_index)
    assert bool(asked) is (function != "ConsoleFunction")
    assert [one for statement in POLICIES[function] for one in unused(statement, asked)] == []


# --- What must never be allowed --------------------------------------------------------------------------------------

FORBIDDEN = {
    "reads an API key": (
        Need("dynamodb:GetItem", TABLE.arn, frozenset({"KEY#0123"})),
        {"AuthorizeFunction", "KeysFunction"},
    ),
    "lists API keys": (Need("dynamodb:Query", TABLE.arn, frozenset({"KEYS"})), {"KeysFunction"}),
    "creates an API key": (Need("dynamodb:PutItem", TABLE.arn, frozenset({"KEY#0123"})), {"KeysFunction"}),
    "changes an API key": (Need("dynamodb:UpdateItem", TABLE.arn, frozenset({"KEY#0123"})), {"KeysFunction"}),
    "hides a key among others": (
        Need("dynamodb:UpdateItem", TABLE.arn, frozenset({f"JOB#{TENANT}#1", "KEY#0123"})),
        set[str](),
    ),
    "reads a secret of webhooks": (
        Need("dynamodb:GetItem", TABLE.arn, frozenset({f"WEBHOOK#{TENANT}"})),
        {"JobsFunction", "SendWebhookFunction"},
    ),
    "writes a secret of webhooks": (
        Need("dynamodb:PutItem", TABLE.arn, frozenset({f"WEBHOOK#{TENANT}"})),
        {"JobsFunction", "SendWebhookFunction"},
    ),
    "records a delivery": (
        Need("dynamodb:PutItem", TABLE.arn, frozenset({f"DELIVERY#{TENANT}#1"})),
        {"JobsFunction", "SendWebhookFunction"},
    ),
    "changes a job": (
        Need("dynamodb:UpdateItem", TABLE.arn, frozenset({f"JOB#{TENANT}#1"})),
        {"ExecuteFunction", "JobsFunction", "RunJobFunction", "SettleJobsFunction"},
    ),
    "starts a delivery": (
        Need("states:StartExecution", DELIVERY_WORKFLOW.arn),
        {"AnnounceJobsFunction", "JobsFunction"},
    ),
    "reads the whole table": (Need("dynamodb:Scan", TABLE.arn), set[str]()),
    "deletes a job": (Need("dynamodb:DeleteItem", TABLE.arn, frozenset({f"JOB#{TENANT}#1"})), set[str]()),
    "deletes an object": (Need("s3:DeleteObject", f"{BUCKET.arn}/jobs/{TENANT}/1/input.json"), set[str]()),
    "writes beside the jobs": (Need("s3:PutObject", f"{BUCKET.arn}/elsewhere"), set[str]()),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_sensitive_permission_is_granted_to_the_listed_functions_only(what: str) -> None:
    need, by = FORBIDDEN[what]
    assert {name for name, of_it in POLICIES.items() if any(one.allows(need) for one in of_it)} == by
