"""The deadline of a run: one value from the HTTP request to the sandbox."""

import math
import time
from datetime import datetime, timedelta
from typing import Literal, Self

from msgspec import Struct

from interlock.domain.times import to_millisecond

MIN_TIMEOUT_S = 0.001
"""The shortest limit of a run, in seconds. No tool could do anything in less."""

MIN_DEADLINE_S, MAX_DEADLINE_S = 1, 86_400
"""Bounds of a job's deadline, in seconds after it was accepted."""

type LimitName = Literal["timeout_s", "deadline"]
"""The limits of time that a job can have, as `details.limit` of its error names them."""


def deadline_after(now: datetime, deadline_s: float | None) -> datetime | None:
    """Return the deadline of a job or batch that is accepted now, None if it has none."""
    return None if deadline_s is None else to_millisecond(now + timedelta(seconds=deadline_s))


class Deadline(Struct, frozen=True):
    """When a run must be over: `at` on the monotonic clock (`time.monotonic`).

    `limit_s` is the run's own limit in seconds, which may exceed the time left until the deadline. The error of a
    timeout reports it, followed by `advice`. `limit` is `deadline` if `at` is the deadline of the job (`deadline_s`).
    """

    at: float
    limit_s: float = math.inf
    advice: str = ""
    limit: LimitName = "timeout_s"

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def earlier(self, seconds: float) -> Self:
        """Return a deadline that is earlier by a margin."""
        return type(self)(self.at - seconds, self.limit_s, self.advice, self.limit)

    def no_later_than(self, at: float) -> Self:
        return type(self)(min(self.at, at), self.limit_s, self.advice, self.limit)

    def of_job(self, left_s: float) -> Self:
        """Return the job's own deadline, which is `left_s` seconds from now, or this one if it is earlier."""
        at = time.monotonic() + left_s
        return type(self)(at, self.limit_s, self.advice, "deadline") if at < self.at else self

    def limited(self, limit_s: float) -> Self:
        """Return the deadline for a run with this limit."""
        return type(self)(self.at, limit_s, self.advice, self.limit)

    def advising(self, advice: str) -> Self:
        """Return the deadline with advice for a caller whose run times out."""
        return type(self)(self.at, self.limit_s, advice, self.limit)

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, 0 when it has passed."""
        return round(max(0.0, self.at - time.monotonic()), 3)

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self.at
