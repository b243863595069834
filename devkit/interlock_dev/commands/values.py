"""Values on the command line. Typer's own type of whole numbers also accepts `1_0` and `8080.0`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

import typer

from interlock.domain.access import MAX_LIFETIME, TENANT_PATTERN, is_tenant
from interlock.domain.job_status import STATUS_ALIASES, JobStatus

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


def parse_seconds(text: str) -> float:
    """Parse seconds, such as `20`, `0.5`, `90s` or `5m`."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", str(text)):
        return float(text)
    return parse_duration(str(text)).total_seconds()


def parse_moment(text: str) -> datetime:
    """Parse a time (RFC 3339, UTC unless it has an offset) or a duration before now, such as `2h`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.now(UTC) - _before_now(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _before_now(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except typer.BadParameter:
        raise typer.BadParameter(f"{text!r} is neither a time like 2026-11-29T10:00 nor a duration like 2h.") from None


def parse_tenant(text: str) -> str:
    """Validate the name of a tenant."""
    if not is_tenant(text):
        raise typer.BadParameter(f"{text!r} is not the name of a tenant, which matches {TENANT_PATTERN}.")
    return text


def parse_status(text: str) -> str:
    """Validate a status of jobs."""
    if text not in {*JobStatus, *STATUS_ALIASES}:
        raise typer.BadParameter(f"{text!r} is not a status. There are: {', '.join(JobStatus)}.")
    return text
