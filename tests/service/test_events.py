"""Every event in events/ is what AWS sends, and its function answers it as it should, over AWS as moto plays it."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import boto3
import jsonschema_rs
import pytest
from samcli.yamlhelper import yaml_parse

from interlock.domain.access import ApiKey, hash_key
from interlock.domain.job_status import JobStatus
from tests.service.replay import (
    EVENTS,
    FUNCTIONS,
    JOB_ID,
    ROOT,
    TENANT,
    Account,
    Replay,
    event,
    new_account,
    replaying,
)

type Json = dict[str, Any]

WORDS = {"determine", "markers", "coins", "background", "histogram"}
"""Some of the words on tests/images/page.png."""

RESOURCES: Json = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
OPENAPI: Json = json.loads(files("interlock").joinpath("http", "openapi.json").read_text())


NAMES = sorted(path.stem for path in EVENTS.glob("*.json"))
HTTP = [name for name in NAMES if "httpMethod" in event(name) and "type" not in event(name)]


# --- AWS, and what is in it ------------------------------------------------------------------------------------------


@pytest.fixture
def account(plugin_index: Path) -> Iterator[Account]:
    with new_account(plugin_index) as account:
        yield account


@pytest.fixture
def replay(account: Account) -> Iterator[Replay]:
    with replaying() as replay:
        yield replay


# --- What each event must come to ------------------------------------------------------------------------------------


def _http(answer: Any, status: int) -> Json:
    """The body of an answer to the gateway, which must have this status."""
    assert set(answer) == {"statusCode", "multiValueHeaders", "body", "isBase64Encoded"}
    assert answer["statusCode"] == status, answer["body"]
    assert answer["isBase64Encoded"] is False
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/json"]
    body: Json = json.loads(answer["body"])
    return body


def check_execute_ocr(account: Account, replay: Replay) -> None:
    body = _http(replay("execute-ocr"), 200)
    assert (body["plugin"], body["tool"], body["status"]) == ("ocr", "analyze", "succeeded")
    assert set(re.findall(r"\w+", body["result"]["text"])) >= WORDS
    kept = account.core.store.get(TENANT, body["job_id"])
    assert kept is not None
    assert kept.status is JobStatus.SUCCEEDED


def check_execute_async(account: Account, replay: Replay) -> None:
    answer = replay("execute-async")
    body = _http(answer, 202)
    assert answer["multiValueHeaders"]["Location"] == [f"/v1/jobs/{body['job_id']}"]
    assert answer["multiValueHeaders"]["Preference-Applied"] == ["respond-async"]
    assert (body["status"], body["attempt"], body["timeout_s"]) == ("pending", 0, 20)
    [execution] = boto3.client("stepfunctions").list_executions(stateMachineArn=account.workflow_arn)["executions"]
    assert execution["name"] == body["job_id"]
    again = replay("execute-async")
    assert _http(again, 202)["job_id"] == body["job_id"]
    assert again["multiValueHeaders"]["Idempotency-Replayed"] == ["true"]


def check_upload_create(account: Account, replay: Replay) -> None:
    body = _http(replay("upload-create"), 201)
    assert f"/uploads/{TENANT}/{body['upload_id']}?" in body["url"]
    assert body["headers"]["Content-Length"] == str((ROOT / "tests" / "images" / "page.png").stat().st_size)


def check_jobs_list(account: Account, replay: Replay) -> None:
    account.put_running()
    body = _http(replay("jobs-list"), 200)
    assert (body["count"], body["next_cursor"]) == (1, None)
    assert [(job["job_id"], job["status"]) for job in body["jobs"]] == [(JOB_ID, "running")]


def check_job_get(account: Account, replay: Replay) -> None:
    account.put_running()
    body = _http(replay("job-get"), 200)
    assert (body["job_id"], body["status"], body["attempt"], body["completed_at"]) == (JOB_ID, "running", 1, None)


def check_job_result(account: Account, replay: Replay) -> None:
    account.put_succeeded()
    body = _http(replay("job-result"), 200)
    assert (body["status"], body["result"], body["error"]) == ("succeeded", {"text": "hello"}, None)
    assert body["execution_time_ms"] == 41.2


def check_job_events(account: Account, replay: Replay) -> None:
    account.put_succeeded()
    body = _http(replay("job-events"), 200)
    assert [event["seq"] for event in body["events"]] == [3]
    assert (body["events"][0]["status"], body["next"]) == ("succeeded", 3)


def check_job_cancel(account: Account, replay: Replay) -> None:
    account.put_running()
    body = _http(replay("job-cancel"), 202)
    assert body["status"] == "cancelling"
    assert (body["cancel"]["reason"], body["cancel"]["outcome"]) == ("not needed any more", None)
    assert account.job().status is JobStatus.CANCELLING


def check_job_delete(account: Account, replay: Replay) -> None:
    account.put_pending()
    body = _http(replay("job-delete"), 200)
    assert body["status"] == "cancelled"
    assert (body["cancel"]["reason"], body["cancel"]["outcome"]) == (None, "prevented")
    assert account.job().status is JobStatus.CANCELLED


def check_plugins_list(account: Account, replay: Replay) -> None:
    body = _http(replay("plugins-list"), 200)
    assert [plugin["name"] for plugin in body["plugins"]] == ["block_mapper", "image", "motion", "ocr"]
    assert (body["total"], body["available"], body["failed"], body["unavailable"]) == (4, 4, 0, 0)


def check_plugin_get(account: Account, replay: Replay) -> None:
    body = _http(replay("plugin-get"), 200)
    assert (body["name"], [tool["name"] for tool in body["tools"]]) == ("ocr", ["analyze"])
    assert "image" in body["tools"][0]["input_schema"]["required"]


def check_plugin_health(account: Account, replay: Replay) -> None:
    account.put_succeeded()
    body = _http(replay("plugin-health"), 200)
    assert (body["name"], body["state"], body["success_count"]) == ("ocr", "INITIALIZED", 1)
    assert body["tools"]["analyze"]["success_count"] == 1


def check_health(account: Account, replay: Replay) -> None:
    assert _http(replay("health"), 200)["status"] == "ok"


def check_openapi(account: Account, replay: Replay) -> None:
    assert _http(replay("openapi"), 200) == OPENAPI


def check_authorize(account: Account, replay: Replay) -> None:
    denied = replay("authorize")
    assert denied["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    account.core.keys.create(ApiKey(hash_key("dev-key"), "dev", TENANT, frozenset({"admin"})))
    allowed = replay("authorize")
    [statement] = allowed["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    assert statement["Resource"] == "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/*"
    # The gateway puts this context into the other events.
    given = event("job-get")["requestContext"]["authorizer"]
    assert {"principalId": allowed["principalId"], **allowed["context"]} == {
        name: value for name, value in given.items() if name != "integrationLatency"
    }


def check_run_job(account: Account, replay: Replay) -> None:
    account.put_pending(json.loads(event("execute-async")["body"])["input"])
    assert replay("run-job") == {"job_id": JOB_ID, "status": "succeeded"}
    result = account.job().result
    assert result is not None
    assert set(re.findall(r"\w+", account.core.documents.read(result)["text"])) >= WORDS


def check_settle_job(account: Account, replay: Replay) -> None:
    account.put_running(lease=timedelta(seconds=-1))
    assert replay("settle-job") == {"job_id": JOB_ID, "status": "failed"}
    error = account.job().error
    assert error is not None
    assert error.code == "worker_lost"


def check_settle_schedule(account: Account, replay: Replay) -> None:
    account.put_running(lease=timedelta(seconds=-1))
    assert replay("settle-schedule") == {"settled": 1}
    assert account.job().status is JobStatus.FAILED
    assert replay("settle-schedule") == {"settled": 0}


CHECKS: Mapping[str, Callable[[Account, Replay], None]] = {
    name.removeprefix("check_").replace("_", "-"): check for name, check in globals().items() if name[:6] == "check_"
}


@pytest.mark.parametrize("name", NAMES)
def test_sample_event_gets_its_expected_response(name: str, account: Account, replay: Replay) -> None:
    CHECKS[name](account, replay)


def test_reading_an_unstarted_job_starts_it(account: Account, replay: Replay) -> None:
    """The process that submitted it ended between the write and the start."""
    account.put_pending(submitted=timedelta(minutes=2), started=False)
    assert _http(replay("job-get"), 200)["status"] == "pending"
    [execution] = boto3.client("stepfunctions").list_executions(stateMachineArn=account.workflow_arn)["executions"]
    assert execution["name"] == JOB_ID


# --- The events themselves -------------------------------------------------------------------------------------------


def test_the_table_names_every_event_and_a_function_for_it() -> None:
    assert set(FUNCTIONS) == set(NAMES) == set(CHECKS)
    handlers = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
    assert set(FUNCTIONS.values()) == handlers


def test_there_is_an_event_for_every_operation() -> None:
    asked = {(event(name)["resource"], event(name)["httpMethod"].lower()) for name in HTTP}
    assert asked == {(path, method) for path, item in OPENAPI["paths"].items() for method in item}


@pytest.mark.parametrize("name", HTTP)
def test_sample_request_has_the_gateways_format(name: str) -> None:
    found = event(name)
    context = found["requestContext"]
    route = _route(FUNCTIONS[name], found["resource"])
    assert list(found) == [
        *("resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters"),
        *("multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext", "body"),
        "isBase64Encoded",
    ]
    assert found["path"] == found["resource"].format(**(found["pathParameters"] or {}))
    assert found["headers"] == {key: values[-1] for key, values in found["multiValueHeaders"].items()}
    query = found["multiValueQueryStringParameters"]
    assert found["queryStringParameters"] == (query and {key: values[-1] for key, values in query.items()})
    _check_context(found, context)
    assert found["isBase64Encoded"] is False
    assert ("Content-Type" in found["headers"]) is (found["body"] is not None)
    # The gateway shows an authorizer's word, and takes a key, where the template asks for one.
    keyed = route.get("Auth", {}).get("Authorizer") != "NONE"
    assert ("X-API-Key" in found["headers"], "authorizer" in context) == (keyed, keyed)
    if keyed:
        assert set(context["authorizer"]) == {"principalId", "tenant", "key_id", "scopes", "integrationLatency"}


def _route(function: str, resource: str) -> Json:
    [found] = [
        one["Properties"]
        for one in RESOURCES[function]["Properties"]["Events"].values()
        if one["Type"] == "Api" and one["Properties"]["Path"] == resource
    ]
    return dict(found)


def _check_context(found: Json, context: Json) -> None:
    assert context["resourcePath"] == found["resource"]
    assert context["httpMethod"] == found["httpMethod"]
    assert context["path"] == f"/{context['stage']}{found['path']}"
    assert context["stage"] == RESOURCES["Api"]["Properties"]["StageName"]
    assert context["domainName"] == found["headers"]["Host"]
    assert context["identity"]["sourceIp"] == found["headers"]["X-Forwarded-For"]
    at = datetime.strptime(context["requestTime"], "%d/%b/%Y:%H:%M:%S %z")
    assert at == datetime.fromtimestamp(context["requestTimeEpoch"] // 1000, UTC)


@pytest.mark.parametrize("name", [name for name in HTTP if event(name)["body"] is not None])
def test_sample_body_matches_the_contract(name: str) -> None:
    found = event(name)
    operation = OPENAPI["paths"][found["resource"]][found["httpMethod"].lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": OPENAPI["components"]})
    assert [error.message for error in validator.iter_errors(json.loads(found["body"]))] == []


@pytest.mark.parametrize("name", ["execute-ocr", "execute-async"])
def test_the_image_is_the_page(name: str) -> None:
    sent = json.loads(event(name)["body"])["input"]["image"]
    assert base64.b64decode(sent) == (ROOT / "tests" / "images" / "page.png").read_bytes()


def test_authorizer_event_matches_the_gateways_request() -> None:
    asked, request = event("authorize"), event("job-get")
    assert asked.pop("type") == "REQUEST"
    arn = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/GET"
    assert asked.pop("methodArn") == arn + request["path"]
    # Neither the body nor, yet, its own word. Without any, queries and variables come as empty objects.
    del request["requestContext"]["authorizer"], request["body"], request["isBase64Encoded"]
    empty = ("queryStringParameters", "multiValueQueryStringParameters", "stageVariables")
    assert asked == {**request, **{name: {} for name in empty}}


def test_workflow_passes_on_its_input_and_its_error() -> None:
    """RunJob gets the execution's input, as `start` writes it; SettleJob the same with the Catch's `$.failure`."""
    run, settle = event("run-job"), event("settle-job")
    assert run == {"tenant": TENANT, "job_id": JOB_ID}
    assert {**settle, "failure": None} == {**run, "failure": None}
    assert set(settle["failure"]) == {"Error", "Cause"}
