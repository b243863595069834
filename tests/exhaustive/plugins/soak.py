"""Five plugins with the same tools, one for each outcome of an execution."""

import os
import time

from pydantic import BaseModel, ConfigDict

from interlock.plugin import InvalidInput, Plugin, ToolContext, tool


class Work(BaseModel):
    """How long to work, in milliseconds."""

    model_config = ConfigDict(extra="forbid")

    ms: float


class _Soak(Plugin):
    name, version = "soak", "1.0.0"

    @tool(timeout_s=20)
    def works(self, input: Work, context: ToolContext) -> Work:
        time.sleep(input.ms / 1000)
        return input

    @tool(timeout_s=20)
    def raises(self, input: Work, context: ToolContext) -> Work:
        time.sleep(input.ms / 1000)
        raise LookupError("no such thing")

    @tool(timeout_s=20)
    def refuses(self, input: Work, context: ToolContext) -> Work:
        raise InvalidInput("/ms", "is not what I want")

    @tool(timeout_s=20)
    def dies(self, input: Work, context: ToolContext) -> Work:
        os._exit(3)

    @tool(timeout_s=0.3)
    def overruns(self, input: Work, context: ToolContext) -> Work:
        time.sleep(60)
        return input

    @tool(timeout_s=60)
    def waits(self, input: Work, context: ToolContext) -> Work:
        while True:
            time.sleep(0.05)


class A(_Soak):
    name, version = "soak_a", "1.0.0"


class B(_Soak):
    name, version = "soak_b", "1.0.0"


class C(_Soak):
    name, version = "soak_c", "1.0.0"


class D(_Soak):
    name, version = "soak_d", "1.0.0"


class E(_Soak):
    name, version = "soak_e", "1.0.0"


del _Soak
