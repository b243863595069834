"""Answers of the real handlers, with AWS emulated by moto, against the OpenAPI document.

Each answer must fit the documented schema of its status, have no field that the schema does not name, and have the
documented headers. Each documented status must occur, except those that only the gateway returns.
"""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import jsonschema_rs
import pytest
from moto import mock_aws
from samcli.yamlhelper import yaml_parse

from interlock.composition import sandbox as composed
from interlock.plugins.building import build_index
from interlock.plugins.index import open_index
from interlock.sandbox import Sandbox
from tests.service.openapi_cases import CASES, NO_TABLE, Case, answered
from tests.service.openapi_service import DOCUMENT, OPERATIONS, PLUGIN, REGION, ROOT, Functions, Json, Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "specimen.py").write_text(PLUGIN)
    (folder / "broken.py").write_text("import there_is_no_such_module")
    index = folder / "index"
    build_index(index, [folder / "specimen.py", folder / "broken.py"])
    template = yaml_parse((ROOT / "template.yaml").read_text())
    table = template["Resources"]["StateTable"]["Properties"]
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        monkeypatch.setenv("INTERLOCK_PLUGIN_INDEX", str(index))
        monkeypatch.setenv("INTERLOCK_BUCKET", "interlock-documents")
        monkeypatch.setenv("INTERLOCK_RETENTION_DAYS", "7")
        monkeypatch.setenv("INTERLOCK_MAX_WAIT_S", "20")
        creatable = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        boto3.client("dynamodb").create_table(TableName="interlock", **{name: table[name] for name in creatable})
        boto3.client("s3").create_bucket(Bucket="interlock-documents")
        _create_workflows(monkeypatch)
        started: list[Sandbox] = []

        def remembered(*arguments: Any, **options: Any) -> Sandbox:
            started.append(Sandbox(*arguments, **options))
            return started[-1]

        monkeypatch.setattr(composed, "Sandbox", remembered)
        open_index.cache_clear()
        functions = Functions("interlock", monkeypatch, oidc_issuer="https://login.example")
        functions.put_key()
        yield Service(functions, Functions("there-is-no-such-table", monkeypatch))
        for sandbox in started:
            sandbox.close()
        open_index.cache_clear()


def _create_workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}}
    for name in ("WORKFLOW", "DELIVERY_WORKFLOW", "BATCH_WORKFLOW"):
        machine = boto3.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(waiting), roleArn="arn:aws:iam::123456789012:role/workflow"
        )
        monkeypatch.setenv(f"INTERLOCK_{name}_ARN", machine["stateMachineArn"])


def _closed(node: Any) -> Any:
    """Return the schemas so that they forbid fields that they do not name: a new field must be documented."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {name: _closed(value) for name, value in node.items()}
    if isinstance(found.get("properties"), dict) and "type" in found:
        found.setdefault("additionalProperties", False)
    return found


OPEN = {"OpenApi", "ToolResult"}
"""Schemas of documents whose fields are not the service's own."""


SCHEMAS: Json = {
    name: schema if name in OPEN else _closed(schema) for name, schema in DOCUMENT["components"]["schemas"].items()
}


def _resolved(node: Json) -> Json:
    if "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_response_matches_the_openapi_document(service: Service, case: Case) -> None:
    answer = answered(service, case)
    assert answer.status == case.status, answer.body
    documented = _resolved(OPERATIONS[case.operation][2]["responses"][str(case.status)])
    if "content" in documented:
        schema = documented["content"]["application/json"]["schema"]
        validator = jsonschema_rs.Draft202012Validator(
            {**schema, "components": {"schemas": SCHEMAS}}, validate_formats=True
        )
        assert [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(answer.body)] == []
    else:
        assert answer.body is None
    headers = {name: _resolved(header) for name, header in documented.get("headers", {}).items()}
    assert set(answer.headers) <= set(headers)
    for name, header in headers.items():
        if header.get("required"):
            assert name in answer.headers
    if answer.status >= 400 and case.operation == "execute":
        assert answer.body["error"]["code"] == case.what.split()[0] or answer.status != 400


def test_every_documented_status_code_is_returned() -> None:
    """Only the gateway returns the rest; tests/pure/repository/test_template_api.py checks its responses."""
    documented = {(name, int(status)) for name, (_, _, one) in OPERATIONS.items() for status in one["responses"]}
    given = {(case.operation, case.status) for case in CASES}
    assert given <= documented
    takes_body = {name for name, (_, _, one) in OPERATIONS.items() if "requestBody" in one}
    assert documented - given == {
        *((name, 429) for name, (_, _, one) in OPERATIONS.items() if not one["security"]),
        *((name, 413) for name in takes_body),
        *((name, 503) for name in NO_TABLE),
    }


def test_the_service_serves_the_document(service: Service) -> None:
    assert answered(service, Case("getOpenApi", 200, "whole")).body == DOCUMENT


def test_every_link_can_be_followed(service: Service) -> None:
    followed = 0
    for case in CASES:
        links = _resolved(OPERATIONS[case.operation][2]["responses"][str(case.status)]).get("links", {})
        for link in map(_resolved, links.values()):
            values = {
                name: answered(service, case).body[value.removeprefix("$response.body#/")]
                for name, value in link["parameters"].items()
            }
            if None in values.values():
                continue
            if link["operationId"] in {"listJobs", "listKeys", "listBatches"}:
                answer = service.call(link["operationId"], query={"limit": ["1"], "cursor": [values["cursor"]]})
            else:
                [(parameter, value)] = values.items()
                answer = service.call(link["operationId"], **{parameter: value})
            assert answer.status in {200, 202, 409}, (case, link)
            followed += 1
    assert followed > 30


def test_document_and_template_have_the_same_routes(service: Service) -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    routed: dict[tuple[str, str], str] = {}
    functions = service._functions
    for function, app in (
        ("ExecuteFunction", functions.execute.app.current),
        ("JobsFunction", functions.jobs.app.current),
        ("KeysFunction", functions.keys.app),
        ("BatchesFunction", functions.batches.app),
    ):
        events = template[function]["Properties"]["Events"].values()
        paths = {event["Properties"]["Path"] for event in events}
        known = app._methods
        methods = {path.replace("<", "{").replace(">", "}"): several for path, several in known.items()}
        assert set(methods) == paths
        # Any method reaches the function, which answers 405 to those that it does not take.
        assert {event["Properties"]["Method"].lower() for event in events} == {"any"}
        routed |= {(path, method): function for path, several in methods.items() for method in several}
    assert set(routed) == {(path, method) for method, path, _ in OPERATIONS.values()}
    everywhere = {
        event["Properties"]["Path"]
        for name, resource in template.items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "Api" and name != "ConsoleFunction"  # pages for people
    }
    assert everywhere == set(DOCUMENT["paths"])
