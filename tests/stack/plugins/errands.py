"""Tools that tests of the client and of the command run: as many jobs as they like, since no test counts them."""

import time

from pydantic import BaseModel, Field

from interlock.plugin import Elicitation, Plugin, ToolContext, tool


class Text(BaseModel):
    text: str = ""


class Wait(BaseModel):
    seconds: float = Field(default=0.5, ge=0, le=30)


class Name(BaseModel):
    name: str


class City(BaseModel):
    city: str


def _greeting(input: Text, context: ToolContext) -> Text:
    person = context.request_input(person=Elicitation("Who are you?", Name))["person"]
    if person is None:
        return Text(text=f"{input.text}, stranger")
    home = context.request_input(home=Elicitation(f"Where are you from, {person.name}?", City))["home"]
    return Text(text=f"{input.text}, {person.name} of {home.city if home else 'nowhere'}")


class Errands(Plugin):
    """Echoes, waits with progress, and fails."""

    name, version, title = "errands", "1.0.0", "Errands"

    @tool(timeout_s=5)
    def echo(self, input: Text, context: ToolContext) -> Text:
        return input

    @tool(timeout_s=60)
    def wait(self, input: Wait, context: ToolContext) -> Text:
        began = time.monotonic()
        while (gone_s := time.monotonic() - began) < input.seconds:
            context.progress(gone_s / input.seconds, f"{gone_s:.1f} of {input.seconds} s")
            time.sleep(0.05)
        return Text(text="done")

    @tool(timeout_s=5)
    def greet(self, input: Text, context: ToolContext) -> Text:
        """Request a name, and with it a city."""
        return _greeting(input, context)

    @tool(timeout_s=60)
    def greet_slowly(self, input: Text, context: ToolContext) -> Text:
        """The same as a task."""
        return _greeting(input, context)

    @tool(timeout_s=5, task=True)
    def fail(self, input: Text, context: ToolContext) -> Text:
        raise LookupError("there is none")
