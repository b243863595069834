"""Tools that misbehave, each in its own way, and some that do not."""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from interlock.plugin import Cancelled, InvalidInput, Plugin, ToolContext, tool


class Anything(BaseModel):
    """Input and output of most tools."""

    model_config = ConfigDict(extra="forbid")

    text: str = ""
    number: float = 0


class Where(BaseModel):
    """A file in which the tool writes its process id."""

    model_config = ConfigDict(extra="forbid")

    pid_file: str


class Yielding(Where):
    """In how many tenths of a second the tool ends of its own accord, and whether it fails then."""

    steps: int = 600
    fails: bool = False


def _tell_pid(where: Where, *more: int) -> None:
    """Write the process ids atomically, so that a reader of the file sees all of them."""
    unfinished = Path(f"{where.pid_file}.part")
    unfinished.write_text(" ".join(map(str, (os.getpid(), *more))))
    unfinished.rename(where.pid_file)


class Hostile(Plugin):
    """Harm the host in the ways that a plugin may try."""

    name, version, title = "hostile", "1.0.0", "Hostile"

    @tool(timeout_s=10)
    def echo(self, input: Anything, context: ToolContext) -> Anything:
        return input

    @tool(timeout_s=10)
    def raises(self, input: Anything, context: ToolContext) -> Anything:
        raise LookupError("no such thing")

    @tool(timeout_s=10)
    def refuses_input(self, input: Anything, context: ToolContext) -> Anything:
        raise InvalidInput("/text", "is not what I want")

    @tool(timeout_s=10)
    def os_exit(self, input: Anything, context: ToolContext) -> Anything:
        os._exit(3)

    @tool(timeout_s=10)
    def null_pointer(self, input: Anything, context: ToolContext) -> Anything:
        ctypes.string_at(0)
        return input

    @tool(timeout_s=1)
    def sleeps_past_its_limit(self, input: Anything, context: ToolContext) -> Anything:
        time.sleep(60)
        return input

    @tool(timeout_s=60)
    def yields(self, input: Yielding, context: ToolContext) -> Anything:
        """Run until SIGTERM."""
        _tell_pid(input)
        for step in range(input.steps):
            context.progress(step / input.steps, f"step {step}")
            time.sleep(0.1)
        if input.fails:
            raise LookupError("no such thing")
        return Anything()

    @tool(timeout_s=60)
    def stubborn(self, input: Where, context: ToolContext) -> Anything:
        """Ignore SIGTERM."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _tell_pid(input)
        while True:
            try:
                time.sleep(60)
            except Cancelled:
                continue

    @tool(timeout_s=60)
    def has_children(self, input: Where, context: ToolContext) -> Anything:
        """Start a child process in another session."""
        child = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
        _tell_pid(input, child.pid)
        time.sleep(60)
        return Anything()
