"""`python -m tests.stack.mcp_transcript`: record an agent that reads a page into docs/mcp.md, from a real run."""

import asyncio
import base64
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from mcp import Client
from mcp_types import EmptyResult
from pydantic import BaseModel

from interlock_dev.stack.client import local_stack
from tests.stack.mcp_client import CreatedTask, Task, Tasks, cancel_task, connected, get_task, until_ended
from tests.stack.stacks import ROOT, link_project

DOCUMENT = ROOT / "docs" / "mcp.md"
PAGE = ROOT / "tests" / "images" / "page.png"
LONGEST, MOST = 80, 2
"""Characters of a text, and items of a list, that are shown."""

_BLOCK = re.compile(r"(<!-- transcript -->\n\n```text\n)(.*?)(```\n)", re.DOTALL)
_SHOWN = {
    *("isError", "structuredContent", "taskId", "status", "statusMessage", "pollIntervalMs", "ttlMs", "result"),
    *("name", "description", "annotations"),
}


_LEFT_OUT = {"content", "timestamp", "resultType"}


class Recorder:
    """Makes the requests of an agent, and writes them down with their responses, shortened."""

    def __init__(self, agent: Client) -> None:
        self._agent = agent
        self.lines: list[str] = []

    async def call(self, tool: str, **arguments: Any) -> BaseModel:
        result = await self._agent.session.call_tool(tool, arguments, allow_claimed=True)
        self._note(f"tools/call {tool} {_text(arguments)}", result)
        return result

    async def find(self, tool: str) -> None:
        tools = (await self._agent.list_tools()).tools
        self._note("tools/list", *(one for one in tools if one.name == tool))

    async def read(self, task_id: str) -> Task:
        task = await get_task(self._agent.session, task_id)
        self._note(f"tasks/get {task_id}", task)
        return task

    async def started(self, task_id: str) -> None:
        """Wait until a task reports progress."""
        async with asyncio.timeout(60):
            while "%" not in ((await get_task(self._agent.session, task_id)).status_message or ""):
                await asyncio.sleep(0.05)

    async def ended(self, task_id: str) -> None:
        await until_ended(self._agent, task_id)
        await self.read(task_id)

    async def cancel(self, task_id: str) -> None:
        await cancel_task(self._agent.session, task_id)
        self._note(f"tasks/cancel {task_id}", EmptyResult())

    def _note(self, request: str, *answers: BaseModel) -> None:
        self.lines += [f"→ {request}", *(f"← {_text(_chosen(answer))}" for answer in answers), ""]


async def record(agent: Client) -> str:
    """Return the transcript of an agent that reads a page after a mistake, measures it, and cancels a second task."""
    page, recorder = base64.b64encode(PAGE.read_bytes()).decode(), Recorder(agent)
    await recorder.find("ocr-analyze")
    await recorder.call("ocr-analyze", image=page, language="english")
    await recorder.call("ocr-analyze", image=page, language="eng")
    for step_deg, give_up in ((0.5, False), (0.0005, True)):
        task = await recorder.call("deskew-measure", image=page, step_deg=step_deg)
        assert isinstance(task, CreatedTask), task
        if give_up:
            await recorder.started(task.task_id)
            await recorder.read(task.task_id)
            await recorder.cancel(task.task_id)
        await recorder.ended(task.task_id)
    return "\n".join(recorder.lines).rstrip() + "\n"


def documented() -> str:
    """Return the transcript of the documentation."""
    [(_, text, _)] = _BLOCK.findall(DOCUMENT.read_text())
    return str(text)


def comparable(transcript: str) -> str:
    """Return a transcript without the parts that differ in each run: ids, and the progress of a task."""
    without_ids = re.sub(r"[0-9A-HJKMNP-TV-Z]{26}", "ID", transcript)
    return re.sub(r"\d+% angle \d+", "N% angle N", without_ids)


def _chosen(answer: BaseModel) -> dict[str, Any]:
    document = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: value for name, value in document.items() if name in _SHOWN}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(_shortened(document), ensure_ascii=False)


def _shortened(value: Any) -> Any:
    match value:
        case str() if len(value) > LONGEST:
            return f"{value[:LONGEST]}…"
        case float():
            return float(f"{value:.2g}")
        case list() if len(value) > MOST:
            return f"({len(value)} items)"
        case list():
            return [_shortened(one) for one in value]
        case dict():
            return {
                name: _shortened(one)
                for name, one in value.items()
                if name not in _LEFT_OUT and (name, one) != ("isError", False)
            }
        case _:
            return value


def main() -> None:
    async def run(stack: Any) -> str:
        async with connected(stack, Tasks()) as agent:
            return await record(agent)

    with tempfile.TemporaryDirectory() as folder:
        project = link_project(Path(folder))
        plugin = str(ROOT / "examples" / "deskew.py")
        with local_stack(project, project / "stack.log", "--plugin", plugin) as (stack, _):
            text = asyncio.run(run(stack))
    DOCUMENT.write_text(_BLOCK.sub(lambda block: f"{block[1]}{text}{block[3]}", DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
