"""Values on the command line. Typer's own type of whole numbers also accepts `1_0` and `8080.0`."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, NamedTuple

import typer

from interlock.domain.access import MAX_LIFETIME, TENANT_PATTERN, is_tenant

MAX_PORT = 65_535
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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


def parse_duration(text: str) -> timedelta:
    """Parse `90d`, `12h`, `30m`, `1s` or `2w`."""
    found = _DURATION.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else MAX_LIFETIME.total_seconds() + 1
    if seconds > MAX_LIFETIME.total_seconds():
        raise typer.BadParameter(f"{text!r} is not a duration of up to 100 years. Write it as 90d, 12h, 30m or 1s.")
    return timedelta(seconds=seconds)


def parse_tenant(text: str) -> str:
    """Validate the name of a tenant."""
    if not is_tenant(text):
        raise typer.BadParameter(f"{text!r} is not the name of a tenant, which matches {TENANT_PATTERN}.")
    return text
