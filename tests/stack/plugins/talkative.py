"""Tools with a lot of output."""

import sys
import time
from pathlib import Path

from pydantic import BaseModel

from interlock.plugin import Cancelled, Plugin, ToolContext, tool


class Lines(BaseModel):
    lines: list[str]


class Count(BaseModel):
    lines: int


class Sign(BaseModel):
    """A file to wait for."""

    go_on: str


class Done(BaseModel):
    pass


class Talkative(Plugin):
    """Writes lines to the logger and the standard streams."""

    name, version, title = "talkative", "1.0.0", "Talkative"

    @tool(timeout_s=20)
    def says(self, input: Lines, context: ToolContext) -> Done:
        for line in input.lines:
            print(line)
        print("to standard error", file=sys.stderr)
        context.logger.error("to the log")
        context.progress(1.0, "said it")
        return Done()

    @tool(timeout_s=60)
    def waits(self, input: Sign, context: ToolContext) -> Done:
        print("I wait", flush=True)
        try:
            while not Path(input.go_on).exists():
                time.sleep(0.02)
        except Cancelled:
            print("I was cancelled", flush=True)
            raise
        print("I went on")
        return Done()

    @tool(timeout_s=20)
    def floods(self, input: Count, context: ToolContext) -> Done:
        for number in range(input.lines):
            print(f"line {number}")
        return Done()
