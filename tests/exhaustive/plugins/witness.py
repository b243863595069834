"""A plugin that records its runs in a file that has no other writer."""

import json
import os
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from interlock.plugin import Elicitation, FilePath, Plugin, ToolContext, tool


class Work(BaseModel):
    """The file for the record, a file to wait for, the length of the result, and text that makes the input large."""

    model_config = ConfigDict(extra="forbid")

    record: str
    wait_for: str = ""
    size: int = 1
    padding: str = ""


class Reading(Work):
    """An input with a file to read."""

    file: FilePath


class Answer(BaseModel):
    """A form for an answer."""

    text: str


class Done(BaseModel):
    text: str


class Witness(Plugin):
    """A plugin that records its runs."""

    name, version, title = "witness", "1.0.0", "Witness"

    @tool(timeout_s=60)
    def work(self, input: Work, context: ToolContext) -> Done:
        """Record the beginning and the end, and wait for a file in between."""
        _record(input, context, "began")
        context.progress(0.5, "half way")
        while input.wait_for and not Path(input.wait_for).exists():
            time.sleep(0.005)
        _record(input, context, "done")
        return Done(text="x" * input.size)

    @tool(timeout_s=60)
    def read(self, input: Reading, context: ToolContext) -> Done:
        """Return the text of an uploaded file."""
        _record(input, context, "began")
        text = input.file.read_text()
        _record(input, context, "done")
        return Done(text=text)

    @tool(timeout_s=60)
    def ask(self, input: Work, context: ToolContext) -> Done:
        """Request two answers from the client."""
        _record(input, context, "began")
        given = context.request_input(first=Elicitation("One?", Answer), second=Elicitation("Two?", Answer))
        _record(input, context, "done")
        return Done(text=" ".join(answer.text for answer in given.values() if answer))

    @tool(timeout_s=0.2)
    def oversleep(self, input: Work, context: ToolContext) -> Done:
        """Exceed the wall-clock limit."""
        _record(input, context, "began")
        time.sleep(60)
        return Done(text="")

    @tool(timeout_s=60)
    def stubborn(self, input: Work, context: ToolContext) -> Done:
        """Keep running when asked to stop."""
        _record(input, context, "began")
        while True:
            try:
                time.sleep(60)
            except BaseException:
                _record(input, context, "asked to stop")


def _record(input: Work, context: ToolContext, event: str) -> None:
    """Append an event to the record in one write, so that lines of several processes do not mix."""
    line = json.dumps({"job_id": context.job_id, "event": event, "pid": os.getpid(), "parent": os.getppid()})
    descriptor = os.open(input.record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode() + b"\n")
    os.close(descriptor)
