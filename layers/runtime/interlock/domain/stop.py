"""How a process ended after it was asked to stop."""

from typing import Literal

Stopped = Literal["stopped", "killed"]
"""`stopped`: it ended within the grace period after SIGTERM. `killed`: it needed SIGKILL."""
