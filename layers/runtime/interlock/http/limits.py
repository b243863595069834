"""The rate limit of keys, for all routes that need a key."""

import math
from collections.abc import Mapping

from interlock.domain.errors import RateLimited
from interlock.domain.rate import Rate
from interlock.ports import Clock, RateStore


class RateLimits:
    """Counts the requests of keys with a rate limit. Other keys cost no write."""

    def __init__(self, store: RateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def check(self, caller: Mapping[str, str]) -> None:
        """Count a request of the authorized caller. Raise `RateLimited` if it is over the rate."""
        rate = caller.get("rate")
        if not rate:
            return
        wait_s = self._store.take(caller["key_id"], Rate.parse(rate), self._clock())
        if wait_s > 0:
            retry_after_s = max(1, math.ceil(wait_s))
            message = f"The key has reached its rate limit of {rate}. Try again in {retry_after_s} s."
            raise RateLimited(message, limit="rate", rate=rate, retry_after_s=retry_after_s)
