"""Token buckets, without a simulation around them."""

import math


class TokenBucket:
    """Tokens that refill at `rate` per second up to `size`. It is full at time 0."""

    def __init__(self, rate: float, size: float | None = None) -> None:
        self.rate = rate
        self.size = rate if size is None else size
        self._tokens = self.size
        self._at = 0.0

    def take(self, now: float, amount: float) -> bool:
        """Take tokens if there are enough, and return whether there were."""
        self._refill(now)
        if self._tokens < amount:
            return False
        self._tokens -= amount
        return True

    def reserve(self, now: float, amount: float, longest: float = math.inf) -> float:
        """Reserve tokens and return the seconds until they are there; reserve none if that is more than `longest`."""
        self._refill(now)
        wait = max(0.0, amount - self._tokens) / self.rate
        if wait <= longest:
            self._tokens -= amount
        return wait

    def _refill(self, now: float) -> None:
        self._tokens = min(self.size, self._tokens + (now - self._at) * self.rate)
        self._at = now
