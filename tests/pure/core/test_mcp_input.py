"""Input that a call requires from its client: the client calls again with its responses, and no job waits."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.asking import CAPABLE, accepted, asks, asks_in_turn, form, requests_input
from tests.fakes.mcp import McpAnswer, McpClient
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import answered
from tests.fakes.world import World

SHOWS_FORMS: dict[str, Any] = {"elicitation": {}}


@pytest.fixture
def client(world: World) -> McpClient:
    world.sandbox.script = asks("user")
    return McpClient(world, capabilities=SHOWS_FORMS)


def say(client: McpClient, text: str = "hello", **params: Any) -> McpAnswer:
    return client.call("tools/call", {"name": "echo-say", "arguments": {"text": text}, **params})


def test_missing_input_is_requested_with_a_state(client: McpClient) -> None:
    result = say(client).result
    assert result["resultType"] == "input_required"
    assert result["inputRequests"] == {"user": form("Which user?")}
    assert isinstance(result["requestState"], str)
    assert {"content", "isError", "taskId"} & set(result) == set()


def test_second_call_with_the_response_completes(world: World, client: McpClient) -> None:
    state = say(client).result["requestState"]
    result = say(client, requestState=state, inputResponses={"user": accepted("Ada")}).result
    assert (result["resultType"], result["structuredContent"]) == ("complete", {"text": "Ada"})
    assert [job.status for job in world.jobs.all_jobs] == ["failed", "succeeded"]
    assert world.jobs.all_jobs[0].error is not None
    assert world.jobs.all_jobs[0].error.code == "input_required"
    assert all(job.client_input is None for job in world.jobs.all_jobs)


def test_input_request_is_not_a_failure_of_the_plugin(world: World, client: McpClient) -> None:
    world.sandbox.script = lambda _: answered("succeeded", {"text": "hello"})
    say(client)
    world.sandbox.script = asks("user")
    say(client)
    assert world.request("GET", "/v1/plugins/echo/health").body["state"] == "INITIALIZED"


def test_response_without_a_state_is_used_and_unknown_ones_are_ignored(client: McpClient) -> None:
    given = {"user": accepted("Ada"), "unknown": accepted("nobody")}
    assert say(client, inputResponses=given).result["structuredContent"] == {"text": "Ada"}


def test_responses_of_earlier_rounds_are_in_the_state(world: World, client: McpClient) -> None:
    world.sandbox.script = asks_in_turn("first", "second")
    first = say(client).result
    second = say(client, requestState=first["requestState"], inputResponses={"first": accepted("a")}).result
    assert list(second["inputRequests"]) == ["second"]
    assert second["requestState"] != first["requestState"]
    last = say(client, requestState=second["requestState"], inputResponses={"second": accepted("b")}).result
    assert last["structuredContent"] == {"text": "a b"}


def test_missing_response_is_requested_again(client: McpClient) -> None:
    result = say(client, inputResponses={"wrong": accepted("Ada")}).result
    assert (result["resultType"], list(result["inputRequests"])) == ("input_required", ["user"])


@pytest.mark.parametrize("responses", [{"user": 7}, {"user": {}}, "Ada", {"user": {"action": "shrug"}}])
def test_malformed_response_is_refused(world: World, client: McpClient, responses: Any) -> None:
    answer = say(client, inputResponses=responses)
    assert (answer.status, answer.error["code"]) == (400, -32602)
    assert world.sandbox.runs == []


def test_responses_over_the_limit_are_refused(world: World, client: McpClient) -> None:
    answer = say(client, inputResponses={"user": accepted("x" * 70_000)})
    assert (answer.error["code"], "64 KiB" in answer.error["message"]) == (-32602, True)
    assert world.sandbox.runs == []


# --- The state belongs to one call ---


def of_another_tenant(client: McpClient) -> McpClient:
    return McpClient(client.world, capabilities=SHOWS_FORMS, caller=client.caller | {"tenant": "rival"})


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state + "-TAMPERED",
        lambda state: "A" + state[1:] if state[0] != "A" else "B" + state[1:],
        lambda state: base64.urlsafe_b64encode(bytes(32) + base64.urlsafe_b64decode(state)[32:]).decode(),
        lambda state: base64.urlsafe_b64encode(base64.urlsafe_b64decode(state)[:-1] + b" ").decode(),
        lambda _: "AAAA",
        lambda _: "no base64 \N{SNOWMAN}",
    ],
)
def test_changed_state_is_refused(world: World, client: McpClient, change: Callable[[str], str]) -> None:
    state = say(client).result["requestState"]
    answer = say(client, requestState=change(state), inputResponses={"user": accepted("Ada")})
    assert (answer.status, answer.error["code"]) == (400, -32602)
    assert len(world.sandbox.runs) == 1


def test_state_of_another_tenant_tool_or_input_is_refused(world: World, client: McpClient) -> None:
    state = say(client).result["requestState"]
    refused = [
        say(of_another_tenant(client), requestState=state),
        say(client, "something else", requestState=state),
        client.call("tools/call", {"name": "echo-shout", "arguments": {"text": "hello"}, "requestState": state}),
    ]
    assert [answer.error["code"] for answer in refused] == [-32602] * 3
    assert all("does not belong to this call" in answer.error["message"] for answer in refused)
    assert len(world.sandbox.runs) == 1


def test_state_expires_after_an_hour(world: World, client: McpClient) -> None:
    state = say(client).result["requestState"]
    world.clock.advance(3600)
    assert say(client, requestState=state).result["resultType"] == "input_required"
    world.clock.advance(1)
    assert "has expired" in say(client, requestState=state).error["message"]


# --- Clients that cannot respond ---


@pytest.mark.parametrize("capabilities", [{}, {"sampling": {}}, {"elicitation": {"url": {}}}, {"elicitation": None}])
def test_client_without_the_capability_gets_the_error_of_the_protocol(
    world: World, client: McpClient, capabilities: dict[str, Any]
) -> None:
    answer = say(McpClient(world, capabilities=capabilities))
    assert (answer.status, answer.error["code"]) == (400, -32021)
    assert answer.error["data"] == {"requiredCapabilities": {"elicitation": {}}}


def test_tool_knows_what_its_client_supports(world: World, client: McpClient) -> None:
    declared: list[dict[str, Any]] = [{}, SHOWS_FORMS, {"sampling": {}, "roots": {}, "elicitation": {"form": {}}}]
    for capabilities in declared:
        say(McpClient(world, capabilities=capabilities))
    assert [run.request.get("methods") for run in world.sandbox.runs] == [
        None,
        ["elicitation/create"],
        ["elicitation/create", "sampling/createMessage", "roots/list"],
    ]


def test_client_of_an_earlier_version_gets_a_failure(world: World, client: McpClient) -> None:
    result = say(McpClient(world, "2025-11-25")).result
    assert result["isError"] is True
    assert '"code":"input_required"' in result["content"][0]["text"]


def test_caller_of_the_http_api_gets_a_failure(world: World, client: McpClient) -> None:
    answer = world.execute()
    assert (answer.status, answer.error["type"], answer.error["code"]) == (400, "ExecutionError", "input_required")
    assert answer.error["details"] == {"input_requests": {"user": form("Which user?")}}
    assert "user (elicitation/create)" in answer.error["message"]
    job_id = world.submit()
    world.run_submitted(job_id)
    job = world.request("GET", f"/v1/jobs/{job_id}").body
    assert (job["status"], job["error"]["code"], job["input_requests"]) == ("failed", "input_required", None)


@pytest.mark.parametrize(
    "detail",
    [
        {},
        [],
        {"user": "Which?"},
        {"user": {"method": "tools/call", "params": {}}},
        {"user": {"method": "roots/list"}},
        {"user": form("x" * 20_000)},
    ],
)
def test_forged_or_large_requests_are_invalid_output(world: World, client: McpClient, detail: Any) -> None:
    world.sandbox.script = lambda _: answered("input_required", detail)
    result = say(client).result
    assert result["structuredContent"]["error"]["code"] == "invalid_output"


# --- Declared requests ---


def declaring(world_of: Callable[..., World], task: str = "auto") -> World:
    world = world_of(a_plugin("echo", a_tool("say", task=task, input_requests={"user": form("Who?")})))
    world.sandbox.script = asks("user")
    return world


@pytest.mark.parametrize("task", ["auto", "always"])
def test_declared_input_is_requested_before_anything_starts(world_of: Callable[..., World], task: str) -> None:
    world = declaring(world_of, task)
    client = McpClient(world, capabilities=CAPABLE)
    first = say(client).result
    assert (first["resultType"], first["inputRequests"]) == ("input_required", {"user": form("Who?")})
    assert (world.sandbox.runs, world.jobs.all_jobs) == ([], [])
    second = say(client, requestState=first["requestState"], inputResponses={"user": accepted("Ada")}).result
    if task == "auto":
        assert second["structuredContent"] == {"text": "Ada"}
        return
    assert (second["resultType"], "requestState" in second, "inputRequests" in second) == ("task", False, False)
    world.run_submitted(second["taskId"])
    task_now = client.call("tasks/get", {"taskId": second["taskId"]}).result
    assert task_now["result"]["structuredContent"] == {"text": "Ada"}


def test_invalid_input_is_refused_before_any_request_to_the_client(world_of: Callable[..., World]) -> None:
    client = McpClient(declaring(world_of), capabilities=CAPABLE)
    result = client.call("tools/call", {"name": "echo-say", "arguments": {"text": 7}}).result
    error = result["structuredContent"]["error"]
    assert (error["code"], error["plugin"], error["tool"]) == ("invalid_input", "echo", "say")


def test_declared_input_is_not_run_for_a_client_that_lacks_the_capability(world_of: Callable[..., World]) -> None:
    world = declaring(world_of)
    assert say(McpClient(world)).error["data"] == {"requiredCapabilities": {"elicitation": {}}}
    assert world.sandbox.runs == []
    earlier = say(McpClient(world, "2025-11-25")).result
    assert '"code":"input_required"' in earlier["content"][0]["text"]


def test_run_that_takes_long_is_written_without_its_responses_at_its_end(
    world: World, client: McpClient, immediate_claim: None
) -> None:
    world.sandbox.script = lambda _: requests_input("user")
    say(client, inputResponses={"other": accepted("Ada")})
    [job] = world.jobs.all_jobs
    assert (job.status, job.client_input) == ("failed", None)
