"""How a process that was told to stop came to an end."""

from typing import Literal

Stopped = Literal["stopped", "killed"]
"""`stopped`: it ended within the grace period after SIGTERM. `killed`: it needed SIGKILL."""
