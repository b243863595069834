"""The end of a process that was told to stop."""

from typing import Literal

Stopped = Literal["stopped", "killed"]
"""`stopped`: it ended within the grace period after SIGTERM. `killed`: it needed SIGKILL."""
