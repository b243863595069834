"""The limits of a run."""

import math

from msgspec import Struct

from interlock.domain.deadline import Deadline


class Limits(Struct, frozen=True):
    """The limits of a run, in seconds, MiB and bytes.

    `load_s` applies to loading the code, unless a process has loaded it before, and `wall_s` to the run. `grace_s` is
    the time from SIGTERM to SIGKILL. `memory_mb` limits resident memory, child processes included. `deadline` bounds
    loading, fetching files and running together, without the grace.
    """

    wall_s: float
    load_s: float
    memory_mb: int
    result_bytes: int
    grace_s: float = 2.0
    deadline: Deadline = Deadline(math.inf)
