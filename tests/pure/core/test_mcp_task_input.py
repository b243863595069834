"""Tasks whose tool requests input: the job is parked, and the last response starts its next attempt."""

from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.parking import RESPONSE_WINDOW
from tests.fakes.asking import CAPABLE, accepted, asks, asks_in_turn, form, requests_input
from tests.fakes.mcp import TASKS, McpAnswer, McpClient
from tests.fakes.outside import NOON
from tests.fakes.world import World

WINDOW_S = RESPONSE_WINDOW.total_seconds()


@pytest.fixture
def client(world: World) -> McpClient:
    world.sandbox.script = asks("user", "city")
    return McpClient(world, capabilities=CAPABLE)


@pytest.fixture
def task_id(client: McpClient) -> str:
    return parked_task(client)


def parked_task(client: McpClient) -> str:
    """Call a tool whose call is a task, and run it until it waits for its client."""
    result = client.call("tools/call", {"name": "echo-shout", "arguments": {"text": "hello"}}).result
    task_id = str(result["taskId"])
    client.world.run_submitted(task_id)
    client.world.workflow.finish(task_id)
    return task_id


def get(client: McpClient, task_id: str) -> dict[str, Any]:
    return client.call("tasks/get", {"taskId": task_id}).result


def respond(client: McpClient, task_id: str, **responses: Any) -> McpAnswer:
    return client.call("tasks/update", {"taskId": task_id, "inputResponses": responses})


def job_of(world: World, task_id: str) -> Job:
    job = world.jobs.get("acme", task_id)
    assert job is not None
    return job


def test_parked_task_shows_all_requests(world: World, client: McpClient, task_id: str) -> None:
    task = get(client, task_id)
    assert (task["resultType"], task["status"]) == ("complete", "input_required")
    assert task["inputRequests"] == {"user": form("Which user?"), "city": form("Which city?")}
    assert task["statusMessage"] == "The tool waits for input from the client: user, city."
    assert {"requestState", "result", "error"} & set(task) == set()


def test_parked_job_has_no_worker_and_no_execution(world: World, client: McpClient, task_id: str) -> None:
    job = job_of(world, task_id)
    assert (job.status, job.attempt, job.worker_id) == ("running", 1, None)
    assert world.workflow.running == {}
    document = world.request("GET", f"/v1/jobs/{task_id}").body
    assert (document["status"], list(document["input_requests"])) == ("running", ["user", "city"])
    assert world.request("GET", "/v1/plugins/echo/health").body["state"] == "LOADED"
    assert world.jobs.metrics("echo")["shout"].in_flight == 0
    assert world.sink.executions == []


def test_last_response_starts_the_next_attempt(world: World, client: McpClient, task_id: str) -> None:
    assert set(respond(client, task_id, user=accepted("Ada"), city=accepted("Rome")).result) == {"resultType", "_meta"}
    task = get(client, task_id)
    assert (task["status"], task["statusMessage"]) == ("working", "The input from the client has arrived.")
    assert list(world.workflow.running) == [f"{task_id}-1"]
    world.run_submitted(task_id)
    task = get(client, task_id)
    assert (task["status"], task["result"]["structuredContent"]) == ("completed", {"text": "Ada Rome"})
    job = job_of(world, task_id)
    assert (job.status, job.attempt, job.client_input, len(world.sandbox.runs)) == ("succeeded", 2, None, 2)
    assert world.jobs.metrics("echo")["shout"].succeeded == 1


def test_partial_response_keeps_the_rest_outstanding(world: World, client: McpClient, task_id: str) -> None:
    respond(client, task_id, user=accepted("Ada"), unknown=accepted("nobody"))
    task = get(client, task_id)
    assert (task["status"], list(task["inputRequests"])) == ("input_required", ["city"])
    world.run_submitted(task_id)
    assert len(world.sandbox.runs) == 1
    respond(client, task_id, user=accepted("Eve"), city=accepted("Rome"))
    world.run_submitted(task_id)
    assert get(client, task_id)["result"]["structuredContent"] == {"text": "Ada Rome"}


def test_tool_may_request_more_in_its_next_attempt(world: World, client: McpClient) -> None:
    world.sandbox.script = asks_in_turn("user", "city")
    task_id = parked_task(client)
    respond(client, task_id, user=accepted("Ada"))
    world.run_submitted(task_id)
    assert list(get(client, task_id)["inputRequests"]) == ["city"]
    respond(client, task_id, city=accepted("Rome"))
    assert list(world.workflow.running) == [f"{task_id}-1", f"{task_id}-2"]
    world.run_submitted(task_id)
    assert get(client, task_id)["result"]["structuredContent"] == {"text": "Ada Rome"}
    events = world.request("GET", f"/v1/jobs/{task_id}/events").body["events"]
    assert [one.get("status") or one["message"] for one in events] == [
        "pending",
        "running",
        "waits for input from the client: user",
        "input from the client arrived: user",
        "waits for input from the client: city",
        "input from the client arrived: city",
        "succeeded",
    ]


def test_started_at_is_that_of_the_first_attempt_and_times_add_up(
    world: World, client: McpClient, task_id: str
) -> None:
    first = job_of(world, task_id)
    world.clock.advance(60)
    respond(client, task_id, user=accepted("Ada"), city=accepted("Rome"))
    world.run_submitted(task_id)
    job = job_of(world, task_id)
    assert (job.started_at, job.completed_at) == (NOON, NOON + timedelta(minutes=1))
    assert job.execution_time_ms is not None
    assert first.execution_time_ms is not None
    assert job.execution_time_ms > first.execution_time_ms


def test_client_that_cannot_respond_gets_the_failure(world: World, client: McpClient) -> None:
    task_id = parked_task(McpClient(world, capabilities=TASKS))
    task = get(client, task_id)
    assert (task["status"], task["result"]["isError"]) == ("completed", True)
    assert task["result"]["structuredContent"]["error"]["code"] == "input_required"


def test_request_for_an_already_given_response_fails_the_job(world: World, client: McpClient, task_id: str) -> None:
    respond(client, task_id, user=accepted("Ada"), city=accepted("Rome"))
    world.sandbox.script = lambda _: requests_input("user")
    world.run_submitted(task_id)
    assert get(client, task_id)["result"]["structuredContent"]["error"]["code"] == "input_required"


# --- Cancel, deadline and time ---


def test_parked_task_is_cancelled_at_once_and_for_good(world: World, client: McpClient, task_id: str) -> None:
    client.call("tasks/cancel", {"taskId": task_id})
    task = get(client, task_id)
    assert (task["status"], "stopped" in task["statusMessage"]) == ("cancelled", True)
    before = job_of(world, task_id)
    assert respond(client, task_id, user=accepted("Ada"), city=accepted("Rome")).result["resultType"] == "complete"
    world.run_submitted(task_id)
    world.clock.advance(2 * WINDOW_S)
    world.core.service.settle_lapsed()
    assert job_of(world, task_id) == before
    assert (len(world.sandbox.runs), world.workflow.running) == (1, {})
    states = [event.fields["status"] for event in before.events.events if event.type == "state"]
    assert states == ["pending", "running", "cancelling", "cancelled"]


def test_cancel_after_the_responses_prevents_the_attempt(world: World, client: McpClient, task_id: str) -> None:
    respond(client, task_id, user=accepted("Ada"), city=accepted("Rome"))
    answer = world.request("POST", f"/v1/jobs/{task_id}/cancel")
    assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert world.workflow.stopped == [f"{task_id}-1"]
    world.run_submitted(task_id)
    assert len(world.sandbox.runs) == 1


def test_unanswered_task_fails_after_a_day(world: World, client: McpClient, task_id: str) -> None:
    world.clock.advance(WINDOW_S - 1)
    world.core.service.settle_lapsed()
    assert get(client, task_id)["status"] == "input_required"
    world.clock.advance(2)
    task = get(client, task_id)
    assert task["result"]["structuredContent"]["error"]["code"] == "input_required"
    assert task["statusMessage"] == ("The tool requested input from the client, which did not respond within 24 hours.")
    assert world.jobs.metrics("echo")["shout"].failed == 1


def test_late_response_is_ignored(world: World, client: McpClient, task_id: str) -> None:
    world.clock.advance(WINDOW_S + 1)
    respond(client, task_id, user=accepted("Ada"), city=accepted("Rome"))
    assert (job_of(world, task_id).status, world.workflow.running) == (JobStatus.FAILED, {})


# --- Failures between the writes ---


def test_responses_are_kept_if_the_workflow_is_down(world: World, client: McpClient, task_id: str) -> None:
    world.workflow.down = True
    assert respond(client, task_id, user=accepted("Ada"), city=accepted("Rome")).status == 503
    world.workflow.down = False
    assert world.workflow.running == {}
    respond(client, task_id, user=accepted("Ada"), city=accepted("Rome"))
    assert list(world.workflow.running) == [f"{task_id}-1"]


@pytest.mark.parametrize("by", ["reader", "schedule"])
def test_attempt_that_was_not_started_is_started_after_its_lease(
    world: World, client: McpClient, task_id: str, by: str
) -> None:
    world.workflow.down = True
    respond(client, task_id, user=accepted("Ada"), city=accepted("Rome"))
    world.workflow.down = False
    world.clock.advance(61)
    if by == "reader":
        assert get(client, task_id)["status"] == "working"
    else:
        world.core.service.settle_lapsed()
    assert list(world.workflow.running) == [f"{task_id}-1"]
    world.run_submitted(task_id)
    assert get(client, task_id)["status"] == "completed"


def test_attempt_whose_execution_has_ended_is_lost(world: World, client: McpClient, task_id: str) -> None:
    respond(client, task_id, user=accepted("Ada"), city=accepted("Rome"))
    world.workflow.finish(f"{task_id}-1")
    world.core.service.settle("acme", task_id, worker_gone=True)
    assert get(client, task_id)["status"] == "working"
    world.clock.advance(61)
    task = get(client, task_id)
    assert (task["status"], task["error"]["data"]["code"]) == ("failed", "worker_lost")


def test_catch_of_the_first_execution_leaves_a_parked_job(world: World, client: McpClient, task_id: str) -> None:
    before = job_of(world, task_id)
    assert world.core.service.settle("acme", task_id, worker_gone=True) == before


def test_other_tenants_cannot_respond(world: World, client: McpClient, task_id: str) -> None:
    stranger = McpClient(world, capabilities=CAPABLE, caller=client.caller | {"tenant": "rival"})
    assert respond(stranger, task_id, user=accepted("Eve")).error["code"] == -32602
    assert list(get(client, task_id)["inputRequests"]) == ["user", "city"]


def test_malformed_or_large_responses_are_refused(client: McpClient, task_id: str) -> None:
    assert respond(client, task_id, user=7).error["code"] == -32602
    assert respond(client, task_id, unknown=7).result["resultType"] == "complete"
    assert client.call("tasks/update", {"taskId": task_id}).error["code"] == -32602
    respond(client, task_id, user=accepted("x" * 40_000))
    assert "64 KiB" in respond(client, task_id, city=accepted("x" * 40_000)).error["message"]
    assert list(get(client, task_id)["inputRequests"]) == ["city"]
