"""A plugin whose import fails except in the process that builds the index."""

import sys

from pydantic import BaseModel

from interlock.plugin import Plugin, ToolContext, tool

if not sys.argv[0].endswith("describing.py"):
    raise LookupError("not here")


class Nothing(BaseModel):
    pass


class ImportRaisesAtWork(Plugin):
    name, version = "import_raises_at_work", "1.0.0"

    @tool()
    def echo(self, input: Nothing, context: ToolContext) -> Nothing:
        return input
