"""The limits of a run."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`wall_s` counts from when the worker is ready, `load_s` until then, `grace_s` from SIGTERM to SIGKILL (seconds).
    `memory_mb` is resident memory with that of child processes (MiB).

    `total_s` bounds both together, whatever either leaves to the other; the grace comes on top of it.
    """

    wall_s: float
    load_s: float
    memory_mb: int
    result_bytes: int
    grace_s: float = 2.0
    total_s: float = math.inf
