"""How often a key may call: so many requests per second, minute or hour."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

_PERIODS_S = {"s": 1, "m": 60, "h": 3600}
_RATE = re.compile("([1-9][0-9]{0,5})/([smh])")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests per `unit`, as `10/s`: that many at once, and then as many evenly over each period.

    It is the generic cell rate algorithm (ITU-T I.371, annex A): each request moves the time at which the next one
    would conform on by one interval, and may come early by what the others of the burst take.
    """

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `10/s`. Raises ValueError."""
        found = _RATE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no rate: write a whole number from 1 to 999999 per s, m or h, as in 10/s")
        return cls(int(found[1]), found[2])

    def __str__(self) -> str:
        return f"{self.count}/{self.unit}"

    @property
    def interval(self) -> timedelta:
        """The time between two requests that come evenly, never shorter than the rate allows."""
        return timedelta(microseconds=-(-_PERIODS_S[self.unit] * 1_000_000 // self.count))

    @property
    def tolerance(self) -> timedelta:
        """By how much a request may be early."""
        return self.interval * (self.count - 1)
