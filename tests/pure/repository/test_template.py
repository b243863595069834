"""Properties of template.yaml that the code relies on and that no linter checks."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.loaders import Loader
from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

from interlock.adapters import cloudwatch_emf
from interlock.adapters.dynamo import key_values as access_items
from interlock.adapters.dynamo import values as dynamo_items
from interlock.adapters.dynamo.counters import metrics_key
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.composition import core as bootstrap
from interlock.composition import job_worker
from interlock.composition.authorizer import AuthorizerSettings
from interlock.domain import errors, job
from interlock.domain.access import ApiKey
from interlock.domain.errors import ERROR_TYPES, ErrorCode
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job_status import JobStatus
from interlock.domain.upload_id import MAX_UPLOADED_BYTES, UPLOAD_LIFETIME, Upload
from interlock.http.authorizer import NO_KEY, decision
from interlock.http.responses import CHALLENGE, RETRY_AFTER_S, STATUS_BY_CODE
from interlock.jobs.execute import END_MARGIN_S, SYNC_LIMIT_S
from interlock.ports import JobFilter

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE: Json = yaml_parse((ROOT / "template.yaml").read_text())
RESOURCES: Json = TEMPLATE["Resources"]
OPENAPI: Json = json.loads(files("interlock").joinpath("http", "openapi.json").read_text())
FUNCTIONS = sorted(name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function")
NOW = datetime(2026, 11, 22, 10, 11, 12, 345000, tzinfo=UTC)


def properties(function: str) -> Json:
    """Return a function's properties merged with the globals."""
    return {**TEMPLATE["Globals"]["Function"], **RESOURCES[function]["Properties"]}


def handler(function: str) -> str:
    """Return the source of a function's handler module."""
    return ROOT.joinpath(properties(function)["CodeUri"], "handler.py").read_text()


def api_events() -> Iterator[tuple[str, Json]]:
    for function in FUNCTIONS:
        for event in properties(function).get("Events", {}).values():
            if event["Type"] == "Api":
                yield function, event["Properties"]


# --- The template as a whole -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def translated() -> Json:
    """Return the CloudFormation resources that SAM generates."""

    class NoManagedPolicies:
        """An empty list of managed policies."""

        def load(self) -> dict[str, str]:
            return {}

    template = yaml_parse((ROOT / "template.yaml").read_text())
    validator = SamTemplateValidator(template, NoManagedPolicies(), region="us-east-1")
    found: Json = yaml_parse(validator.get_translated_template_if_valid())["Resources"]
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_function_has_a_handler() -> None:
    assert {properties(function)["Handler"] for function in FUNCTIONS} == {"handler.handler"}
    folders = {Path(properties(function)["CodeUri"]) for function in FUNCTIONS}
    assert folders == {file.parent.relative_to(ROOT) for file in ROOT.glob("functions/*/handler.py")}
    assert len(folders) == len(FUNCTIONS)
    assert all("def handler(" in handler(function) for function in FUNCTIONS)


def test_addresses_are_independent_of_the_aws_partition() -> None:
    text = json.dumps([TEMPLATE["Outputs"], RESOURCES["KmsKeyPolicy"]])
    assert "amazonaws" not in text
    assert text.count("${AWS::URLSuffix}") == 3


def references(value: Any) -> set[str]:
    """Return the names that a part of the template refers to."""
    if isinstance(value, list):
        return {name for one in value for name in references(one)}
    if not isinstance(value, dict):
        return set()
    match dict(value):
        case {"Ref": str(name)}:
            return {name}
        case {"Fn::GetAtt": [name, *_]}:
            return {name}
        case {"Fn::Sub": str(text)}:
            return set(re.findall(r"\$\{(\w+)", text))
    return {name for one in value.values() for name in references(one)}


def created_before(resource: str, resources: Json) -> set[str]:
    """Return the resources that CloudFormation creates before this one."""
    found: set[str] = set()
    todo = [resource]
    while todo:
        one = resources[todo.pop()]
        new = (references(one) | set(listed(one.get("DependsOn", [])))) & set(resources) - found
        found |= new
        todo += new
    return found


def test_stage_is_created_after_the_role_for_its_log(translated: Json) -> None:
    """In a new account, the stage with a log can only be created after the role, and the role only after an API.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-account.html
    """
    [stage] = [name for name, one in translated.items() if one["Type"] == "AWS::ApiGateway::Stage"]
    assert "AccessLogSetting" in translated[stage]["Properties"]
    assert {"ApiAccount", "ApiLogRole"} <= created_before(stage, translated)
    assert "Api" in created_before("ApiAccount", translated)


def test_resources_have_no_circular_dependencies(translated: Json) -> None:
    assert [name for name in translated if name in created_before(name, translated)] == []


# --- Permissions -----------------------------------------------------------------------------------------------------


def statements(role: Json) -> list[Json]:
    return [
        statement
        for policy in role["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


LOG_DELIVERY = {
    *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
    *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
}
"""Actions that a state machine with a log needs on `*`, since they do not support named resources.

https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
"""


def test_every_function_has_its_own_role(translated: Json) -> None:
    roles = {name: translated[name]["Properties"]["Role"]["Fn::GetAtt"][0] for name in FUNCTIONS}
    assert len(set(roles.values())) == len(FUNCTIONS)
    for role in roles.values():
        assert translated[role]["Properties"]["ManagedPolicyArns"] == [
            "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        ]
        assert statements(translated[role])


def test_roles_have_no_wildcard_actions_or_resources(translated: Json) -> None:
    roles = [one for one in translated.values() if one["Type"] == "AWS::IAM::Role"]
    assert len(roles) == len(FUNCTIONS) + 2  # the roles of the workflow and of the gateway's log
    for statement in (statement for role in roles for statement in statements(role)):
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & set(statement)
        assert all(re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action) for action in listed(statement["Action"]))
        if set(listed(statement["Action"])) == LOG_DELIVERY:
            continue
        for resource in listed(statement["Resource"]):
            # Each resource belongs to this stack: it is a reference, or its name contains the stack's name.
            text = json.dumps(resource)
            assert "Ref" in text or "Fn::GetAtt" in text or re.search(r"\$\{(\w+\.Arn|AWS::StackName)", text), text


def test_functions_may_not_delete_scan_or_administer() -> None:
    text = json.dumps([properties(function)["Policies"] for function in FUNCTIONS])
    assert not re.findall(r"Delete\w*|Scan|CreateTable|UpdateTable|PutBucket\w*", text)


def test_functions_that_read_objects_may_list_the_bucket() -> None:
    """Without `s3:ListBucket` S3 returns 403 for a missing object, while the adapter expects NoSuchKey.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, under Permissions.
    """
    for function in FUNCTIONS:
        given = [one for policy in properties(function)["Policies"] for one in policy["Statement"]]
        actions = {action for one in given for action in listed(one["Action"])}
        if "s3:GetObject" in actions:
            on = [one["Resource"] for one in given if "s3:ListBucket" in listed(one["Action"])]
            assert on == [{"Fn::GetAtt": ["Bucket", "Arn"]}], function


def granted(function: str, action: str) -> set[str]:
    """Return the resources on which a function may perform this action."""
    given = [one for policy in properties(function)["Policies"] for one in policy["Statement"]]
    named = [one["Resource"] for one in given if action in listed(one["Action"])]
    return {one if isinstance(one, str) else next(iter(one.values())) for each in named for one in listed(each)}


def test_only_functions_that_transfer_uploads_may_access_them() -> None:
    uploads = "${Bucket.Arn}/uploads/*"
    assert {name for name in FUNCTIONS if uploads in granted(name, "s3:PutObject")} == {"ExecuteFunction"}
    assert {name for name in FUNCTIONS if uploads in granted(name, "s3:GetObject")} == {
        "ExecuteFunction",
        "RunJobFunction",
    }


# --- Environment, layers, limits -------------------------------------------------------------------------------------


def test_every_function_gets_all_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    class Recorder(dict[str, str]):
        """An environment in which every variable is set."""

        def __missing__(self, name: str) -> str:
            self[name] = "1"
            return "1"

    core_variables, access_variables = Recorder(), Recorder(INTERLOCK_DEFAULT_RATE="none")
    with monkeypatch.context() as patched:
        patched.setattr(os, "environ", core_variables)
        bootstrap.Settings.from_env()
        patched.setattr(os, "environ", access_variables)
        AuthorizerSettings.from_env()
    assert {"INTERLOCK_TABLE", "INTERLOCK_BUCKET"} <= set(core_variables)
    assert {"INTERLOCK_KEY_CACHE_S", "INTERLOCK_OIDC_ISSUER"} <= set(access_variables)
    for function in FUNCTIONS:
        declared = {
            **TEMPLATE["Globals"]["Function"]["Environment"]["Variables"],
            **RESOURCES[function]["Properties"].get("Environment", {}).get("Variables", {}),
        }
        # Exactly the variables that are read are set.
        read = {*core_variables, *access_variables} if function == "AuthorizeFunction" else set(core_variables)
        assert {name for name in declared if name.startswith("INTERLOCK_")} == read, function


def test_metrics_have_the_stack_as_a_dimension() -> None:
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert variables[cloudwatch_emf.STACK_VARIABLE] == {"Ref": "AWS::StackName"}


def test_functions_that_use_the_registry_have_the_plugin_layer() -> None:
    users = {name for name in FUNCTIONS if re.search("execute_app|jobs_app|run_job_task", handler(name))}
    layers = {name for name in FUNCTIONS if {"Ref": "PluginLayer"} in RESOURCES[name]["Properties"].get("Layers", [])}
    assert users == layers == {"ExecuteFunction", "JobsFunction", "RunJobFunction"}
    assert TEMPLATE["Globals"]["Function"]["Layers"] == [{"Ref": "RuntimeLayer"}]


def test_function_timeouts_exceed_the_limits_of_their_runs() -> None:
    gateway_s = 29
    assert SYNC_LIMIT_S + END_MARGIN_S <= properties("ExecuteFunction")["Timeout"] <= gateway_s
    longest_s = OPENAPI["components"]["schemas"]["ExecuteRequest"]["properties"]["timeout_s"]["anyOf"][0]["maximum"]
    assert longest_s + job_worker.END_MARGIN_S < properties("RunJobFunction")["Timeout"] <= 900


def test_functions_that_run_tools_have_storage_for_uploads() -> None:
    for function in ("ExecuteFunction", "RunJobFunction"):
        room_bytes = properties(function)["EphemeralStorage"]["Size"] * 1024 * 1024
        assert room_bytes >= 2 * MAX_UPLOADED_BYTES


def test_uploads_are_stored_at_least_for_their_lifetime() -> None:
    rules = {rule["Id"]: rule for rule in RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]}
    rule = rules["expire-uploads"]
    assert Upload.new("image/png", 1, NOW).key("acme").startswith(rule["Prefix"])
    assert (rule["Status"], rule["Prefix"]) == ("Enabled", "uploads/")
    assert timedelta(days=rule["ExpirationInDays"]) >= UPLOAD_LIFETIME


# --- The API ---------------------------------------------------------------------------------------------------------


def test_paths_match_the_openapi_document() -> None:
    paths = [event["Path"] for _, event in api_events()]
    assert len(paths) == len(set(paths))
    assert set(paths) == set(OPENAPI["paths"])
    assert all(event["RestApiId"] == {"Ref": "Api"} for _, event in api_events())


def test_keys_are_required_except_on_the_open_routes() -> None:
    auth = RESOURCES["Api"]["Properties"]["Auth"]
    authorizer = auth["Authorizers"][auth["DefaultAuthorizer"]]
    assert authorizer["FunctionPayloadType"] == "REQUEST"
    assert authorizer["FunctionArn"] == {"Fn::GetAtt": ["AuthorizeFunction", "Arn"]}
    # With an identity source, the gateway would refuse requests with a token and no key without calling the
    # authorizer; without one it cannot cache.
    assert authorizer["Identity"] == {"ReauthorizeEvery": 0}
    open_paths = {event["Path"] for _, event in api_events() if event.get("Auth", {}).get("Authorizer") == "NONE"}
    without_key = {
        path for path, item in OPENAPI["paths"].items() if all(one["security"] == [] for one in item.values())
    }
    assert open_paths == without_key == {"/v1/health", "/v1/openapi.json"}


# --- Gateway responses -----------------------------------------------------------------------------------------------

GATEWAY_RESPONSES: Json = RESOURCES["Api"]["Properties"]["GatewayResponses"]
SAMPLES: Mapping[str, str] = {
    # In the format of AWS: the time in the Common Log Format, the message with its quotes.
    "$context.requestTime": "22/Nov/2026:10:11:12 +0000",
    "$context.error.messageString": json.dumps('Invalid "request" body'),
    "$context.authorizer.timestamp": "2026-11-22T10:11:12.345Z",
    "$context.authorizer.message": NO_KEY,
}
_VARIABLE = re.compile(r"\$context(?:\.\w+)+")


def rendered(kind: str) -> Json:
    """Return the body of a gateway response with its variables replaced. AWS supports no VTL here."""
    [(media_type, template)] = GATEWAY_RESPONSES[kind]["ResponseTemplates"].items()
    assert media_type == "application/json"
    text = _VARIABLE.sub(lambda match: SAMPLES[match[0]], template)
    assert "$" not in text
    envelope: Json = json.loads(text)
    return envelope


@pytest.mark.parametrize(
    ("kind", "error"),
    [("REQUEST_TOO_LARGE", errors.PayloadTooLarge()), ("DEFAULT_5XX", errors.ServiceUnavailable(service="table"))],
)
def test_gateway_and_functions_use_the_same_message(kind: str, error: errors.InterlockError) -> None:
    assert rendered(kind)["error"]["message"] == str(error)


@pytest.mark.parametrize("kind", GATEWAY_RESPONSES)
def test_gateway_responses_have_the_error_envelope(kind: str) -> None:
    envelope = rendered(kind)
    schema = {"$ref": "#/components/schemas/ErrorEnvelope", "components": OPENAPI["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert [error.message for error in validator.iter_errors(envelope)] == []
    error = envelope["error"]
    code = ErrorCode(error["code"])
    assert error["type"] == ERROR_TYPES[code]
    assert error["retryable"] is (code in errors.RETRYABLE)
    # DEFAULT_4XX keeps the status of the response that it replaces.
    status = GATEWAY_RESPONSES[kind].get("StatusCode")
    assert status == (None if kind == "DEFAULT_4XX" else STATUS_BY_CODE[code])
    headers = GATEWAY_RESPONSES[kind].get("ResponseParameters", {}).get("Headers", {})
    if code is ErrorCode.UNAUTHORIZED:
        assert headers == {"WWW-Authenticate": f"'{CHALLENGE}'"}
        return
    assert set(headers) == ({"Retry-After"} if code in RETRY_AFTER_S else set())
    assert all(re.fullmatch(r"'[1-9]\d*'", value) for value in headers.values())


def test_gateway_responses_cover_all_refusals_with_the_status_of_the_contract() -> None:
    shapes = Loader().load_service_model("apigateway", "service-2")["shapes"]
    assert set(GATEWAY_RESPONSES) <= set(shapes["GatewayResponseType"]["enum"])
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(GATEWAY_RESPONSES)
    # The contract's statuses of requests that do not reach a function.
    statuses = {kind: response.get("StatusCode") for kind, response in GATEWAY_RESPONSES.items()}
    assert (statuses["UNAUTHORIZED"], statuses["ACCESS_DENIED"]) == (401, 401)
    assert (statuses["MISSING_AUTHENTICATION_TOKEN"], statuses["RESOURCE_NOT_FOUND"]) == (404, 404)
    assert (statuses["REQUEST_TOO_LARGE"], statuses["THROTTLED"], statuses["DEFAULT_5XX"]) == (413, 429, 503)


def test_denial_sets_every_variable_of_its_template() -> None:
    class NoKeys:
        """An empty key store."""

        def get(self, key_hash: str) -> ApiKey | None:
            return None

    event = {"methodArn": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/GET/v1/jobs", "headers": {}}
    denied = decision(event, NoKeys(), lambda: NOW)
    [template] = GATEWAY_RESPONSES["ACCESS_DENIED"]["ResponseTemplates"].values()
    wanted = {name.removeprefix("$context.authorizer.") for name in _VARIABLE.findall(template)}
    assert wanted <= set(denied["context"])
    for name in wanted:
        assert denied["context"][name] == SAMPLES[f"$context.authorizer.{name}"]


def test_access_log_contains_no_key_body_or_query() -> None:
    log = RESOURCES["Api"]["Properties"]["AccessLogSetting"]["Format"]
    entry: Json = json.loads(log)
    assert {"request_id", "status", "route"} <= set(entry)
    assert not re.findall(r"apiKey|header|query|body|\$context\.path\b|\$input", log, re.IGNORECASE)


# --- The table -------------------------------------------------------------------------------------------------------

TABLE: Json = RESOURCES["Table"]["Properties"]
TYPES = {one["AttributeName"]: one["AttributeType"] for one in TABLE["AttributeDefinitions"]}
INDEXES = {one["IndexName"]: one for one in TABLE["GlobalSecondaryIndexes"]}


def key_of(schema: list[Json]) -> tuple[str, ...]:
    """Return the attributes of a key, the partition key first."""
    return tuple(one["AttributeName"] for one in sorted(schema, key=lambda one: one["KeyType"] != "HASH"))


class Table:
    """A fake DynamoDB client that records its queries."""

    def __init__(self) -> None:
        self.queries: list[Json] = []

    def query(self, **arguments: Any) -> Json:
        self.queries.append(arguments)
        return {"Items": []}

    def get_paginator(self, operation: str) -> "Table":
        assert operation == "query"
        return self

    def paginate(self, **arguments: Any) -> list[Json]:
        return [self.query(**arguments)]


def queries() -> list[Json]:
    """Return every kind of query that the adapter makes."""
    client: Any = Table()
    store = DynamoJobs(client, "table")
    statuses: tuple[tuple[JobStatus, ...], ...] = ((), (JobStatus.RUNNING,))
    for plugin, tools, some in product((None, "ocr"), (None, [("ocr", "analyze")]), statuses):
        store.page(JobFilter("acme", plugin, tools, some), limit=2, before_id="01KY4QJ3HS0123456789ABCDEF")
    list(store.with_lapsed_lease(NOW))
    store.metrics("ocr")
    found: list[Json] = client.queries
    return found


def test_declared_indexes_are_those_that_the_adapter_queries() -> None:
    assert {query["IndexName"] for query in queries() if "IndexName" in query} == set(INDEXES)


def test_queries_name_the_keys_of_their_index() -> None:
    for query in queries():
        key = key_of(INDEXES[query["IndexName"]]["KeySchema"] if "IndexName" in query else TABLE["KeySchema"])
        names = query.get("ExpressionAttributeNames", {})
        condition = query["KeyConditionExpression"]
        used = [names.get(word, word) for word in re.findall(r"(#?\w+) [=<]", condition)]
        assert tuple(used) == key[: len(used)], query
        for word, value in zip(used, re.findall(r"[=<] (:\w+)", condition), strict=True):
            assert set(query["ExpressionAttributeValues"][value]) == {TYPES[word]}


def a_job() -> job.Job:
    pending = job.Job(
        tenant="acme",
        job_id="01KY4QJ3HS0123456789ABCDEF",
        plugin="ocr",
        tool="analyze",
        plugin_version="1.0.0",
        timeout_s=20.0,
        status=JobStatus.PENDING,
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + timedelta(days=7),
    )
    return job.submitted(pending, input=job.StoredJson(2, "{}"), lease_expires_at=NOW + timedelta(minutes=1))


def test_items_have_the_declared_keys_and_types() -> None:
    item = dynamo_items.job_to_item(a_job())
    keys = {name for index in INDEXES.values() for name in key_of(index["KeySchema"])}
    keys |= set(key_of(TABLE["KeySchema"]))
    # CloudFormation refuses declared attributes that are not keys, and DynamoDB items with keys of another type.
    assert set(TYPES) == keys
    serialize = TypeSerializer().serialize
    assert {name: set(serialize(item[name])) for name in keys} == {name: {TYPES[name]} for name in keys}
    key = ApiKey("hash", "key", "acme", frozenset({"admin"}), expires_at=NOW, created_at=NOW, revoked_at=NOW)
    others = [
        metrics_key("ocr", "analyze", 7),
        access_items.api_key_to_item(key),
        access_items.listed_key_to_item(key),
        access_items.rate_key("key"),
        access_items.slots_key("key"),
        access_items.secret_key("cursors"),
        dynamo_items.idempotency_to_item(IdempotencyRecord("acme", "hash", "hash", a_job().job_id, NOW)),
    ]
    for other in others:
        assert {name: set(serialize(other[name])) for name in key_of(TABLE["KeySchema"])} == {"pk": {"S"}, "sk": {"S"}}
        # Only jobs have the keys of the listing indexes.
        assert not (keys - set(key_of(TABLE["KeySchema"]))) & set(other)


def test_only_unfinished_jobs_are_in_the_lease_index() -> None:
    [lease_key, *_] = key_of(INDEXES["by_lease"]["KeySchema"])
    assert lease_key in dynamo_items.job_to_item(a_job())
    over = job.cancel_requested(a_job(), reason=None, now=NOW)
    assert over.finished
    assert lease_key not in dynamo_items.job_to_item(over)


def test_indexes_project_the_keys_that_their_readers_need() -> None:
    """Listings read `job_id` and leases read `pk`; KEYS_ONLY projects the keys of the index and the table."""
    for name, index in INDEXES.items():
        assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
        assert name == "by_lease" or key_of(index["KeySchema"]) == (name, "job_id")


def test_time_to_live_attribute_is_that_of_the_items() -> None:
    expiry = TABLE["TimeToLiveSpecification"]
    assert expiry["Enabled"] is True
    assert dynamo_items.job_to_item(a_job())[expiry["AttributeName"]] == int((NOW + timedelta(days=7)).timestamp())


def test_resources_with_data_outlive_the_stack() -> None:
    for name in ("Table", "Bucket"):
        assert (RESOURCES[name]["DeletionPolicy"], RESOURCES[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert all(RESOURCES["Bucket"]["Properties"]["PublicAccessBlockConfiguration"].values())


def test_only_data_and_the_account_role_for_logs_outlive_the_stack(translated: Json) -> None:
    kept = {name for name, one in translated.items() if one.get("DeletionPolicy", "Delete") != "Delete"}
    assert kept == {"Table", "Bucket", "BucketPolicy", "ApiAccount", "ApiLogRole"}
