"""The official SDK as a client of a stack's `/mcp`, with the Tasks extension, which the SDK leaves to its users."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

import httpx2
from mcp import Client, ClientSession, MCPError
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.session import ElicitationFnT
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CallToolResult,
    CancelTaskRequest,
    CancelTaskRequestParams,
    ElicitRequest,
    ElicitResult,
    EmptyResult,
    GetTaskRequest,
    GetTaskRequestParams,
    Implementation,
    Request,
    RequestParams,
    Result,
)

from interlock_dev.stack import client as stack

TASKS = "io.modelcontextprotocol/tasks"
AGENT = Implementation(name="test-agent", version="4.2")


class Task(Result):
    """The state of a task, with its result or error once it has one."""

    result_type: Literal["complete"]
    task_id: str
    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    status_message: str | None = None
    created_at: str
    last_updated_at: str
    ttl_ms: int | None
    poll_interval_ms: int | None = None
    result: CallToolResult | None = None
    error: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        return self.status not in {"working", "input_required"}


class FoundTask(Task):
    """The state of a task with the requests that it waits for."""

    input_requests: dict[str, ElicitRequest] | None = None


class CreatedTask(Task):
    """The response to a call that became a task."""

    result_type: Literal["task"]  # type: ignore[assignment]


class GetTask(GetTaskRequest):
    """`tasks/get`, with the id repeated in a header."""

    name_param = "taskId"


class CancelTask(CancelTaskRequest):
    """`tasks/cancel`, with the id repeated in a header."""

    name_param = "taskId"


async def get_task(session: ClientSession, task_id: str) -> FoundTask:
    """Return a task. Raise `MCPError`."""
    return await session.send_request(GetTask(params=GetTaskRequestParams(task_id=task_id)), FoundTask)


async def cancel_task(session: ClientSession, task_id: str) -> None:
    """Request the cancellation of a task. Raise `MCPError`."""
    await session.send_request(CancelTask(params=CancelTaskRequestParams(task_id=task_id)), EmptyResult)


class UpdateTaskRequestParams(RequestParams):
    task_id: str
    input_responses: dict[str, ElicitResult]


class UpdateTask(Request[UpdateTaskRequestParams, Literal["tasks/update"]]):
    """`tasks/update`, with the id repeated in a header."""

    name_param = "taskId"

    method: Literal["tasks/update"] = "tasks/update"
    params: UpdateTaskRequestParams


async def respond(session: ClientSession, task_id: str, **responses: ElicitResult) -> None:
    """Send a person's responses to a task. Raise `MCPError`."""
    params = UpdateTaskRequestParams(task_id=task_id, input_responses=responses)
    await session.send_request(UpdateTask(params=params), EmptyResult)


class Tasks(ClientExtension):
    """The Tasks extension: `Client.call_tool` waits for the end of a call that became a task. `messages` are the
    messages of its states on the way."""

    identifier = TASKS

    def __init__(self) -> None:
        self.messages: list[str] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=CreatedTask, resolve=self._result)]

    async def _result(self, created: CreatedTask, context: ClaimContext) -> CallToolResult:
        task: Task = created
        while not task.ended:
            await asyncio.sleep((created.poll_interval_ms or 1000) / 1000)
            task = await get_task(context.session, created.task_id)
            self.messages.append(task.status_message or "")
        if task.result is None:
            raise MCPError(-32603, task.status_message or task.status, task.error)
        return task.result


async def error_of(request: Awaitable[object]) -> MCPError:
    """Return the error of a request. If it left the client's task groups, they would wrap it in an exception group."""
    try:
        answer = await request
    except MCPError as error:
        return error
    raise AssertionError(f"no error but {answer}")


@asynccontextmanager
async def transport(url: str, headers: Mapping[str, str]) -> AsyncIterator[Any]:
    """Open the connection of a client, which sends the headers with each request."""
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        streamable_http_client(url, http_client=http) as streams,
    ):
        yield streams


def to_stack(target: stack.Client) -> AbstractAsyncContextManager[Any]:
    """Open the connection of a client of a stack."""
    return transport(f"{target.url}/mcp", {"X-API-Key": target.api_key})


@asynccontextmanager
async def connected(
    target: stack.Client, *extensions: ClientExtension, elicit: ElicitationFnT | None = None
) -> AsyncIterator[Client]:
    """Connect the SDK's client to a stack with the latest protocol version. `elicit` fills in forms for a person."""
    asked = Client(to_stack(target), client_info=AGENT, extensions=extensions, elicitation_callback=elicit)
    async with asked as client:
        yield client


@asynccontextmanager
async def session(target: stack.Client) -> AsyncIterator[ClientSession]:
    """Open a session of the SDK before a protocol version is negotiated."""
    async with to_stack(target) as (read, write), ClientSession(read, write, client_info=AGENT) as session:
        yield session


async def start_task(client: Client, tool: str, arguments: dict[str, Any]) -> CreatedTask:
    """Call a tool whose call becomes a task, and return the task."""
    created = await client.session.call_tool(tool, arguments, allow_claimed=True)
    assert isinstance(created, CreatedTask), created
    return created


async def until_ended(client: Client, task_id: str) -> Task:
    """Read a task until it has ended, and return it."""
    async with asyncio.timeout(60):
        while not (task := await get_task(client.session, task_id)).ended:
            await asyncio.sleep(0.05)
    return task
