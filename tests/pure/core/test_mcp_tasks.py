"""Tasks: asynchronous jobs for clients that declare the extension."""

from collections.abc import Callable
from typing import Any

import pytest

from interlock.domain import job as jobs
from interlock.domain.job import Progress
from interlock.domain.job_status import JobStatus
from tests.fakes.jobs import a_job
from tests.fakes.mcp import TASKS, McpAnswer, McpClient
from tests.fakes.outside import NOON
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import answered
from tests.fakes.world import World

WEEK_MS = 7 * 24 * 3600 * 1000
MISSING = {"requiredCapabilities": TASKS}


@pytest.fixture
def client(world: World) -> McpClient:
    return McpClient(world, capabilities=TASKS)


def shout(client: McpClient) -> McpAnswer:
    """Call a tool whose limit is over 25 s."""
    return client.call("tools/call", {"name": "echo-shout", "arguments": {"text": "hello"}})


def get(client: McpClient, task_id: str) -> McpAnswer:
    return client.call("tasks/get", {"taskId": task_id})


# --- Calls that become tasks ---


def test_long_tool_becomes_a_task_whose_job_is_stored(world: World, client: McpClient) -> None:
    task = shout(client).result
    assert (task["resultType"], task["status"]) == ("task", "working")
    assert (task["ttlMs"], task["pollIntervalMs"]) == (WEEK_MS, 1000)
    assert task["createdAt"] == task["lastUpdatedAt"] == "2026-11-22T12:00:00.000Z"
    assert {"task", "result", "error", "requestState"} & set(task) == set()
    assert get(client, task["taskId"]).result["taskId"] == task["taskId"]
    job = world.request("GET", f"/v1/jobs/{task['taskId']}").body
    assert (job["status"], job["timeout_s"], job["source"]) == ("pending", 100, "mcp")
    assert list(world.workflow.running) == [task["taskId"]]


def test_short_tool_runs_at_once(client: McpClient) -> None:
    answer = client.call("tools/call", {"name": "echo-say", "arguments": {"text": "hello"}})
    assert answer.result["resultType"] == "complete"


def test_client_without_the_extension_gets_no_task(world: World) -> None:
    assert shout(McpClient(world)).result["structuredContent"] == {"text": "hello"}
    assert shout(McpClient(world, "2025-11-25")).result["structuredContent"] == {"text": "hello"}


@pytest.mark.parametrize("task", ["always", "required"])
def test_short_tool_that_declares_tasks_becomes_one(world_of: Callable[..., World], task: str) -> None:
    world = world_of(a_plugin("echo", a_tool("shout", task=task)))
    assert shout(McpClient(world, capabilities=TASKS)).result["resultType"] == "task"


def test_tool_that_requires_tasks_refuses_other_clients(world_of: Callable[..., World]) -> None:
    world = world_of(a_plugin("echo", a_tool("shout", task="required")))
    answer = shout(McpClient(world))
    assert (answer.status, answer.error["code"], answer.error["data"]) == (400, -32021, MISSING)
    assert world.sandbox.runs == []


def test_invalid_input_creates_no_task(world: World, client: McpClient) -> None:
    answer = client.call("tools/call", {"name": "echo-shout", "arguments": {}})
    assert (answer.result["resultType"], answer.result["isError"]) == ("complete", True)
    assert world.workflow.running == {}


def test_task_that_cannot_be_stored_is_not_promised(world: World, client: McpClient) -> None:
    world.workflow.down = True
    answer = shout(client)
    assert (answer.status, answer.error["code"]) == (503, "unavailable")


# --- tasks/get ---


def test_finished_task_has_the_result_of_the_call(world: World, client: McpClient) -> None:
    task_id = shout(client).result["taskId"]
    world.run_submitted(task_id)
    task = get(client, task_id).result
    assert (task["resultType"], task["status"]) == ("complete", "completed")
    assert task["result"]["structuredContent"] == {"text": "hello"}
    assert task["result"]["isError"] is False
    assert "error" not in task


def test_failed_tool_is_a_completed_task(world: World, client: McpClient) -> None:
    task_id = shout(client).result["taskId"]
    world.sandbox.script = lambda _: answered("exception", {"exception": "LookupError", "message": "there is none"})
    world.run_submitted(task_id)
    task = get(client, task_id).result
    assert (task["status"], task["statusMessage"], task["result"]["isError"]) == ("completed", "there is none", True)
    assert task["result"]["structuredContent"]["error"]["code"] == "plugin_exception"


def test_lost_worker_is_a_failed_task(world: World, client: McpClient) -> None:
    job = jobs.lost(a_job(JobStatus.RUNNING), now=NOON)
    world.jobs.create(job)
    task = get(client, job.job_id).result
    assert (task["status"], task["error"]["code"], task["error"]["data"]["code"]) == ("failed", -32603, "worker_lost")
    assert "result" not in task


def test_running_task_shows_its_progress(world: World, client: McpClient) -> None:
    job = a_job(JobStatus.RUNNING, progress=Progress(0.4, "page 2 of 5", NOON))
    world.jobs.create(job)
    task = get(client, job.job_id).result
    assert (task["status"], task["statusMessage"]) == ("working", "40% page 2 of 5")


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_unknown_foreign_and_expired_tasks_are_alike(world: World, client: McpClient, method: str) -> None:
    stranger = McpClient(world, capabilities=TASKS)
    stranger.caller["tenant"] = "rival"
    foreign = shout(stranger).result["taskId"]
    expired = shout(client).result["taskId"]
    world.run_submitted(expired)
    world.clock.advance(8 * 24 * 3600)
    unknown = "01KY4QJ3HS0123456789ABCDEF"
    shown = set()
    for task_id in (unknown, foreign, expired):
        answer = client.call(method, {"taskId": task_id})
        assert (answer.status, answer.error["code"]) == (400, -32602)
        shown.add(str(answer.error).replace(task_id, "ID").partition("timestamp")[0])
    assert len(shown) == 1


@pytest.mark.parametrize("task_id", ["", "nope", "x" * 3000, "../01KY4QJ3HS0123456789ABCDEF"])
def test_malformed_task_id_is_unknown(client: McpClient, task_id: str) -> None:
    answer = get(client, task_id)
    assert (answer.status, answer.error["code"]) == (400, -32602)


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_tasks_need_the_extension(world: World, method: str) -> None:
    answer = McpClient(world).call(method, {"taskId": "01KY4QJ3HS0123456789ABCDEF"})
    assert (answer.status, answer.error["code"], answer.error["data"]) == (400, -32021, MISSING)


# --- tasks/cancel ---


def cancel(client: McpClient, task_id: str) -> dict[str, Any]:
    return client.call("tasks/cancel", {"taskId": task_id}).result


def test_pending_task_is_prevented(world: World, client: McpClient) -> None:
    task_id = shout(client).result["taskId"]
    assert set(cancel(client, task_id)) == {"resultType", "_meta"}
    task = get(client, task_id).result
    assert (task["status"], "prevented" in task["statusMessage"]) == ("cancelled", True)
    world.run_submitted(task_id)
    assert world.sandbox.runs == []


def test_running_task_is_working_until_its_process_is_gone(world: World, client: McpClient) -> None:
    job = a_job(JobStatus.RUNNING)
    world.jobs.create(job)
    cancel(client, job.job_id)
    task = get(client, job.job_id).result
    assert (task["status"], task["statusMessage"]) == ("working", "Cancelling: the tool is being stopped.")


def test_cancel_of_an_ended_task_is_acknowledged_and_changes_nothing(world: World, client: McpClient) -> None:
    task_id = shout(client).result["taskId"]
    world.run_submitted(task_id)
    assert cancel(client, task_id)["resultType"] == "complete"
    assert get(client, task_id).result["status"] == "completed"


def test_update_is_acknowledged_and_ignored(client: McpClient) -> None:
    task_id = shout(client).result["taskId"]
    answer = client.call("tasks/update", {"taskId": task_id, "inputResponses": {"unknown": {"action": "accept"}}})
    assert set(answer.result) == {"resultType", "_meta"}
    assert get(client, task_id).result["status"] == "working"
