"""Tools that tests of the client and of the command run: as many jobs as they like, since no test counts them."""

import time

from pydantic import BaseModel, Field

from interlock.plugin import Plugin, ToolContext, tool


class Text(BaseModel):
    text: str = ""


class Wait(BaseModel):
    seconds: float = Field(default=0.5, ge=0, le=30)


class Errands(Plugin):
    """Echoes, waits with progress, and fails."""

    name, version, title = "errands", "1.0.0", "Errands"

    @tool(timeout_s=5)
    def echo(self, input: Text, context: ToolContext) -> Text:
        return input

    @tool(timeout_s=60)
    def wait(self, input: Wait, context: ToolContext) -> Text:
        began = time.monotonic()
        while (gone_s := time.monotonic() - began) < input.seconds:
            context.progress(gone_s / input.seconds, f"{gone_s:.1f} of {input.seconds} s")
            time.sleep(0.05)
        return Text(text="done")

    @tool(timeout_s=5, task=True)
    def fail(self, input: Text, context: ToolContext) -> Text:
        raise LookupError("there is none")
