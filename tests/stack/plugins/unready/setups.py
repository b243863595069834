"""Plugins whose `setup` fails in different ways."""

import os
import sys
import time

from pydantic import BaseModel

from interlock.plugin import Plugin, ToolContext, tool


class Nothing(BaseModel):
    pass


class Unready(Plugin):
    """Base class. Its tool is never reached."""

    version = "1.0.0"

    @tool(timeout_s=1)
    def echo(self, input: Nothing, context: ToolContext) -> Nothing:
        return input


class SetupRaises(Unready):
    name = "setup_raises"

    def setup(self) -> None:
        raise LookupError("no such model")


class SetupExits(Unready):
    name = "setup_exits"

    def setup(self) -> None:
        sys.exit("not today")


class SetupDies(Unready):
    name = "setup_dies"

    def setup(self) -> None:
        os._exit(3)


class SetupHangs(Unready):
    name = "setup_hangs"

    def setup(self) -> None:
        time.sleep(600)


class SetupIsSlow(Plugin):
    """A plugin whose setup and tool together take longer than a synchronous call may."""

    name, version = "setup_is_slow", "1.0.0"

    def setup(self) -> None:
        time.sleep(12)

    @tool(timeout_s=60)
    def sleeps(self, input: Nothing, context: ToolContext) -> Nothing:
        time.sleep(600)
        return input
