"""A plugin for fuzzing: fast, with every outcome, and with one tool that runs long enough to be cancelled."""

import os
import time

from pydantic import BaseModel, Field

from interlock.plugin import Plugin, ToolContext, tool


class Text(BaseModel):
    text: str = ""


class Wait(BaseModel):
    seconds: float = Field(default=0.5, ge=0, le=30)


class Specimen(Plugin):
    """A tool for each outcome."""

    name, version, title = "specimen", "1.0.0", "Specimen"

    @tool(timeout_s=5)
    def echo(self, input: Text, context: ToolContext) -> Text:
        return input

    @tool(timeout_s=60)
    def wait(self, input: Wait, context: ToolContext) -> Text:
        """Wait and report progress."""
        began = time.monotonic()
        while (gone_s := time.monotonic() - began) < input.seconds:
            context.progress(gone_s / input.seconds, f"{gone_s:.1f} of {input.seconds} s")
            time.sleep(0.05)
        return Text(text="done")

    @tool(timeout_s=5)
    def fail(self, input: Text, context: ToolContext) -> Text:
        raise LookupError("there is none")

    @tool(timeout_s=5)
    def crash(self, input: Text, context: ToolContext) -> Text:
        os._exit(3)
