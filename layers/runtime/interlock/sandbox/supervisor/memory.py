"""Enforcement of a run's memory limit."""

import time
from collections.abc import Callable, Iterable

from interlock.sandbox.wire.processes import proportional_bytes, resident_bytes
from interlock.sandbox.wire.protocol import MIB

_FASTEST_FILL = 4096 * MIB
"""Bytes per second that code can write if it does nothing else. The check interval shrinks with the remaining memory.
"""

_SHORTEST_PERIOD_S, _LONGEST_PERIOD_S = 0.005, 0.1

_LOOK_S = 0.02
"""Longest duration of a check in seconds, enough for a thousand processes. Of more processes only some are measured:
measuring a whole fork bomb would take longer than ending it."""


class MemoryWatch:
    """Measures the memory of processes often enough to notice soon when they exceed their limit.

    `next_look_at` is on the clock of `time.monotonic()`.
    """

    def __init__(self, limit_mb: int, processes: Callable[[], Iterable[int]]) -> None:
        self._limit_bytes = limit_mb * MIB
        self._processes = processes
        self._plan(self._limit_bytes, took_s=0.0)

    def look(self) -> int | None:
        """Measure the processes. Return their size in bytes if it exceeds the limit, otherwise None."""
        began = time.monotonic()
        sizes: dict[int, int] = {}
        for pid in self._processes():
            sizes[pid] = resident_bytes(pid)
            if time.monotonic() > began + _LOOK_S:
                break
        size = sum(sizes.values())
        if size > self._limit_bytes and len(sizes) > 1:
            # Resident sizes count pages that forked processes share more than once. The exact size is slow, so measure
            # it only now.
            size = _exact_bytes(sizes)
        self._plan(self._limit_bytes - size, took_s=time.monotonic() - began)
        return size if size > self._limit_bytes else None

    def _plan(self, left_bytes: int, *, took_s: float) -> None:
        period_s = min(max(left_bytes / _FASTEST_FILL, _SHORTEST_PERIOD_S), _LONGEST_PERIOD_S)
        # Measure for at most half of the time, because output and frames must be read as well.
        self.next_look_at = time.monotonic() + max(period_s, took_s)


def _exact_bytes(resident: dict[int, int]) -> int:
    """Return the memory of processes with shared pages counted once. `resident` holds their resident sizes. The largest
    are measured first; when time runs out, the others are assumed to share the same part of their memory."""
    until = time.monotonic() + _LOOK_S
    exact = asked = 0
    for pid in sorted(resident, key=resident.__getitem__, reverse=True):
        exact += proportional_bytes(pid)
        asked += resident[pid]
        if time.monotonic() > until:
            break
    return exact * sum(resident.values()) // max(asked, 1)
