"""Many `tasks/cancel` while other agents call tools: the processes are gone before a task is `cancelled`."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from itertools import cycle
from pathlib import Path

import pytest
from mcp import Client as McpClient

from interlock_dev.stack.client import Client
from tests.exhaustive.counts import COUNT
from tests.stack.mcp_client import Task, Tasks, cancel_task, connected, get_task, start_task
from tests.stack.test_hostile_cancel import running
from tests.volume import ALONE, volume

CANCELS, LOAD = volume(sample=8, full=200), volume(sample=2, full=8)
"""Number of tasks that are cancelled, and of agents that call tools all the while."""

AT_ONCE = 4
POLL_S = 0.05
TOOLS = ("yields", "stubborn", "has_children")

pytestmark = [*(ALONE or (pytest.mark.xdist_group("mcp"),)), pytest.mark.timeout(120 + 10 * CANCELS)]


async def cancel(agent: McpClient, tool: str, pid_file: Path) -> str:
    """Cancel a running task, and return its status. Its processes must be gone when it is not `working` any more."""
    task: Task = await start_task(agent, f"hostile-{tool}", {"pid_file": str(pid_file)})
    with ExitStack() as handles:
        processes = await asyncio.to_thread(running, pid_file, handles)
        await cancel_task(agent.session, task.task_id)
        while not (task := await get_task(agent.session, task.task_id)).ended:
            await asyncio.sleep(POLL_S)
        return task.status if processes.all_gone() else f"{task.status}, but a process runs"


async def call_tools(agent: McpClient) -> None:
    while True:
        assert not (await agent.call_tool("errands-echo", {"text": "load"})).is_error


async def cancel_under_load(client: Client, folder: Path) -> Counter[str]:
    """Cancel tasks while other agents call tools. Return how many ended in each status."""
    found: Counter[str] = Counter()
    tools = iter(zip(range(CANCELS), cycle(TOOLS)))

    async def work(agent: McpClient) -> None:
        for number, tool in tools:
            found[await cancel(agent, tool, folder / str(number))] += 1

    async with AsyncExitStack() as agents:
        loading = [await agents.enter_async_context(connected(client)) for _ in range(LOAD)]
        cancelling = [await agents.enter_async_context(connected(client, Tasks())) for _ in range(AT_ONCE)]
        async with asyncio.TaskGroup() as group:
            load = [group.create_task(call_tools(agent)) for agent in loading]
            await asyncio.gather(*map(work, cancelling))
            for one in load:
                one.cancel()
    return found


def test_cancelled_tasks_have_no_process(
    client: Client, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    assert asyncio.run(cancel_under_load(client, tmp_path)) == {"cancelled": CANCELS}
    record_property(COUNT, ["tasks cancelled once their processes were gone", f"load {LOAD}", CANCELS])
