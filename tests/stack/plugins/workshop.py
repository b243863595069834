"""A plugin for the console's tests: an input of every kind, and a tool that takes its time."""

import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from interlock.plugin import InvalidInput, Plugin, ToolContext, tool


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Address(_Input):
    """The address of an order."""

    city: str = Field(min_length=2)
    floor: int | None = None


class Round(_Input):
    """A round table."""

    form: Literal["round"] = "round"
    radius: float = Field(gt=0)


class Square(_Input):
    """A square table."""

    form: Literal["square"] = "square"
    side: float = Field(gt=0)


class Order(_Input):
    """An order of tables."""

    name: str = Field(min_length=1, max_length=40, description="Name of the customer.")
    wood: Literal["oak", "beech"] = "oak"
    pieces: int = Field(default=1, ge=1, le=9, description="Number of tables.")
    oiled: bool = False
    address: Address
    table: Round | Square
    marks: list[str] = Field(default=[], max_length=3)
    extra: dict[str, int] = {}
    note: str | None = None


class Piece(BaseModel):
    number: int
    wood: str


class Ordered(BaseModel):
    order: Order
    pieces: list[Piece]


class Work(_Input):
    seconds: float = Field(default=1, ge=0, le=30)
    steps: int = Field(default=4, ge=1, le=100)
    until: str | None = Field(default=None, description="A file to wait for before the last step.")


class Done(BaseModel):
    steps: int


class Workshop(Plugin):
    """Takes orders and works on them."""

    name, version, title = "workshop", "1.0.0", "Workshop"

    @tool(timeout_s=10)
    def order(self, input: Order, context: ToolContext) -> Ordered:
        """Repeat an order. Marks may not be shouted."""
        for index, mark in enumerate(input.marks):
            if mark.isupper():
                raise InvalidInput(f"/marks/{index}", "may not be in capitals")
        return Ordered(order=input, pieces=[Piece(number=one + 1, wood=input.wood) for one in range(input.pieces)])

    @tool(timeout_s=60)
    def work(self, input: Work, context: ToolContext) -> Done:
        """Work in steps, with progress and a log."""
        for step in range(input.steps):
            context.logger.info("step %d of %d", step + 1, input.steps)
            context.progress(step / input.steps, f"step {step + 1} of {input.steps}")
            time.sleep(input.seconds / input.steps)
            while step + 1 == input.steps and input.until and not Path(input.until).exists():
                time.sleep(0.02)
        return Done(steps=input.steps)

    @tool(timeout_s=10)
    def breaks(self, input: Work, context: ToolContext) -> Done:
        """Raise an exception."""
        context.logger.warning("the saw is stuck")
        raise LookupError("no wood is left")
