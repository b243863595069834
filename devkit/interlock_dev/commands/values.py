"""Values on the command line. Typer's own type of whole numbers also accepts `1_0` and `8080.0`."""

import re
from collections.abc import Callable
from typing import NamedTuple

import typer

MAX_PORT = 65_535


def integer_between(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`."""

    def parse_integer(text: str) -> int:
        # A default value is parsed, too.
        if not (re.fullmatch("[0-9]{1,9}", str(text)) and low <= int(text) <= high):
            raise typer.BadParameter(f"{text!r} is not a whole number from {low} to {high}.")
        return int(text)

    return parse_integer


class Parameter(NamedTuple):
    """A template parameter and its value."""

    name: str
    value: str


def parse_parameter(text: str) -> Parameter:
    """Parse `NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise typer.BadParameter(f"{text!r} is not of the form NAME=VALUE.")
    return Parameter(name, value)
