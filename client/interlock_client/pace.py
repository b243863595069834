"""How long to wait for a change of a job."""

import time

MAX_WAIT_S = 20
"""Maximum time in seconds that the service may hold back a response (`Prefer: wait=N`)."""


class Pace:
    """How long to wait for a change: the service holds its response, and polls are a growing interval apart."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._began = self._asked = time.monotonic()
        self._interval_s = 0.1

    def left_s(self) -> float:
        """Return the seconds that are left, at least 0."""
        gone_s = time.monotonic() - self._began
        return float(MAX_WAIT_S) if self._timeout_s is None else max(0.0, self._timeout_s - gone_s)

    def preference(self) -> dict[str, str]:
        """Return the header of the next request."""
        self._asked = time.monotonic()
        wait_s = int(min(MAX_WAIT_S, self.left_s()))
        return {"Prefer": f"wait={wait_s}"} if wait_s else {}

    def pause_s(self) -> float:
        """Return how long to sleep before the next request. A response that was held back needs no pause."""
        self._interval_s = min(2.0, self._interval_s * 1.5)
        return min(self.left_s(), max(0.0, self._interval_s - (time.monotonic() - self._asked)))
