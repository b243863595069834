"""The real template, built and deployed by sam once for all these tests."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.domain.access import ApiKey, Scope, hash_key
from interlock_dev.stack.client import Client
from tests.deploy import gaps
from tests.deploy.ministack import REGION, ROOT, Aws, running

STACK = "interlock-deployed"
TENANT = "acme"
DEPLOY_LIMIT_S = 240
FIRST_START_LIMIT_S = 120


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # The first one waits for the deployment.
        item.add_marker(pytest.mark.timeout(DEPLOY_LIMIT_S + FIRST_START_LIMIT_S + 60))


@dataclass(frozen=True, slots=True)
class Deployed:
    """The stack as CloudFormation describes it."""

    aws: Aws
    outputs: Mapping[str, str]
    resources: Mapping[str, Mapping[str, Any]]

    @property
    def api_url(self) -> str:
        """Return the local URL of the API, with the API's id from the stack's own URL."""
        found = re.fullmatch(rf"https://(\w+)\.execute-api\.{REGION}\.amazonaws\.com/(\w+)", self.outputs["Url"])
        assert found is not None, self.outputs
        return f"{self.aws.url}/_aws/execute-api/{found[1]}/{found[2]}"

    def client(self, *scopes: Scope) -> Client:
        """A client with a new key of these scopes; without scopes, with an unknown key."""
        key = os.urandom(16).hex()
        if scopes:
            keys = DynamoKeys(self.aws.client("dynamodb"), self.outputs["TableName"])
            keys.create(ApiKey(hash_key(key), key[:6], TENANT, frozenset(scope.value for scope in scopes)))
        return Client(self.api_url, key)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with running(tmp_path_factory.mktemp("ministack")) as aws:
        yield aws


@pytest.fixture(scope="session")
def deployed(aws: Aws) -> Deployed:
    """Deploy the stack. If this fails, raise an error with the messages of sam and ministack."""
    aws.client("s3").create_bucket(Bucket="artifacts")
    topic = aws.client("sns").create_topic(Name="alarms")["TopicArn"]
    _sam(
        aws,
        *("deploy", "--stack-name", STACK, "--region", REGION, "--capabilities", "CAPABILITY_IAM"),
        *("--template-file", str(gaps.template())),
        *("--s3-bucket", "artifacts", "--no-resolve-s3", "--no-confirm-changeset", "--no-progressbar"),
        *("--parameter-overrides", f"AlarmTopicArn={topic}"),
    )
    formation = aws.client("cloudformation")
    [stack] = formation.describe_stacks(StackName=STACK)["Stacks"]
    resources = formation.describe_stack_resources(StackName=STACK)["StackResources"]
    found = Deployed(
        aws,
        {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]},
        {one["LogicalResourceId"]: one for one in resources},
    )
    gaps.put_gateway_responses(aws.client("apigateway"), found.resources["Api"]["PhysicalResourceId"])
    _wait_until_it_serves(found)
    return found


def _wait_until_it_serves(deployed: Deployed) -> None:
    """Wait for the first response: a function's first start, which unpacks its layers, takes longer than a client
    waits."""
    until = time.monotonic() + FIRST_START_LIMIT_S
    while True:
        try:
            if requests.get(f"{deployed.api_url}/v1/health", timeout=60).status_code < 500:
                return
        except requests.Timeout:
            pass
        assert time.monotonic() < until, deployed.aws.log.read_text()[-2000:]
        time.sleep(0.5)


def _sam(aws: Aws, *arguments: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("sam")), *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "SAM_CLI_TELEMETRY": "0", **aws.environment},
        capture_output=True,
        text=True,
        timeout=DEPLOY_LIMIT_S,
        check=False,
    )
    if done.returncode:
        said = [line for line in aws.log.read_text().splitlines() if "WARNING" in line or "ERROR" in line]
        raise AssertionError("\n".join([done.stdout[-4000:], done.stderr[-2000:], *said[-20:]]))


@pytest.fixture(scope="session")
def client(deployed: Deployed) -> Client:
    """A client with a key that may do everything."""
    return deployed.client(Scope.ADMIN)


@pytest.fixture
def without_policies(aws: Aws, deployed: Deployed) -> Iterator[Callable[[str], None]]:
    """Remove the policies of a function's role, and restore them at the end."""
    iam = aws.client("iam")
    taken: list[tuple[str, str, Any]] = []

    def take(function: str) -> None:
        role = deployed.resources[f"{function}Role"]["PhysicalResourceId"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            taken.append((role, name, document))
            iam.delete_role_policy(RoleName=role, PolicyName=name)

    yield take
    for role, name, document in taken:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
