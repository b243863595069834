"""A plugin whose tools end in the ways that a test may expect."""

import os
import time
from pathlib import Path

from pydantic import BaseModel, Field

from interlock.plugin import Cancelled, FileBytes, InvalidInput, Plugin, ToolContext, tool


class Ask(BaseModel):
    text: str = ""
    file: FileBytes = b""
    more: list[FileBytes] = Field(default_factory=list)


class Told(BaseModel):
    text: str


class Tested(Plugin):
    name, version = "tested", "1.0.0"

    @tool()
    def say(self, input: Ask, context: ToolContext) -> Told:
        context.progress(0.5, "half")
        context.logger.warning("about to say %s", input.text)
        Path("relative.txt").write_text(input.text)
        written = (context.temp_dir / "relative.txt").read_text()
        return Told(text=written + b"".join([input.file, *input.more]).decode())

    @tool()
    def refuse(self, input: Ask, context: ToolContext) -> Told:
        raise InvalidInput("/text", "is refused")

    @tool()
    def fail(self, input: Ask, context: ToolContext) -> Told:
        raise ValueError(f"no {input.text}")

    @tool()
    def lie(self, input: Ask, context: ToolContext) -> Told:
        return {"text": 1}  # type: ignore[return-value]

    @tool(timeout_s=20)
    def wait(self, input: Ask, context: ToolContext) -> Told:
        try:
            context.progress(0.2, "waiting")
            time.sleep(60)
        except Cancelled:
            context.logger.info("stopped with cancelled=%s", context.cancelled)
            raise
        return Told(text="")

    @tool()
    def finish(self, input: Ask, context: ToolContext) -> Told:
        try:
            context.progress(1.0)
        except Cancelled:
            return Told(text="finished")
        return Told(text="never cancelled")

    @tool()
    def exit(self, input: Ask, context: ToolContext) -> Told:
        os._exit(3)

    @tool()
    def interrupt(self, input: Ask, context: ToolContext) -> Told:
        raise KeyboardInterrupt


class Unready(Plugin):
    name, version = "unready", "1.0.0"

    def setup(self) -> None:
        raise OSError("no model")

    @tool()
    def say(self, input: Ask, context: ToolContext) -> Told:
        return Told(text="")
