"""Merge partitions that are each read in chunks, newest entry first, until enough entries are found or a budget is used
up. Pure, apart from the function that reads a chunk."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import ceil, sqrt
from typing import Any

from msgspec import Struct, field

type Entry = Mapping[str, Any]

SPARE = 1.5
"""Standard deviations that are added to a lane's share for its first chunk, because partitions are not equally full."""

MIN_CHUNK, MAX_CHUNK = 12, 64
"""Bounds of the chunks after the first. The smallest is 4 KB and costs no more than a single entry."""


class Chunk(Struct, frozen=True):
    """Matching entries of a partition, the number of entries that were looked at to find them, and the job id of the
    last entry that was looked at (None: the partition has no more)."""

    entries: Sequence[Entry]
    looked_at: int
    position: str | None


class Lane(Struct):
    """A partition that is being read.

    `read` takes a job id and a number, returns the next entries below that id, and looks at no more than that number.
    `position` is the job id down to which the partition was read, None at its end.
    """

    read: Callable[[str, int], Chunk]
    position: str | None
    unread: bool = True
    entries: deque[Entry] = field(default_factory=deque)

    @property
    def dry(self) -> bool:
        """Return whether the lane has to be read to know its next entry."""
        return not self.entries and self.position is not None

    def fill(self, size: int) -> Chunk:
        chunk = self.read(self.position or "", size)
        self.entries.extend(chunk.entries)
        self.position, self.unread = chunk.position, False
        return chunk


class Merged(Struct, frozen=True):
    """Entries by job id, newest first. They are complete down to the job id `floor` (None: to the end)."""

    entries: Sequence[Entry]
    floor: str | None


def merged(lanes: Sequence[Lane], count: int, budget: int) -> Merged:
    """Return the newest `count` entries of all lanes. There are fewer if `budget` entries were looked at before."""
    found: list[Entry] = []
    matched = looked_at = 0
    while len(found) < count:
        dry = [lane for lane in lanes if lane.dry]
        if not dry:
            lane = _newest(lanes)
            if lane is None:
                return Merged(found, None)
            found.append(lane.entries.popleft())
            continue
        # The dry lane that was read least far limits how far the entries of all lanes are known.
        behind = max(dry, key=lambda lane: (lane.unread, lane.position or ""))
        if behind.unread:
            share = count / len(lanes)
            size = ceil(share + SPARE * sqrt(share))
        elif looked_at < budget:
            in_hand = len(found) + sum(len(lane.entries) for lane in lanes)
            size = min(_next_size(max(count - in_hand, 0) / len(lanes), matched, looked_at), budget - looked_at)
        else:
            return _short(lanes, found)
        chunk = behind.fill(size)
        matched, looked_at = matched + len(chunk.entries), looked_at + chunk.looked_at
    return Merged(found, found[-1]["job_id"])


def _newest(lanes: Sequence[Lane]) -> Lane | None:
    """Return the lane with the newest entry."""
    return max((lane for lane in lanes if lane.entries), key=lambda lane: str(lane.entries[0]["job_id"]), default=None)


def _next_size(missing: float, matched: int, looked_at: int) -> int:
    """Return how many entries to look at to find the missing ones, by the share of entries that matched so far."""
    expected = missing * looked_at / max(matched, 1)
    return min(max(ceil(expected), MIN_CHUNK), MAX_CHUNK)


def _short(lanes: Sequence[Lane], found: list[Entry]) -> Merged:
    """Return the entries that need no further reads: all entries down to the highest position of a lane.

    All lanes count, dry or not. A lane with unused entries can have the highest position.
    """
    floor = max(lane.position for lane in lanes if lane.position is not None)
    rest = [entry for lane in lanes for entry in lane.entries if entry["job_id"] >= floor]
    return Merged([*found, *sorted(rest, key=lambda entry: str(entry["job_id"]), reverse=True)], floor)
