"""Deployed stacks, read with the credentials and region that the AWS SDK finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.project.errors import UsageError

CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


@contextmanager
def aws_errors() -> Iterator[None]:
    """Raise `UsageError` with one line for an error of the AWS SDK."""
    try:
        yield
    except NoRegionError:
        raise UsageError("no AWS region is set: set AWS_REGION, or `region` in the profile") from None
    except NoCredentialsError:
        raise UsageError("no AWS credentials are found: set AWS_PROFILE, or log in with the AWS CLI") from None
    except ClientError as error:
        message = _one_line(error)
        raise CommandFailed(f"AWS refuses: {message}", Exit.REFUSED) from error
    except BotoCoreError as error:
        raise CommandFailed(f"AWS cannot be called: {_one_line(error)}", Exit.UNREACHABLE) from error


def client(service: str, region: str | None = None) -> Any:
    """Return a client of an AWS service."""
    return boto3.client(service, region_name=region, config=CONFIG)  # type: ignore[call-overload]


def describe_stack(stack: str, region: str | None = None) -> Mapping[str, Any]:
    """Return CloudFormation's description of a stack. Raise `UsageError`."""
    with aws_errors():
        described: Mapping[str, Any] = client("cloudformation", region).describe_stacks(StackName=stack)["Stacks"][0]
        return described


def output(stack: str, name: str, region: str | None = None) -> str:
    """Return an output of a stack of Interlock. Raise `UsageError`."""
    found = {one["OutputKey"]: one["OutputValue"] for one in describe_stack(stack, region).get("Outputs", [])}
    if name not in found:
        raise UsageError(f"--stack: {stack} has no output {name}: it is not a stack of Interlock")
    value: str = found[name]
    return value


def alarms(stack: str, region: str | None = None) -> list[dict[str, str]]:
    """Return the alarms of a stack: name, state and reason. Raise `UsageError`."""
    with aws_errors():
        pages = client("cloudformation", region).get_paginator("list_stack_resources").paginate(StackName=stack)
        names = [
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::CloudWatch::Alarm" and resource.get("PhysicalResourceId")
        ]
        # A call without names would describe all alarms of the account.
        found = client("cloudwatch", region).describe_alarms(AlarmNames=names)["MetricAlarms"] if names else []
    return [
        {"name": one["AlarmName"], "state": one["StateValue"], "reason": one.get("StateReason", "")} for one in found
    ]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
