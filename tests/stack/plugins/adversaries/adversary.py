"""Code that the adversaries share: input and output, a harmless tool, and child processes with a recognizable name."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from interlock.plugin import Plugin, ToolContext
from interlock.plugin import tool as any_tool

LIBC = ctypes.CDLL(None)
_PR_SET_NAME = 15

type Isolation = Literal["tenant", "run"]

ISOLATION: Isolation = "tenant"
"""The isolation of all tools. `HOSTILE_ISOLATION=run` changes it in a copy of this folder (tests/stack/conftest.py)."""

ENOUGH_S = 25
"""A time limit in seconds that is not reached even on a busy machine: the longest for a synchronous call."""


class Asked(BaseModel):
    """`mark`: the name of all processes that a tool starts. `way`: the variant of a tool. `path`: a file or folder of
    the test. `other`: the tool that `once` runs."""

    model_config = ConfigDict(extra="forbid")

    mark: str = "adversary"
    way: str = ""
    other: str = "go"
    path: str = ""


class Said(BaseModel):
    text: str = ""
    number: float = 0
    numbers: list[float] = []
    facts: dict[str, Any] = {}


def tool[F: Callable[..., Any]](
    *, timeout_s: float, memory_mb: int, network: bool = False, isolation: Isolation = ISOLATION
) -> Callable[[F], F]:
    return any_tool(timeout_s=timeout_s, memory_mb=memory_mb, network=network, isolation=isolation)


class Adversary(Plugin):
    """Base of the adversaries."""

    version = "1.0.0"

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def echo(self, input: Asked, context: ToolContext) -> Said:
        context.logger.info("echo")
        print("echo")
        return Said(text=input.way)

    @tool(timeout_s=ENOUGH_S, memory_mb=256, isolation="run")
    def once(self, input: Asked, context: ToolContext) -> Said:
        """Run another tool in a process that serves no other run."""
        said: Said = getattr(self, input.other)(input, context)
        return said


def take_name(mark: str) -> None:
    """Set the name of this process and its later children (/proc/<pid>/comm)."""
    LIBC.prctl(_PR_SET_NAME, mark.encode(), 0, 0, 0)


def tell(path: str, *pids: int) -> None:
    """Write process ids atomically, so that a reader sees all of them or no file."""
    unfinished = Path(f"{path}.part")
    unfinished.write_text(" ".join(map(str, pids)))
    unfinished.rename(path)


def child(mark: str, live: Callable[[], object]) -> int:
    """Fork a child process with that name that calls a function and ends. Return its process id."""
    pid = os.fork()
    if pid == 0:
        try:
            take_name(mark)
            live()
        finally:
            os._exit(0)
    return pid
