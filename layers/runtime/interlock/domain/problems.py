"""The problems that validation reports: the items of `details.errors` in an error envelope."""

from collections.abc import Sequence
from typing import TypedDict

MAX_PROBLEMS = 20
"""Problems reported for one value. Validation stops there."""

MAX_TEXT = 300
"""Characters of a path or message. Both may quote the value, and an image's base64 has no place in an error."""

type Location = Sequence[str | int]


class Problem(TypedDict):
    """One problem of a JSON value: a JSON Pointer to the field, and what is wrong with it."""

    path: str
    message: str


def problem(location: Location, message: str) -> Problem:
    """Return the problem of the field at `location`."""
    return {"path": json_pointer(location), "message": message}


def first_of(problems: Sequence[Problem], separator: str = " ") -> str:
    """Return the first problem as text without a full stop, for a sentence in the message of an envelope."""
    return f"{problems[0]['path'] or '/'}{separator}{problems[0]['message'].removesuffix('.')}"


def json_pointer(location: Location) -> str:
    """Return a JSON Pointer (RFC 6901), shortened if the caller's field names are very long."""
    return shortened("".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location))


def shortened(text: str) -> str:
    """Return the text, with its middle cut out if it is longer than `MAX_TEXT`."""
    return text if len(text) <= MAX_TEXT else f"{text[:140]} ... {text[-140:]}"
