"""Commands that select a deployed stack by its name. moto emulates AWS."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote import deployed
from interlock_dev.commands.remote.target import Service, resolve
from interlock_dev.project.errors import UsageError

URL = "https://abc.execute-api.eu-west-1.amazonaws.com/prod"
STACK = {
    "Resources": {"Q": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"TableName": {"Value": "table"}, "Url": {"Value": URL}},
}


@pytest.fixture(autouse=True)
def _stacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stack of Interlock and another one."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(StackName="interlock", TemplateBody=json.dumps(STACK))
        other = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}
        cloudformation.create_stack(StackName="other", TemplateBody=json.dumps(other))
        yield


def test_stack_selects_its_url() -> None:
    assert resolve(Target(stack="interlock", key="k"), {}) == Service(URL, "k", "stack interlock", "interlock")


def test_stack_of_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match="other has no output Url: it is not a stack of Interlock"):
        resolve(Target(stack="other"), {})


def test_unknown_stack_is_refused_by_aws() -> None:
    with pytest.raises(CommandFailed, match=r"AWS refuses: .*nowhere.* does not exist") as raised:
        resolve(Target(stack="nowhere"), {})
    assert raised.value.status == Exit.REFUSED


def test_alarms_are_those_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    cloudwatch = boto3.client("cloudwatch")
    for name in ("lost-workers", "of-the-account"):
        cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="Interlock", MetricName="lost", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=0, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="one was lost")
    # moto's CloudFormation has no alarms, so only its list of resources is replaced.
    cloudformation = boto3.client("cloudformation")
    clients = {"cloudformation": cloudformation, "cloudwatch": cloudwatch}
    monkeypatch.setattr(deployed, "client", lambda service, region: clients[service])
    with Stubber(cloudformation) as stubber:
        for resources in (["AWS::CloudWatch::Alarm", "AWS::SQS::Queue"], ["AWS::SQS::Queue"]):
            summaries = [
                {
                    "LogicalResourceId": kind, "PhysicalResourceId": "lost-workers", "ResourceType": kind,
                    "LastUpdatedTimestamp": datetime.now(UTC), "ResourceStatus": "CREATE_COMPLETE",
                }
                for kind in resources
            ]  # fmt: skip
            stubber.add_response("list_stack_resources", {"StackResourceSummaries": summaries})
        assert deployed.alarms("interlock") == [{"name": "lost-workers", "state": "ALARM", "reason": "one was lost"}]
        assert deployed.alarms("interlock") == []


def test_missing_credentials_are_reported() -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            patch.setenv(name, os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        with pytest.raises(UsageError, match="no AWS credentials are found: set AWS_PROFILE"):
            resolve(Target(stack="interlock"), {})
