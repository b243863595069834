"""A callback that is due at a time during a run."""

import math
import time
from collections.abc import Callable


class Alarm:
    """Calls an action once, when it is due and the run has not ended yet. `at` is on the clock of `time.monotonic()`.

    The thread that waits for the run calls the action, so the action must not block.
    """

    def __init__(self, at: float, action: Callable[[], object]) -> None:
        self.at = at
        self._action = action

    @classmethod
    def never(cls) -> "Alarm":
        """Return an alarm that is never due."""
        return cls(math.inf, lambda: None)

    def ring_if_due(self) -> None:
        """Call the action if it is due and has not been called yet."""
        if time.monotonic() >= self.at:
            self.at = math.inf
            self._action()
