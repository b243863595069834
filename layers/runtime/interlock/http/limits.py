"""How often a key may call, over all routes that need one."""

import math
from collections.abc import Mapping

from interlock.domain.errors import RateLimited
from interlock.domain.rate import Rate
from interlock.ports import Clock, RateStore


class RateLimits:
    """Counts the requests of keys that have a rate. Others cost nothing here."""

    def __init__(self, store: RateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def check(self, caller: Mapping[str, str]) -> None:
        """Counts a request of whom the authorizer found. Raises `RateLimited` when it comes too early."""
        rate = caller.get("rate")
        if not rate:
            return
        wait_s = self._store.take(caller["key_id"], Rate.parse(rate), self._clock())
        if wait_s > 0:
            raise RateLimited(
                f"The key may call {rate} and has. Try again shortly.",
                limit="rate",
                rate=rate,
                retry_after_s=max(1, math.ceil(wait_s)),
            )
