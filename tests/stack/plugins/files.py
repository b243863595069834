"""Tools that take files, and a tool that returns a result of a given size."""

import hashlib
import os
import time

from pydantic import BaseModel, ConfigDict

from interlock.plugin import FileBytes, FilePath, Plugin, ToolContext, tool


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Content(_Input):
    file: FileBytes
    more: list[FileBytes] = []


class OnDisk(_Input):
    file: FilePath
    pause_s: float = 0


class Wanted(_Input):
    size: int
    letter: str = "x"


class Digest(BaseModel):
    """SHA-256 and size of each file, and the path of the last."""

    sha256: list[str]
    size: list[int]
    path: str = ""


class Text(BaseModel):
    text: str


class Files(Plugin):
    """Use files in every way that a plugin may."""

    name, version, title = "files", "1.0.0", "Files"

    @tool(timeout_s=20, memory_mb=512)
    def digest(self, input: Content, context: ToolContext) -> Digest:
        files = [input.file, *input.more]
        return Digest(sha256=[hashlib.sha256(file).hexdigest() for file in files], size=[len(file) for file in files])

    @tool(timeout_s=60, memory_mb=96)
    def on_disk(self, input: OnDisk, context: ToolContext) -> Digest:
        """Read a file with less memory than a large file takes, after a wait."""
        context.progress(0.1, str(input.file))
        time.sleep(input.pause_s)
        with input.file.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Digest(sha256=[digest], size=[input.file.stat().st_size], path=str(input.file))

    @tool(timeout_s=20)
    def crash(self, input: OnDisk, context: ToolContext) -> Text:
        """Report the path of its file, then crash."""
        context.progress(0.1, str(input.file))
        os._exit(1)

    @tool(timeout_s=20)
    def text(self, input: Wanted, context: ToolContext) -> Text:
        """Return a result whose JSON text has `size` bytes, filled with one letter."""
        unit = {'"': 2, "\\": 2}.get(input.letter, 1)
        room = input.size - len('{"text":""}')
        return Text(text=input.letter * (room // unit) + "x" * (room % unit))
