"""Request rates: a number of requests per second, minute or hour."""

import re
from datetime import timedelta
from typing import Self

from msgspec import Struct

_PERIODS_S = {"s": 1, "m": 60, "h": 3600}
RATE_PATTERN = "([1-9][0-9]{0,5})/([smh])"


class Rate(Struct, frozen=True):
    """`count` requests per `unit`, `10/s` for example: a burst of that many, then evenly over each period.

    This is the generic cell rate algorithm (ITU-T I.371, annex A): each request moves the conforming time of the next
    one by an interval, and a request may come early by the length of the burst.
    """

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a rate such as `10/s`. Raises ValueError."""
        found = re.fullmatch(RATE_PATTERN, text)
        if found is None:
            raise ValueError(f"{text!r} is not a valid rate: write 1 to 999999 per s, m or h, such as 10/s")
        return cls(int(found[1]), found[2])

    def __str__(self) -> str:
        return f"{self.count}/{self.unit}"

    @property
    def interval(self) -> timedelta:
        """The time between two evenly spaced requests, rounded up."""
        return timedelta(microseconds=-(-_PERIODS_S[self.unit] * 1_000_000 // self.count))

    @property
    def tolerance(self) -> timedelta:
        """The time by which a request may come early."""
        return self.interval * (self.count - 1)

    def within(self, other: Self) -> bool:
        """Return whether the other rate permits every sequence of requests that this one permits."""
        return self.count <= other.count and self.interval >= other.interval
