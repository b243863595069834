"""Tools that request input: the official MCP SDK answers their forms, in a call and for a task."""

import asyncio
from typing import Any

import pytest
from mcp import Client as McpClient
from mcp.client.context import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult

from interlock_dev.stack.client import Client
from tests.stack.mcp_client import (
    FoundTask,
    Task,
    Tasks,
    cancel_task,
    connected,
    error_of,
    get_task,
    respond,
    start_task,
)
from tests.stack.mcp_client import until_ended as until_task_ended

pytestmark = pytest.mark.xdist_group("mcp")

HELLO = {"text": "Hello"}


class Person:
    """Fills in forms: with a name and a city, or declines. `messages` are those of the forms."""

    def __init__(self, *, declines: bool = False) -> None:
        self.messages: list[str] = []
        self._declines = declines

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.messages.append(params.message)
        return ElicitResult(action="decline") if self._declines else accepted(name="Ada", city="London")


def accepted(**content: str) -> ElicitResult:
    return ElicitResult(action="accept", content=dict(content))


def greeted(client: Client, person: Person | None) -> Any:
    """Return the structured content of a call whose tool asks a person."""

    async def run() -> Any:
        async with connected(client, elicit=person) as agent:
            result = await agent.call_tool("errands-greet", HELLO)
            return result.structured_content

    return asyncio.run(run())


def test_person_is_asked_twice_in_one_call(client: Client) -> None:
    person = Person()
    assert greeted(client, person) == {"text": "Hello, Ada of London"}
    assert person.messages == ["Who are you?", "Where are you from, Ada?"]
    found = client.call("GET", "/v1/jobs?plugin=errands&tool=greet&limit=3").body["jobs"]
    assert [job["status"] for job in found] == ["succeeded", "failed", "failed"]
    assert {job["error"]["code"] for job in found[1:]} == {"input_required"}


def test_person_may_decline(client: Client) -> None:
    assert greeted(client, Person(declines=True)) == {"text": "Hello, stranger"}


def test_client_without_forms_gets_an_error(client: Client) -> None:
    async def run() -> Any:
        async with connected(client) as agent:
            return await error_of(agent.call_tool("errands-greet", HELLO))

    error = asyncio.run(run())
    assert (error.code, error.data) == (-32021, {"requiredCapabilities": {"elicitation": {}}})
    answer = client.execute("errands", "greet", HELLO)
    assert (answer.status, answer.code) == (400, "input_required")


async def until_asked(agent: McpClient, task_id: str) -> FoundTask:
    """Read a task until it waits for input, and return it."""
    async with asyncio.timeout(60):
        while (task := await get_task(agent.session, task_id)).status == "working":
            await asyncio.sleep(0.05)
    return task


async def asked_task(agent: McpClient) -> FoundTask:
    """Start a task, and return it when it waits for input."""
    created = await start_task(agent, "errands-greet_slowly", HELLO)
    return await until_asked(agent, created.task_id)


def test_task_waits_for_input_without_a_process_and_goes_on_with_it(client: Client) -> None:
    async def run() -> Task:
        async with connected(client, Tasks(), elicit=Person()) as agent:
            task = await asked_task(agent)
            assert task.status == "input_required"
            assert task.input_requests is not None
            assert task.input_requests["person"].params.message == "Who are you?"
            job = client.job(task.task_id)
            assert (job["status"], job["attempt"], list(job["input_requests"])) == ("running", 1, ["person"])
            await respond(agent.session, task.task_id, person=accepted(name="Ada"), unknown=accepted(name="x"))
            task = await until_asked(agent, task.task_id)
            assert list(task.input_requests or ()) == ["home"]
            await respond(agent.session, task.task_id, home=accepted(city="London"))
            return await until_task_ended(agent, task.task_id)

    task = asyncio.run(run())
    assert task.result is not None
    assert (task.status, task.result.structured_content) == ("completed", {"text": "Hello, Ada of London"})
    job = client.job(task.task_id)
    assert (job["status"], job["attempt"], job["input_requests"]) == ("succeeded", 3, None)


def test_waiting_task_is_cancelled_at_once_and_for_good(client: Client) -> None:
    async def run() -> Task:
        async with connected(client, Tasks(), elicit=Person()) as agent:
            task = await asked_task(agent)
            await cancel_task(agent.session, task.task_id)
            await respond(agent.session, task.task_id, person=accepted(name="Ada"))
            return await get_task(agent.session, task.task_id)

    task = asyncio.run(run())
    assert (task.status, "stopped" in (task.status_message or "")) == ("cancelled", True)
    assert client.job(task.task_id)["attempt"] == 1
