"""A small plugin, and a context to run its tool in the test's process."""

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from interlock.input_requests import InputRequest, values_of
from interlock.plugin import Plugin, ToolContext, tool
from tests.fakes.outside import NOON


class In(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    count: int = 1


class Out(BaseModel):
    text: str


class Context:
    """A minimal `ToolContext`."""

    job_id = "JOB"
    deadline: datetime = NOON
    cancelled = False
    temp_dir = Path("/nowhere")
    logger = logging.getLogger("test")

    def progress(self, fraction: float, message: str = "") -> None:
        """Ignore the progress."""

    def can_request(self, request: type[InputRequest[Any]]) -> bool:
        return False

    def request_input[Value](self, **requests: InputRequest[Value]) -> dict[str, Value]:
        return values_of(requests, {})


class Echo(Plugin):
    name, version, title = "echo", "1.0.0", "Echo"

    @tool(timeout_s=5, memory_mb=128, title="Repeat text")
    def say(self, input: In, context: ToolContext) -> Out:
        """Repeat a text.

        Only the first line is the description.
        """
        return Out(text=input.text * input.count)

    @tool()
    def as_dict(self, input: In, context: ToolContext) -> Out:
        return {"text": input.text}  # type: ignore[return-value]  # a dict that matches the output model is allowed


def run(plugin: type[Plugin], name: str, input: Mapping[str, Any]) -> Any:
    return plugin().run(name, input, Context())


def declared(**attributes: Any) -> type[Plugin]:
    """Return a plugin class with these attributes."""
    return type("Declared", (Plugin,), attributes)


def a_method(self: Any, input: In, context: ToolContext) -> Out:
    return Out(text="")
