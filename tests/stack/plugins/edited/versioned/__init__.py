"""A plugin that returns a number from another module of its package."""

from pydantic import BaseModel

from interlock.plugin import Plugin, ToolContext, tool

from .number import NUMBER


class Nothing(BaseModel):
    pass


class Number(BaseModel):
    number: int


class Versioned(Plugin):
    name, version = "versioned", "1.0.0"

    @tool()
    def tell(self, input: Nothing, context: ToolContext) -> Number:
        return Number(number=NUMBER)
