"""A plugin whose import takes longer than the limit of its tools."""

import time

from pydantic import BaseModel

from interlock.plugin import Plugin, ToolContext, tool

time.sleep(1.5)


class Nothing(BaseModel):
    pass


class SlowImport(Plugin):
    name, version = "slow_import", "1.0.0"

    @tool(timeout_s=1)
    def echo(self, input: Nothing, context: ToolContext) -> Nothing:
        return input
