"""The plugin whose jobs the bench cancels."""

import collections
import hashlib
import itertools
import os
import time
from pathlib import Path

from pydantic import BaseModel

from interlock.plugin import Plugin, ToolContext, tool

WORK_STEPS, WORK_S = 100, 0.01


class Where(BaseModel):
    """A folder in which the tool writes its process id to a file named after the job."""

    folder: Path


class Nothing(BaseModel):
    pass


class Cancellable(Plugin):
    """Runs until it is cancelled."""

    name, version = "cancellable", "1.0.0"

    @tool(timeout_s=300)
    def works(self, _: Nothing, context: ToolContext) -> Nothing:
        """Work a tenth of the time for ten seconds, and report progress: the load."""
        for step in range(WORK_STEPS):
            until = time.process_time() + WORK_S
            while time.process_time() < until:
                hashlib.sha256(bytes(100_000))
            time.sleep(9 * WORK_S)
            context.progress(step / WORK_STEPS)
        return Nothing()

    @tool(timeout_s=300)
    def yields(self, input: Where, context: ToolContext) -> Nothing:
        """Wait in Python code, which a cancel interrupts."""
        _tell_pid(input.folder / context.job_id)
        while True:
            time.sleep(0.1)

    @tool(timeout_s=300)
    def stubborn(self, input: Where, context: ToolContext) -> Nothing:
        """Run native code that never returns to the interpreter."""
        _tell_pid(input.folder / context.job_id)
        collections.deque(itertools.repeat(0), maxlen=0)
        return Nothing()


def _tell_pid(file: Path) -> None:
    unfinished = file.with_suffix(".part")
    unfinished.write_text(str(os.getpid()))
    unfinished.rename(file)
