"""A plugin from which no process can be forked: its setup leaves a thread behind."""

import threading

from pydantic import BaseModel

from interlock.plugin import Plugin, ToolContext, tool


class Nothing(BaseModel):
    pass


class LeavesThread(Plugin):
    """Waits in a thread for ever."""

    name, version, title = "leaves_thread", "1.0.0", "Leaves a thread"

    def setup(self) -> None:
        threading.Thread(target=threading.Event().wait, daemon=True).start()

    @tool(timeout_s=5)
    def echo(self, input: Nothing, context: ToolContext) -> Nothing:
        return input
