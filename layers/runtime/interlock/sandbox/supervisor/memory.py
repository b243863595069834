"""The watch over the memory of a run."""

import time
from collections.abc import Callable, Iterable

from interlock.sandbox.wire.processes import proportional_bytes, resident_bytes
from interlock.sandbox.wire.protocol import MIB

_FASTEST_FILL = 4096 * MIB
"""Bytes a second: about what code can write that does nothing else. The less is left, the sooner is the next look."""

_SHORTEST_PERIOD_S, _LONGEST_PERIOD_S = 0.005, 0.1

_LOOK_S = 0.02
"""So long a look goes on: enough for a thousand processes. Of more, some are seen: to look at all that a fork bomb has
made would take longer than to end it."""


class MemoryWatch:
    """Looks at how much memory processes have, as often as it takes to see it before they have much over their limit.

    `next_look_at` is of `time.monotonic()`.
    """

    def __init__(self, limit_mb: int, processes: Callable[[], Iterable[int]]) -> None:
        self._limit_bytes = limit_mb * MIB
        self._processes = processes
        self._plan(self._limit_bytes, took_s=0.0)

    def look(self) -> int | None:
        """Their size in bytes when it is over the limit."""
        began = time.monotonic()
        sizes: dict[int, int] = {}
        for pid in self._processes():
            sizes[pid] = resident_bytes(pid)
            if time.monotonic() > began + _LOOK_S:
                break
        size = sum(sizes.values())
        if size > self._limit_bytes and len(sizes) > 1:
            # Forks share pages, which count for each up to here. Only now is the exact size worth its time.
            size = _exact_bytes(sizes)
        self._plan(self._limit_bytes - size, took_s=time.monotonic() - began)
        return size if size > self._limit_bytes else None

    def _plan(self, left_bytes: int, *, took_s: float) -> None:
        period_s = min(max(left_bytes / _FASTEST_FILL, _SHORTEST_PERIOD_S), _LONGEST_PERIOD_S)
        # Never more than half of the time: the other descriptors want to be read.
        self.next_look_at = time.monotonic() + max(period_s, took_s)


def _exact_bytes(resident: dict[int, int]) -> int:
    """The memory of processes, whose resident sizes are given, with what they share counted once. The large ones are
    asked first; when the time is over, the others are taken to share as much as those."""
    until = time.monotonic() + _LOOK_S
    exact = asked = 0
    for pid in sorted(resident, key=resident.__getitem__, reverse=True):
        exact += proportional_bytes(pid)
        asked += resident[pid]
        if time.monotonic() > until:
            break
    return exact * sum(resident.values()) // max(asked, 1)
