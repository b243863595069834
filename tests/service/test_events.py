"""Every event in events/ has the format of AWS, and its function answers as expected. moto emulates AWS."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema_rs
import pytest
from samcli.yamlhelper import yaml_parse

from interlock.adapters.step_functions import step_to_state
from interlock.domain.webhook import Step, Subject, WebhookEvent
from tests.service.account import Account, new_account
from tests.service.event_checks import CHECKS, OPENAPI, Json
from tests.service.replay import EVENTS, FUNCTIONS, JOB_ID, ROOT, TENANT, Replay, event, http_body, replaying

RESOURCES: Json = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
NAMES = sorted(path.stem for path in EVENTS.glob("*.json"))
HTTP = [name for name in NAMES if "httpMethod" in event(name) and "type" not in event(name)]


# --- The emulated account ---


@pytest.fixture
def account(plugin_index: Path) -> Iterator[Account]:
    with new_account(plugin_index) as account:
        yield account


@pytest.fixture
def replay(account: Account) -> Iterator[Replay]:
    with replaying() as replay:
        yield replay


# --- Responses to the sample events ---


@pytest.mark.parametrize("name", NAMES)
def test_sample_event_gets_its_expected_response(name: str, account: Account, replay: Replay) -> None:
    CHECKS[name](account, replay)


def test_reading_an_unstarted_job_starts_it(account: Account, replay: Replay) -> None:
    """The process that submitted the job ended between the write and the start."""
    account.put_pending(submitted=timedelta(minutes=2), started=False)
    assert http_body(replay("job-get"), 200)["status"] == "pending"
    assert account.executions(account.workflow_arn) == [JOB_ID]


# --- The events themselves ---


def test_the_table_names_every_event_and_a_function_for_it() -> None:
    assert set(FUNCTIONS) == set(NAMES) == set(CHECKS)
    handlers = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
    assert set(FUNCTIONS.values()) == handlers


def test_there_is_an_event_for_every_operation() -> None:
    asked = {(event(name)["resource"], event(name)["httpMethod"].lower()) for name in HTTP}
    operations = {(path, method) for path, item in OPENAPI["paths"].items() for method in item}
    assert asked == operations | {("/console", "get"), ("/console/{proxy+}", "get")}


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
    assert found["path"] == found["resource"].replace("+}", "}").format(**(found["pathParameters"] or {}))
    assert found["headers"] == {key: values[-1] for key, values in found["multiValueHeaders"].items()}
    query = found["multiValueQueryStringParameters"]
    assert found["queryStringParameters"] == (query and {key: values[-1] for key, values in query.items()})
    _check_context(found, context)
    assert found["isBase64Encoded"] is False
    assert ("Content-Type" in found["headers"]) is (found["body"] is not None)
    # A request has a key, and the context of an authorizer, exactly if the template requires one.
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
    # An authorizer gets neither the body nor its own context. Missing queries and variables are empty objects.
    del request["requestContext"]["authorizer"], request["body"], request["isBase64Encoded"]
    empty = ("queryStringParameters", "multiValueQueryStringParameters", "stageVariables")
    assert asked == {**request, **{name: {} for name in empty}}


def test_delivery_starts_with_its_first_attempt() -> None:
    assert event("send-webhook") == step_to_state(Step(Subject(TENANT, JOB_ID), WebhookEvent.FINISHED))


def test_workflow_passes_on_its_input_and_its_error() -> None:
    """RunJob gets the execution's input, as `start` writes it; SettleJob the same with the Catch's `$.failure`."""
    run, settle = event("run-job"), event("settle-job")
    assert run == {"tenant": TENANT, "job_id": JOB_ID}
    assert {**settle, "failure": None} == {**run, "failure": None}
    assert set(settle["failure"]) == {"Error", "Cause"}
