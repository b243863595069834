"""Resources of template.yaml: order of creation, settings and limits of functions, and data that outlives the stack."""

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from interlock.adapters import cloudwatch_emf
from interlock.composition import core as bootstrap
from interlock.composition import job_worker
from interlock.composition.authorizer import AuthorizerSettings
from interlock.composition.batch_limits import VARIABLES
from interlock.composition.console import BUCKET_ORIGIN
from interlock.composition.sandbox import WRITABLE
from interlock.domain.upload_id import MAX_UPLOADED_BYTES, UPLOAD_LIFETIME, Upload
from interlock.jobs.execute import END_MARGIN_S, SYNC_LIMIT_S
from tests.pure.repository.template import FUNCTIONS, NOW, OPENAPI, RESOURCES, ROOT, TEMPLATE, Json, listed, properties


def handler(function: str) -> str:
    """Return the source of a function's handler module."""
    return ROOT.joinpath(properties(function)["CodeUri"], "handler.py").read_text()


# --- The template as a whole ---


def test_every_function_has_a_handler() -> None:
    assert {properties(function)["Handler"] for function in FUNCTIONS} == {"handler.handler"}
    folders = {Path(properties(function)["CodeUri"]) for function in FUNCTIONS}
    assert folders == {file.parent.relative_to(ROOT) for file in ROOT.glob("functions/*/handler.py")}
    assert len(folders) == len(FUNCTIONS)
    assert all("def handler(" in handler(function) for function in FUNCTIONS)


def test_addresses_are_independent_of_the_aws_partition() -> None:
    text = json.dumps([TEMPLATE["Outputs"], RESOURCES["KmsKeyPolicy"]])
    assert "amazonaws" not in text
    assert text.count("${AWS::URLSuffix}") == 4


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


# --- Environment, layers, limits ---


WAITING = {"ExecuteFunction", "JobsFunction"}
"""Functions whose requests may wait for a job."""


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
    limits_of_batches = {"BatchesFunction": {*VARIABLES.values()}, "PrepareBatchFunction": {VARIABLES["items"]}}
    for function in FUNCTIONS:
        declared = {
            **TEMPLATE["Globals"]["Function"]["Environment"]["Variables"],
            **RESOURCES[function]["Properties"].get("Environment", {}).get("Variables", {}),
        }
        # A function has exactly the variables that it reads.
        read = set(core_variables) | ({"INTERLOCK_MAX_WAIT_S"} if function in WAITING else set())
        if function == "AuthorizeFunction":
            read |= set(access_variables)
        if "start_sandbox()" in handler(function):
            read |= {WRITABLE, bootstrap.PLUGIN_SETTINGS}
        if function == "JobsFunction":
            read |= {bootstrap.OIDC_ISSUER}
        if function in {"AnnounceJobsFunction", "JobsFunction"}:
            read |= {bootstrap.DELIVERY_WORKFLOW}
        if function in {"BatchesFunction", "CountJobsFunction", "SettleJobsFunction"}:
            read |= {bootstrap.BATCH_WORKFLOW}
        read |= limits_of_batches.get(function, set())
        if function == "ConsoleFunction":
            read |= {BUCKET_ORIGIN}
        assert {name for name in declared if name.startswith("INTERLOCK_")} == read, function


def test_metrics_have_the_stack_as_a_dimension() -> None:
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert variables[cloudwatch_emf.STACK_VARIABLE] == {"Ref": "AWS::StackName"}


def test_functions_that_use_the_registry_have_the_plugin_layer() -> None:
    pattern = "execute_app|jobs_app|run_job_task|batches_app|prepare_batch_task"
    users = {name for name in FUNCTIONS if re.search(pattern, handler(name))}
    layers = {name for name in FUNCTIONS if {"Ref": "PluginLayer"} in RESOURCES[name]["Properties"].get("Layers", [])}
    assert users == layers >= {"ExecuteFunction", "JobsFunction", "RunJobFunction"}
    assert TEMPLATE["Globals"]["Function"]["Layers"] == [{"Ref": "RuntimeLayer"}]


def test_function_timeouts_exceed_the_limits_of_their_runs() -> None:
    gateway_s = 29
    assert SYNC_LIMIT_S + END_MARGIN_S <= properties("ExecuteFunction")["Timeout"] <= gateway_s
    longest_s = OPENAPI["components"]["schemas"]["ExecuteRequest"]["properties"]["timeout_s"]["anyOf"][0]["maximum"]
    assert longest_s + job_worker.END_MARGIN_S < properties("RunJobFunction")["Timeout"] <= 900


def test_functions_that_run_tools_have_storage_for_uploads() -> None:
    megabyte = 1024 * 1024
    assert properties("RunJobFunction")["EphemeralStorage"]["Size"] * megabyte >= 2 * MAX_UPLOADED_BYTES
    [_, with_snapstart, without] = properties("ExecuteFunction")["EphemeralStorage"]["Size"]["Fn::If"]
    assert without * megabyte >= 2 * MAX_UPLOADED_BYTES
    assert with_snapstart * megabyte >= MAX_UPLOADED_BYTES


def test_uploads_are_stored_at_least_for_their_lifetime() -> None:
    rules = {rule["Id"]: rule for rule in RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]}
    rule = rules["expire-uploads"]
    assert Upload.new("image/png", 1, NOW).key("acme").startswith(rule["Prefix"])
    assert (rule["Status"], rule["Prefix"]) == ("Enabled", "uploads/")
    assert timedelta(days=rule["ExpirationInDays"]) >= UPLOAD_LIFETIME


# --- Data that outlives the stack ---


def test_resources_with_data_outlive_the_stack() -> None:
    for name in ("StateTable", "Bucket"):
        assert (RESOURCES[name]["DeletionPolicy"], RESOURCES[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert all(RESOURCES["Bucket"]["Properties"]["PublicAccessBlockConfiguration"].values())


def test_only_data_and_the_account_role_for_logs_outlive_the_stack(translated: Json) -> None:
    kept = {name for name, one in translated.items() if one.get("DeletionPolicy", "Delete") != "Delete"}
    assert kept == {"StateTable", "Bucket", "BucketPolicy", "ApiAccount", "ApiLogRole"}
