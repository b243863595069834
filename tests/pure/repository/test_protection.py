"""Properties of template.yaml that operators rely on: encryption, log retention and alarms."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse

from interlock.adapters import cloudwatch_emf

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE: Json = yaml_parse((ROOT / "template.yaml").read_text())
RESOURCES: Json = TEMPLATE["Resources"]


def of_type(wanted: str) -> dict[str, Json]:
    return {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == wanted}


FUNCTIONS = of_type("AWS::Serverless::Function")
ALARMS = of_type("AWS::CloudWatch::Alarm")
LOG_GROUPS = of_type("AWS::Logs::LogGroup")


# --- Logs ------------------------------------------------------------------------------------------------------------


def test_every_function_has_its_own_log_group() -> None:
    named = {name: one["LoggingConfig"]["LogGroup"]["Ref"] for name, one in FUNCTIONS.items()}
    assert named == {name: name.removesuffix("Function") + "LogGroup" for name in FUNCTIONS}
    assert TEMPLATE["Globals"]["Function"]["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": {"Ref": "LogLevel"},
    }


def test_log_levels_are_those_of_the_runtime() -> None:
    levels = TEMPLATE["Parameters"]["LogLevel"]["AllowedValues"]
    assert set(levels) <= set(logging.getLevelNamesMapping())
    # Lambda's names: https://docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html
    assert set(levels) <= {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}


@pytest.mark.parametrize("group", LOG_GROUPS)
def test_log_retention_is_set_by_the_parameter(group: str) -> None:
    assert LOG_GROUPS[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    # Two stacks of one account have separate log groups.
    assert "${AWS::StackName}" in LOG_GROUPS[group]["LogGroupName"]["Fn::Sub"]


def test_workflow_log_group_has_the_prefix_that_needs_no_resource_policy() -> None:
    assert LOG_GROUPS["WorkflowLogGroup"]["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/")


# --- Data ------------------------------------------------------------------------------------------------------------


def test_table_is_encrypted_backed_up_and_protected() -> None:
    table = RESOURCES["StateTable"]["Properties"]
    condition, with_key, without = table["SSESpecification"]["Fn::If"]
    assert condition == "HasKmsKey"
    assert with_key == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}
    assert without == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert TEMPLATE["Parameters"]["DeletionProtection"]["Default"] == "true"


def test_bucket_is_encrypted_and_refuses_plain_http() -> None:
    bucket = RESOURCES["Bucket"]["Properties"]
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    algorithms = [one["ServerSideEncryptionByDefault"]["SSEAlgorithm"] for one in rule["Fn::If"][1:]]
    assert algorithms == ["aws:kms", "AES256"]
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    policy = RESOURCES["BucketPolicy"]["Properties"]
    assert policy["Bucket"] == {"Ref": "Bucket"}
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [{"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"}]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    # The bucket outlives the stack, and so must its policy.
    assert RESOURCES["BucketPolicy"]["DeletionPolicy"] == RESOURCES["Bucket"]["DeletionPolicy"] == "Retain"


def test_kms_key_may_be_used_by_every_function_with_permissions_for_stored_data_only() -> None:
    policy = RESOURCES["KmsKeyPolicy"]
    assert policy["Condition"] == "HasKmsKey"
    # The workflow of batches reads the list of jobs from the bucket.
    assert sorted(role["Ref"] for role in policy["Properties"]["Roles"]) == sorted(
        ["BatchWorkflowRole", *(f"{name}Role" for name, function in FUNCTIONS.items() if "Policies" in function)]
    )
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    via = statement["Condition"]["StringEquals"]["kms:ViaService"]
    assert [one["Fn::Sub"].partition(".")[0] for one in via] == ["dynamodb", "s3"]


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "KmsKeyArn",
            ["", "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
            ["alias/mine", "arn:aws:kms:eu-west-1:123456789012:alias/mine", "1234abcd-12ab-34cd-56ef-1234567890ab"],
        ),
        ("AlarmTopicArn", ["", "arn:aws-cn:sns:cn-north-1:123456789012:alarms"], ["alarms", "arn:aws:sqs:x:1:alarms"]),
    ],
)
def test_parameter_must_be_an_arn_or_empty(parameter: str, good: list[str], bad: list[str]) -> None:
    declared = TEMPLATE["Parameters"][parameter]
    pattern = re.compile(declared["AllowedPattern"])
    assert declared["Default"] == ""
    assert [text for text in good if not pattern.fullmatch(text)] == []
    assert [text for text in bad if pattern.fullmatch(text)] == []


# --- Alarms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alarm", ALARMS)
def test_alarm_notifies_the_topic_with_a_description(alarm: str) -> None:
    found = ALARMS[alarm]
    assert found["AlarmActions"] == {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    assert found["AlarmDescription"]
    # Missing data means that there is no traffic, which is no failure.
    assert found["TreatMissingData"] == "notBreaching"
    for dimension in found.get("Dimensions", []):
        if "Ref" in dimension["Value"]:
            assert dimension["Value"]["Ref"] in {*RESOURCES, "AWS::StackName"}


def test_every_failure_for_operators_has_an_alarm() -> None:
    watched = {
        (one["MetricName"], value if isinstance(value, str) else value.get("Ref") or value["Fn::GetAtt"][0])
        for one in ALARMS.values()
        if "MetricName" in one
        for value in [one.get("Dimensions", [{"Value": "*"}])[0]["Value"]]
    }
    assert watched == {
        ("5XXError", "AWS::StackName"),
        ("Errors", "ExecuteFunction"),
        ("Errors", "RunJobFunction"),
        ("Errors", "SettleJobsFunction"),
        ("IteratorAge", "CountJobsFunction"),
        ("ApproximateNumberOfMessagesVisible", "UncountedQueue"),
        (cloudwatch_emf.UNREADABLE, "AWS::StackName"),
        ("IteratorAge", "AnnounceJobsFunction"),
        ("ApproximateNumberOfMessagesVisible", "UnannouncedQueue"),
        (cloudwatch_emf.GIVEN_UP, "AWS::StackName"),
        ("ExecutionsFailed", "DeliveryWorkflow"),
        ("ExecutionsFailed", "Workflow"),
        ("ExecutionsFailed", "BatchWorkflow"),
        (cloudwatch_emf.FAILED_BATCH, "AWS::StackName"),
        ("ExecutionsTimedOut", "Workflow"),
        ("Throttles", "*"),
    }


def test_alarm_watches_the_name_and_stage_of_the_api() -> None:
    api = RESOURCES["Api"]["Properties"]
    dimensions = {one["Name"]: one["Value"] for one in ALARMS["ServerErrorsAlarm"]["Dimensions"]}
    assert dimensions == {"ApiName": api["Name"], "Stage": api["StageName"]}
