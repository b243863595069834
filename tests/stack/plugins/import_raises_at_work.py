"""Can be imported by who describes it, and by nobody else."""

import sys

from pydantic import BaseModel

from interlock.plugin import Plugin, ToolContext, tool

if "--describe" not in sys.argv:
    raise LookupError("not here")


class Nothing(BaseModel):
    pass


class ImportRaisesAtWork(Plugin):
    name, version = "import_raises_at_work", "1.0.0"

    @tool()
    def echo(self, input: Nothing, context: ToolContext) -> Nothing:
        return input
