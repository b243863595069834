"""The plugin with the tool that all peers have, and tools for longer runs and larger inputs."""

import time

from pydantic import BaseModel

from interlock.plugin import Plugin, ToolContext, tool


class Text(BaseModel):
    text: str
    n: int = 1


class Length(BaseModel):
    length: int


class Pause(BaseModel):
    seconds: float


class Paused(BaseModel):
    pass


class EchoPlugin(Plugin):
    """The plugin that the bench runs."""

    name, version = "bench", "1.0.0"

    @tool(timeout_s=20)
    def echo(self, input: Text, _: ToolContext) -> Text:
        """Return the input."""
        return input

    @tool(timeout_s=20)
    def measure(self, input: Text, _: ToolContext) -> Length:
        """Return the length of the text."""
        return Length(length=len(input.text))

    @tool(timeout_s=20)
    def pause(self, input: Pause, _: ToolContext) -> Paused:
        """Run for some seconds."""
        time.sleep(input.seconds)
        return Paused()
