"""The template's policies equal the AWS calls of the functions: no call without a permission, no permission without a
call. The calls are recorded while a function handles its events and the scenarios of `permission_scenarios.py`, which
cover the remaining calls."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from interlock_dev.aws.iam.calls import Need
from interlock_dev.aws.iam.policies import Statement
from tests.service.account import new_account
from tests.service.event_checks import CHECKS
from tests.service.permission_scenarios import MORE
from tests.service.replay import BUCKET, FUNCTIONS, POLICIES, QUEUES, TABLE, TENANT, replaying


def asked_by(function: str, index: Path) -> set[Need]:
    """Return the permissions that a function's AWS calls need. Replaying fails if its policies do not allow one."""
    found: set[Need] = set()
    for scenario in (*(CHECKS[name] for name in CHECKS if FUNCTIONS[name] == function), *MORE.get(function, ())):
        with new_account(index) as account, replaying() as replay:
            scenario(account, replay)
            found |= replay.needs
    if any(need.action == "s3:GetObject" for need in found):
        # Needed if the object does not exist: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        found.add(Need("s3:ListBucket", BUCKET.arn))
    if function in QUEUE_OF_STREAM:
        found |= asked_by_event_source(function)
    if function == "ExecuteFunction":
        # A presigned request is authorized with the permissions of its signer.
        found.add(Need("s3:PutObject", f"{BUCKET.arn}/uploads/{TENANT}/upload"))
    if function == "BatchesFunction":
        found.add(Need("s3:GetObject", f"{BUCKET.arn}/batches/{TENANT}/batch/results.jsonl"))
    if function in {"ExecuteFunction", "RunJobFunction"}:
        # Needed when a plugin with settings is loaded, for one of the two services (`test_plugin_settings.py`).
        _, _, _, region, owner, _ = TABLE.arn.split(":", 5)
        secret = f"arn:aws:secretsmanager:{region}:{owner}:secret:interlock-dev/plugins-Ab1Cd2"
        found.add(Need("secretsmanager:GetSecretValue", secret))
        found.add(Need("ssm:GetParameter", f"arn:aws:ssm:{region}:{owner}:parameter/interlock-dev/plugins"))
    return found


QUEUE_OF_STREAM = {"CountJobsFunction": "UncountedQueue", "AnnounceJobsFunction": "UnannouncedQueue"}
"""The functions that read the stream, and the queues for records that they could not process."""


def asked_by_event_source(function: str) -> set[Need]:
    """Return the permissions that Lambda needs in the role of a function that reads a stream.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
    """
    stream = f"{TABLE.arn}/stream/local"
    actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    return {
        *(Need(f"dynamodb:{action}", stream) for action in actions),
        Need("sqs:SendMessage", QUEUES[QUEUE_OF_STREAM[function]].arn),
    }


def unused(statement: Statement, asked: set[Need]) -> Iterator[str]:
    """Yield the combinations of a statement that no call needs."""
    for action in statement.actions:
        for resource in statement.resources:
            for key in statement.leading_keys or ("*",):
                if not any(
                    fnmatchcase(need.action, action)
                    and fnmatchcase(need.resource, resource)
                    and (not need.leading_keys or any(fnmatchcase(one, key) for one in need.leading_keys))
                    for need in asked
                ):
                    yield f"{action} on {resource}, partition {key}"


@pytest.mark.parametrize("function", sorted(POLICIES))
def test_function_has_no_unused_permission(function: str, plugin_index: Path) -> None:
    asked = asked_by(function, plugin_index)
    assert bool(asked) is (function != "ConsoleFunction")
    assert [one for statement in POLICIES[function] for one in unused(statement, asked)] == []
