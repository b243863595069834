"""Agents of other tenants and without scopes: `/mcp` shows only the tasks and tools that the key may use."""

import asyncio
from pathlib import Path

import boto3
import pytest
from mcp import MCPError

from interlock.adapters.dynamo.values import job_key
from interlock_dev.project.paths import Project
from interlock_dev.stack.client import Client
from tests.stack.access.conftest import ClientOf
from tests.stack.mcp_client import Tasks, cancel_task, connected, error_of, get_task, start_task, until_ended
from tests.stack.test_cancel import gone, running_pids

pytestmark = pytest.mark.xdist_group("access")
UNKNOWN = -32602


def expire(project: Path, tenant: str, job_id: str) -> None:
    """Let the retention of a job end. Its stack must not be one whose counters are compared with its jobs."""
    running = Project(project).running()
    assert running is not None
    key = running.access_key
    session = boto3.session.Session(key.id, key.secret, region_name="us-east-1")
    jobs = session.resource("dynamodb", endpoint_url=running.aws_endpoint_url).Table(running.table)
    jobs.update_item(
        Key=job_key(tenant, job_id),
        UpdateExpression="SET expires_at = :past",
        ConditionExpression="expires_at > :past",
        ExpressionAttributeValues={":past": "2026-01-01T00:00:00.000Z"},
    )


async def refusals(client: Client, task_id: str) -> list[MCPError]:
    """Return the errors of reading and cancelling a task."""
    async with connected(client, Tasks()) as agent:
        return [await error_of(request(agent.session, task_id)) for request in (get_task, cancel_task)]


def test_task_of_another_tenant_is_unknown_and_runs_on(client_of: ClientOf, tmp_path: Path) -> None:
    own, other = client_of("acme"), client_of("rival")
    pid_file = tmp_path / "foreign"

    async def use() -> tuple[list[MCPError], list[MCPError]]:
        async with connected(own, Tasks()) as agent:
            task = await start_task(agent, "guests-yields", {"pid_file": str(pid_file)})
            [pid] = await asyncio.to_thread(running_pids, pid_file)
            foreign = await refusals(other, task.task_id)
            assert not gone(pid)
            await cancel_task(agent.session, task.task_id)
            assert (await until_ended(agent, task.task_id)).status == "cancelled"
            return foreign, await refusals(own, f"{task.task_id[:-1]}{'0' if task.task_id[-1] != '0' else '1'}")

    foreign, unknown = asyncio.run(use())
    assert {error.code for error in (*foreign, *unknown)} == {UNKNOWN}


def test_expired_task_is_unknown(token_project: Path, token_stack: Client) -> None:
    async def use() -> str:
        async with connected(token_stack, Tasks()) as agent:
            task = await start_task(agent, "errands-fail", {})
            await until_ended(agent, task.task_id)
            return task.task_id

    task_id = asyncio.run(use())
    expire(token_project, "dev", task_id)
    assert [error.code for error in asyncio.run(refusals(token_stack, task_id))] == [UNKNOWN, UNKNOWN]


def test_wrong_key_cannot_connect(client: Client) -> None:
    async def use() -> None:
        async with connected(Client(client.url, "wrong")):
            pass

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(use())
    assert raised.group_contains(MCPError)


def test_key_without_the_scope_lists_no_tools(client_of: ClientOf) -> None:
    async def use() -> MCPError:
        async with connected(client_of("acme", "jobs:read")) as agent:
            return await error_of(agent.list_tools())

    assert asyncio.run(use()).code == -32603  # the SDK's code for an HTTP error
