"""Create the template's tables, buckets, queues and state machines, and the developer's API key."""

import json
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.domain.access import ApiKey, Scope, hash_key
from interlock.domain.key_format import HINT_LENGTH
from interlock.domain.times import utc_now
from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.template import ACCOUNT, REGION, AwsType, Resource, Template

TENANT = "dev"

_OF_A_TABLE = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
    "StreamSpecification",
)
"""Properties of a CloudFormation table that are parameters of CreateTable, too."""


def create_resources(template: Template, endpoint_url: str, owner: AccessKey) -> None:
    """Create all resources at the local endpoint."""
    dynamodb = _client("dynamodb", endpoint_url, owner)
    for table in template.of_type(AwsType.TABLE):
        _create_table(dynamodb, table)
    for bucket in template.of_type(AwsType.BUCKET):
        _client("s3", endpoint_url, owner).create_bucket(Bucket=bucket.name)
    for queue in template.of_type(AwsType.QUEUE):
        _client("sqs", endpoint_url, owner).create_queue(QueueName=queue.name)
    for machine in template.of_type(AwsType.STATE_MACHINE):
        _client("stepfunctions", endpoint_url, owner).create_state_machine(
            name=machine.name,
            definition=json.dumps(template.definition(machine)),
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/{machine.name}",
            type=machine.properties.get("Type", "STANDARD"),
        )


def _create_table(dynamodb: Any, table: Resource) -> None:
    properties = {name: table.properties[name] for name in _OF_A_TABLE if name in table.properties}
    if stream := properties.get("StreamSpecification"):
        properties["StreamSpecification"] = {"StreamEnabled": True, **stream}
    dynamodb.create_table(TableName=table.name, **properties)
    if expiry := table.properties.get("TimeToLiveSpecification"):
        dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=expiry)


def send_message(endpoint_url: str, owner: AccessKey, queue_arn: str, body: str) -> None:
    """Send a message to a queue."""
    sqs = _client("sqs", endpoint_url, owner)
    url = sqs.get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=body)


def put_api_key(endpoint_url: str, owner: AccessKey, table: str, key: str) -> None:
    """Store an API key with all scopes for the tenant `dev`."""
    scopes = frozenset(scope.value for scope in Scope)
    developers = ApiKey(
        hash_key(key), "dev", TENANT, scopes, created_at=utc_now(), name="interlock dev", hint=key[-HINT_LENGTH:]
    )
    DynamoKeys(_client("dynamodb", endpoint_url, owner), table).create(developers)


@cache
def _session(owner: AccessKey) -> boto3.session.Session:
    return boto3.session.Session(owner.id, owner.secret, region_name=REGION)


@cache
def _client(service: str, endpoint_url: str, owner: AccessKey) -> Any:
    # Retries do not help on loopback.
    return _session(owner).client(  # type: ignore[call-overload]  # its overloads are by literal
        service, endpoint_url=endpoint_url, config=Config(retries={"total_max_attempts": 1})
    )
