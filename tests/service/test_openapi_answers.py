"""Real answers of the functions against the OpenAPI document: the handlers themselves, over AWS as moto plays it.

Each answer must fit the schema that the document gives to its status, with no field that the schema does not name, and
with the headers that it names. And each status that the document gives is given here, but those that only the gateway
makes.
"""

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import jsonschema_rs
import pytest
from moto import mock_aws
from samcli.yamlhelper import yaml_parse

from interlock.composition import job_worker as worker
from interlock.composition.core import Core
from interlock.domain import job as jobs
from interlock.domain.counters import starting_delta
from interlock.domain.times import utc_now
from interlock.plugins.building import build_index
from interlock.plugins.index import open_index
from interlock.sandbox import Sandbox

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
DOCUMENT: Json = json.loads(files("interlock").joinpath("http", "openapi.json").read_text())
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
UNKNOWN_JOB = "01KY4QJ3HS0123456789ABCDEF"

PLUGIN = '''
import os
import time

from pydantic import BaseModel

from interlock.plugin import FileBytes, Plugin, tool


class Text(BaseModel):
    text: str = ""


class File(BaseModel):
    file: FileBytes


class Specimen(Plugin):
    """Does what it is told."""

    name, version, title = "specimen", "1.0.0", "Specimen"

    @tool(timeout_s=10)
    def say(self, input: Text, context) -> Text:
        return Text(text=input.text)

    @tool(timeout_s=10)
    def look(self, input: File, context) -> Text:
        return Text()

    @tool(timeout_s=10)
    def large(self, input: Text, context) -> Text:
        return Text(text="x" * (6 * 1024 * 1024))

    @tool(timeout_s=10)
    def talk(self, input: Text, context) -> Text:
        print("to standard output")
        context.logger.error("to the log")
        context.progress(0.5, "half")
        return Text()

    @tool(timeout_s=10)
    def flood(self, input: Text, context) -> Text:
        print("line\\n" * 5000)
        return Text()

    @tool(timeout_s=10)
    def fail(self, input: Text, context) -> Text:
        raise LookupError("there is none")

    @tool(timeout_s=10)
    def crash(self, input: Text, context) -> Text:
        os._exit(3)

    @tool(timeout_s=10)
    def nonsense(self, input: Text, context) -> Text:
        return {"text": 7}

    @tool(timeout_s=0.2)
    def sleep(self, input: Text, context) -> Text:
        time.sleep(60)
'''


# --- The service -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """A function's answer, parsed."""

    status: int
    headers: Mapping[str, str]
    body: Json


class LambdaContext:
    """The fields of Lambda's context object that the handlers use."""

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


def handler_module(function: str) -> ModuleType:
    """A function's module, loaded as Lambda does: from its folder, with its environment."""
    file = ROOT / "functions" / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"{function}_handler", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Functions:
    """The HTTP functions and the workflow's task, on one table."""

    def __init__(self, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("INTERLOCK_TABLE", table)
        self.execute = handler_module("execute")
        self.jobs = handler_module("jobs")
        self.run_job = handler_module("run_job")
        self.store: Any = Core.from_env().store


class Service:
    """A client of the functions; `broken` are the same functions whose table is not there."""

    def __init__(self, functions: Functions, broken: Functions) -> None:
        self._functions = functions
        self._broken = broken
        self._answers: dict[Case, Answer] = {}

    def answer(self, case: "Case") -> Answer:
        """The answer of a case, asked for once."""
        if case not in self._answers:
            self._answers[case] = CASES[case](self)
        return self._answers[case]

    def call(
        self,
        operation: str,
        body: Any = None,
        *,
        method: str | None = None,
        scopes: str | None = "admin",
        query: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        table_is_down: bool = False,
        limits: Mapping[str, str] | None = None,
        job_id: str = UNKNOWN_JOB,
        name: str = "specimen",
    ) -> Answer:
        documented, resource, _ = OPERATIONS[operation]
        given = {"job_id": job_id, "name": name}
        parameters = {key: value for key, value in given.items() if f"{{{key}}}" in resource}
        sent = {"Content-Type": "application/json", **(headers or {})}
        caller = {"tenant": "acme", "key_id": "key", "scopes": scopes, "principalId": "key", **(limits or {})}
        event = {
            "resource": resource,
            "path": resource.format(**parameters),
            "httpMethod": method or documented,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
            "multiValueQueryStringParameters": {name: list(values) for name, values in query.items()}
            if query
            else None,
            "pathParameters": parameters or None,
            "requestContext": {"authorizer": caller} if scopes is not None else {},
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        }
        functions = self._broken if table_is_down else self._functions
        module = functions.execute if operation in {"execute", "createUpload"} else functions.jobs
        answer = module.handler(event, LambdaContext())
        got = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
        assert got.pop("Content-Type") == "application/json"
        return Answer(answer["statusCode"], got, json.loads(answer["body"]))

    def execute(self, tool: str, *, prefer: str = "", key: str = "", **input: Any) -> Answer:
        headers = {"Prefer": prefer} if prefer else {}
        headers |= {"Idempotency-Key": key} if key else {}
        return self.call("execute", {"plugin": "specimen", "tool": tool, "input": input}, headers=headers)

    def pending(self, tool: str = "say") -> str:
        """A job that waits for its execution."""
        return str(self.execute(tool, prefer="respond-async").body["job_id"])

    def running(self) -> str:
        """A job that some worker is busy with."""
        store, now = self._functions.store, utc_now()
        job = store.get("acme", self.pending())
        claimed = jobs.claimed(job, worker_id="worker", now=now, lease_expires_at=now + timedelta(minutes=1))
        store.change(job, claimed, starting_delta(claimed, now))
        progress = jobs.Progress(0.4, "page 2 of 5", now)
        store.heartbeat(claimed, now=now, lease_expires_at=now + timedelta(minutes=1), progress=progress)
        return str(job.job_id)

    def finished(self, tool: str = "say") -> str:
        """A job that the workflow's task has run."""
        job_id = self.pending(tool)
        self._functions.run_job.handler({"tenant": "acme", "job_id": job_id}, LambdaContext())
        return job_id

    def cancelled(self) -> str:
        job_id = self.pending()
        assert self.call("cancelJob", job_id=job_id).status == 200
        return job_id

    def lost(self) -> str:
        """A job whose worker vanished."""
        job_id = self.running()
        store, now = self._functions.store, utc_now()
        store.heartbeat(store.get("acme", job_id), now=now, lease_expires_at=now - timedelta(seconds=1), progress=None)
        return job_id


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "specimen.py").write_text(PLUGIN)
    (folder / "broken.py").write_text("import there_is_no_such_module")
    index = folder / "index"
    build_index(index, [folder / "specimen.py", folder / "broken.py"])
    template = yaml_parse((ROOT / "template.yaml").read_text())
    table = template["Resources"]["Table"]["Properties"]
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        monkeypatch.setenv("INTERLOCK_PLUGIN_INDEX", str(index))
        monkeypatch.setenv("INTERLOCK_BUCKET", "interlock-documents")
        monkeypatch.setenv("INTERLOCK_RETENTION_DAYS", "7")
        creatable = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        boto3.client("dynamodb").create_table(TableName="interlock", **{name: table[name] for name in creatable})
        boto3.client("s3").create_bucket(Bucket="interlock-documents")
        machine = boto3.client("stepfunctions").create_state_machine(
            name="interlock-jobs",
            definition=json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}}),
            roleArn="arn:aws:iam::123456789012:role/workflow",
        )
        monkeypatch.setenv("INTERLOCK_WORKFLOW_ARN", machine["stateMachineArn"])
        started: list[Sandbox] = []

        def remembered(*arguments: Any, **options: Any) -> Sandbox:
            started.append(Sandbox(*arguments, **options))
            return started[-1]

        monkeypatch.setattr(worker, "Sandbox", remembered)
        open_index.cache_clear()
        yield Service(Functions("interlock", monkeypatch), Functions("there-is-no-such-table", monkeypatch))
        for sandbox in started:
            sandbox.close()
        open_index.cache_clear()


# --- Cases -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """A case: an operation, the status that it must answer, and its circumstances."""

    operation: str
    status: int
    what: str

    def __str__(self) -> str:
        return f"{self.operation}-{self.status}-{self.what}"


type Ask = Callable[[Service], Answer]


def _twice(service: Service, *, tool: str, prefer: str = "") -> Answer:
    """The second of two requests under one idempotency key."""
    key = f"key of {tool} {prefer}"
    first = service.execute(tool, key=key, prefer=prefer)
    second = service.execute(tool, key=key, prefer=prefer)
    assert second.headers["Idempotency-Replayed"] == "true"
    jobs_of = [(answer.body.get("error") or answer.body)["job_id"] for answer in (first, second)]
    assert jobs_of[0] == jobs_of[1]
    return second


def _mismatch(service: Service) -> Answer:
    service.execute("say", key="mismatch", text="one")
    return service.execute("say", key="mismatch", text="another")


def _page(service: Service, **query: str) -> Answer:
    for _ in range(2):
        service.pending()
    return service.call("listJobs", query={name: [value] for name, value in query.items()})


EXECUTE: Mapping[tuple[int, str], Ask] = {
    (200, "succeeded"): lambda service: service.execute("say", text="hello"),
    (200, "too large to inline"): lambda service: service.execute("large"),
    (200, "replayed"): lambda service: _twice(service, tool="say"),
    (202, "pending"): lambda service: service.execute("say", prefer="respond-async"),
    (202, "not finished in time"): lambda service: service.execute("say", prefer="respond-async, wait=1"),
    (202, "replayed"): lambda service: _twice(service, tool="say", prefer="respond-async"),
    (400, "invalid_request"): lambda service: service.call("execute", {"plugin": "specimen", "inputs": {}}),
    (400, "invalid_request not JSON"): lambda service: service.call("execute", "{"),
    (400, "invalid_request header"): lambda service: service.execute("say", prefer="respond-async, wait=999"),
    (400, "invalid_request key"): lambda service: service.execute("say", key="x" * 256),
    (400, "invalid_input"): lambda service: service.execute("say", text=7),
    (400, "invalid_input upload"): lambda service: service.execute("look", file={"upload_id": "made-up"}),
    (400, "unknown_plugin"): lambda service: service.call("execute", {"plugin": "nobody", "input": {}}),
    (400, "unknown_tool"): lambda service: service.execute("nothing"),
    (400, "plugin_exception"): lambda service: service.execute("fail"),
    (400, "plugin_exception replayed"): lambda service: _twice(service, tool="fail"),
    (400, "plugin_crashed"): lambda service: service.execute("crash"),
    (400, "invalid_output"): lambda service: service.execute("nonsense"),
    (400, "plugin_unavailable"): lambda service: service.call("execute", {"plugin": "broken", "input": {}}),
    (400, "timeout"): lambda service: service.execute("sleep"),
    (422, "idempotency_mismatch"): _mismatch,
}

JOBS: Mapping[tuple[str, int, str], Ask] = {
    ("getJob", 200, "pending"): lambda service: service.call("getJob", job_id=service.pending()),
    ("getJob", 200, "running"): lambda service: service.call("getJob", job_id=service.running()),
    ("getJob", 200, "succeeded"): lambda service: service.call("getJob", job_id=service.finished()),
    ("getJob", 200, "failed"): lambda service: service.call("getJob", job_id=service.finished("fail")),
    ("getJob", 200, "timed out"): lambda service: service.call("getJob", job_id=service.finished("sleep")),
    ("getJob", 200, "cancelled"): lambda service: service.call("getJob", job_id=service.cancelled()),
    ("getJob", 200, "worker lost"): lambda service: service.call("getJob", job_id=service.lost()),
    ("getJob", 404, "unknown"): lambda service: service.call("getJob", job_id=UNKNOWN_JOB),
    ("getEvents", 200, "talkative"): lambda service: service.call("getEvents", job_id=service.finished("talk")),
    ("getEvents", 200, "flood"): lambda service: service.call("getEvents", job_id=service.finished("flood")),
    ("getEvents", 200, "none after"): lambda service: service.call(
        "getEvents", job_id=service.finished(), query={"after": ["9"]}
    ),
    ("getEvents", 400, "no number"): lambda service: service.call(
        "getEvents", job_id=service.finished(), query={"after": ["x"]}
    ),
    ("getEvents", 404, "unknown"): lambda service: service.call("getEvents", job_id=UNKNOWN_JOB),
    ("getResult", 200, "succeeded"): lambda service: service.call("getResult", job_id=service.finished()),
    ("getResult", 200, "large"): lambda service: service.call("getResult", job_id=service.finished("large")),
    ("getResult", 200, "failed"): lambda service: service.call("getResult", job_id=service.finished("crash")),
    ("getResult", 200, "prevented"): lambda service: service.call("getResult", job_id=service.cancelled()),
    ("getResult", 200, "worker lost"): lambda service: service.call("getResult", job_id=service.lost()),
    ("getResult", 404, "unknown"): lambda service: service.call("getResult", job_id=UNKNOWN_JOB),
    ("getResult", 409, "not_finished"): lambda service: service.call("getResult", job_id=service.pending()),
    ("listJobs", 200, "first page"): lambda service: _page(service, limit="1"),
    ("listJobs", 200, "everything"): lambda service: _page(service, limit="100"),
    ("listJobs", 200, "none"): lambda service: _page(service, plugin="nobody"),
    ("listJobs", 200, "by an alias"): lambda service: _page(service, status="queued", tool="say"),
    ("listJobs", 400, "bad limit"): lambda service: _page(service, limit="0"),
    ("listJobs", 400, "unknown parameter"): lambda service: _page(service, page="2"),
}

CANCEL: Mapping[tuple[int, str], Callable[[Service, str], Answer]] = {
    (200, "prevented"): lambda service, operation: service.call(operation, job_id=service.pending()),
    (200, "again"): lambda service, operation: service.call(operation, job_id=service.cancelled()),
    (202, "cancelling"): lambda service, operation: service.call(
        operation, {"reason": "not needed any more"}, job_id=service.running()
    ),
    (400, "unknown field"): lambda service, operation: service.call(operation, {"why": ""}, job_id=service.pending()),
    (404, "unknown"): lambda service, operation: service.call(operation, job_id=UNKNOWN_JOB),
    (409, "already_finished"): lambda service, operation: service.call(operation, job_id=service.finished()),
}

PLUGINS: Mapping[tuple[str, int, str], Ask] = {
    ("listPlugins", 200, "all"): lambda service: service.call("listPlugins"),
    ("getPlugin", 200, "ocr"): lambda service: service.call("getPlugin", name="ocr"),
    ("getPlugin", 200, "image"): lambda service: service.call("getPlugin", name="image"),
    ("getPlugin", 200, "motion"): lambda service: service.call("getPlugin", name="motion"),
    ("getPlugin", 200, "block_mapper"): lambda service: service.call("getPlugin", name="block_mapper"),
    ("getPlugin", 200, "specimen"): lambda service: service.call("getPlugin", name="specimen"),
    ("getPlugin", 200, "broken"): lambda service: service.call("getPlugin", name="broken"),
    ("getPlugin", 404, "unknown"): lambda service: service.call("getPlugin", name="nobody"),
    ("getPluginHealth", 200, "never used"): lambda service: service.call("getPluginHealth", name="ocr"),
    ("getPluginHealth", 200, "broken"): lambda service: service.call("getPluginHealth", name="broken"),
    ("getPluginHealth", 200, "used"): lambda service: (
        service.execute("say") and service.call("getPluginHealth", name="specimen")
    ),
    ("getPluginHealth", 404, "unknown"): lambda service: service.call("getPluginHealth", name="nobody"),
    ("getHealth", 200, "ok"): lambda service: service.call("getHealth", scopes=None),
    ("getOpenApi", 200, "whole"): lambda service: service.call("getOpenApi", scopes=None),
}

UPLOADS: Mapping[tuple[int, str], Ask] = {
    (201, "expected"): lambda service: service.call("createUpload", {"content_type": "image/png", "size": 5}),
    (400, "too large"): lambda service: service.call("createUpload", {"content_type": "image/png", "size": 10**9}),
    (400, "no type"): lambda service: service.call("createUpload", {"content_type": "png", "size": 5}),
    (400, "unknown field"): lambda service: service.call("createUpload", {"name": "a.png", "size": 5}),
}

NO_PARAMETERS = ("getJob", "getResult", "listPlugins", "getPlugin", "getPluginHealth")
"""Operations that reject any query."""

NO_TABLE = {"createUpload", "getPlugin", "getHealth", "getOpenApi"}
"""Operations that answer without the table."""


def _refused(operation: str, **how: Any) -> Ask:
    """Return the response of an operation to a valid request that is forbidden."""
    body = {"plugin": "specimen", "input": {}} if operation == "execute" else None
    return lambda service: service.call(operation, body, **how)


def _asked_for_more(operation: str) -> Ask:
    """Return the response of an operation on an existing resource to an unknown parameter."""
    return lambda service: service.call(operation, query={"page": ["2"]}, job_id=service.pending())


def _limited(operation: str) -> Ask:
    """Return the response of an operation to a key that has used up its rate."""
    body = {"plugin": "specimen", "input": {}} if operation == "execute" else None
    limits = {"key_id": f"hasty-{operation}", "rate": "1/h"}

    def ask(service: Service) -> Answer:
        assert service.call(operation, body, limits=limits).status != 429
        return service.call(operation, body, limits=limits)

    return ask


def _cancelling(operation: str, cancel: Callable[[Service, str], Answer]) -> Ask:
    return lambda service: cancel(service, operation)


def _cases() -> Iterator[tuple[Case, Ask]]:
    for (status, what), ask in EXECUTE.items():
        yield Case("execute", status, what), ask
    for (operation, status, what), ask in {**JOBS, **PLUGINS}.items():
        yield Case(operation, status, what), ask
    for (status, what), ask in UPLOADS.items():
        yield Case("createUpload", status, what), ask
    for operation in ("cancelJob", "deleteJob"):
        for (status, what), cancel in CANCEL.items():
            yield Case(operation, status, what), _cancelling(operation, cancel)
    for operation in NO_PARAMETERS:
        yield Case(operation, 400, "unknown parameter"), _asked_for_more(operation)
    for operation, (_, _, document) in OPERATIONS.items():
        yield Case(operation, 405, "another method"), _refused(operation, method="PATCH")
        if document["security"]:
            yield Case(operation, 401, "no caller"), _refused(operation, scopes=None)
            yield Case(operation, 403, "another scope"), _refused(operation, scopes="nothing:at-all")
            yield Case(operation, 429, "too often"), _limited(operation)
        if operation not in NO_TABLE:
            yield Case(operation, 503, "no table"), _refused(operation, table_is_down=True)


CASES = dict(_cases())


# --- Tests -----------------------------------------------------------------------------------------------------------


def _closed(node: Any) -> Any:
    """The schemas with no room for fields that they do not name: a new field is to be documented."""
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
    answer = service.answer(case)
    assert answer.status == case.status, answer.body
    documented = _resolved(OPERATIONS[case.operation][2]["responses"][str(case.status)])
    schema = documented["content"]["application/json"]["schema"]
    validator = jsonschema_rs.Draft202012Validator(
        {**schema, "components": {"schemas": SCHEMAS}}, validate_formats=True
    )
    assert [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(answer.body)] == []
    headers = {name: _resolved(header) for name, header in documented.get("headers", {}).items()}
    assert set(answer.headers) <= set(headers)
    for name, header in headers.items():
        if header.get("required"):
            assert name in answer.headers
    if answer.status >= 400 and case.operation == "execute":
        assert answer.body["error"]["code"] == case.what.split()[0] or answer.status != 400


def test_every_documented_status_code_is_returned() -> None:
    """The gateway alone makes the rest; tests/pure/repository/test_template_api.py checks its responses."""
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
    assert service.answer(Case("getOpenApi", 200, "whole")).body == DOCUMENT


def test_every_link_can_be_followed(service: Service) -> None:
    followed = 0
    for case in CASES:
        links = _resolved(OPERATIONS[case.operation][2]["responses"][str(case.status)]).get("links", {})
        for link in map(_resolved, links.values()):
            values = {
                name: service.answer(case).body[value.removeprefix("$response.body#/")]
                for name, value in link["parameters"].items()
            }
            if None in values.values():
                continue
            if link["operationId"] == "listJobs":
                answer = service.call("listJobs", query={"limit": ["1"], "cursor": [values["cursor"]]})
            else:
                [(parameter, value)] = values.items()
                answer = service.call(link["operationId"], **{parameter: value})
            assert answer.status in {200, 202, 409}, (case, link)
            followed += 1
    assert followed > 30


def test_document_and_template_have_the_same_routes(service: Service) -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    routed: dict[tuple[str, str], str] = {}
    for function, module in (
        ("ExecuteFunction", service._functions.execute),
        ("JobsFunction", service._functions.jobs),
    ):
        events = template[function]["Properties"]["Events"].values()
        paths = {event["Properties"]["Path"] for event in events}
        methods = {path.replace("<", "{").replace(">", "}"): several for path, several in module.app._methods.items()}
        assert set(methods) == paths
        # Any method reaches the function, which answers 405 to those that it does not take.
        assert {event["Properties"]["Method"].lower() for event in events} == {"any"}
        routed |= {(path, method): function for path, several in methods.items() for method in several}
    assert set(routed) == {(path, method) for method, path, _ in OPERATIONS.values()}
    everywhere = {
        event["Properties"]["Path"]
        for resource in template.values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "Api"
    }
    assert everywhere == set(DOCUMENT["paths"])
