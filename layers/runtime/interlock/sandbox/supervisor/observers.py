"""The callbacks of a run, and an alarm that calls an action at a given time."""

import math
import time
from collections.abc import Callable

from msgspec import Struct

from interlock.sandbox.supervisor.cancel import CancelToken
from interlock.sandbox.supervisor.endings import LogLine


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


class Observers(Struct, frozen=True):
    """The caller's cancellation token and alarm, and its callbacks for progress, log lines, and the reason why no
    process can be forked from the loaded code."""

    cancel: CancelToken | None
    alarm: Alarm
    on_progress: Callable[[float, str], None]
    on_log: Callable[[LogLine], None]
    on_unforkable: Callable[[str], None]
