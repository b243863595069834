"""`interlock jobs` for operators: the jobs of all tenants, read from the table. moto emulates AWS."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from ulid import ULID

from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.domain import job as steps
from interlock.domain.job import Job
from interlock.domain.outcome import Outcome
from interlock.domain.times import utc_now
from interlock.http.keys import new_key
from interlock_dev.commands.cli import main
from interlock_dev.commands.exits import Exit
from tests.fakes.jobs import a_job
from tests.service.clients import create_table

TABLE = "jobs-of-a-stack"


@pytest.fixture(autouse=True)
def _stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        create_table(boto3.client("dynamodb"), TABLE)
        template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"TableName": {"Value": TABLE}}}
        boto3.client("cloudformation").create_stack(StackName="interlock", TemplateBody=json.dumps(template))
        yield


def put(tenant: str, *, key: bool = True, ended: bool = True, age_s: float = 0, **fields: Any) -> Job:
    """Store a job of a tenant, and a key unless its callers use tokens."""
    client, now = boto3.client("dynamodb"), utc_now() - timedelta(seconds=age_s)
    jobs = DynamoJobs(client, TABLE)
    lease = now + timedelta(minutes=1)
    job_id = str(ULID.from_datetime(now))
    pending = a_job(tenant=tenant, job_id=job_id, created_at=now, updated_at=now, lease_expires_at=lease, **fields)
    jobs.create(pending)
    if ended:
        before = steps.claimed(pending, worker_id="w", now=now, lease_expires_at=lease)
        jobs.change(pending, before)
        after = steps.ended(before, Outcome.succeeded({}), result=None, progress=None, now=now)
        jobs.settle(before, after)
    if key:
        DynamoKeys(client, TABLE).create(new_key(now, tenant=tenant, scopes=frozenset({"execute"}))[1])
    return pending


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["jobs", *arguments, "--stack", "interlock", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_jobs_of_all_tenants_are_listed_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    oldest = put("acme", age_s=30)
    middle = put("rival", age_s=20)
    newest = put("token-holder", key=False, ended=False)
    found = listed(capsys, "--all-tenants")
    assert [(one["tenant"], one["job_id"]) for one in found] == [
        (job.tenant, job.job_id) for job in (newest, middle, oldest)
    ]
    assert [one["status"] for one in found] == ["pending", "succeeded", "succeeded"]
    assert [one["tenant"] for one in listed(capsys, "--all-tenants", "-n", "2")] == ["token-holder", "rival"]
    assert [one["tenant"] for one in listed(capsys, "--all-tenants", "--status", "done")] == ["rival", "acme"]
    assert main(["jobs", "--all-tenants", "--stack", "interlock"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["token-holder", newest.job_id]


def test_a_tenant_that_has_no_key_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    put("acme")
    put("token-holder", key=False)
    assert [one["tenant"] for one in listed(capsys, "--all-tenants")] == ["acme"]
    assert [one["tenant"] for one in listed(capsys, "--tenant", "token-holder")] == ["token-holder"]


@pytest.mark.parametrize(
    "arguments",
    [("--all-tenants", "--url", "http://h"), ("--all-tenants", "--key", "k"), ("--all-tenants", "--watch"),
     ("--all-tenants", "--tenant", "acme"), ("--tenant", "acme", "--profile", "p")],
)  # fmt: skip
def test_options_of_the_api_are_refused(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert main(["jobs", *arguments]) == Exit.USAGE
    assert "read the table" in capsys.readouterr().err


def test_missing_table_is_reported_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("dynamodb").delete_table(TableName=TABLE)
    assert main(["jobs", "--all-tenants", "--stack", "interlock"]) == Exit.UNREACHABLE
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("interlock: the table cannot be used: ")
