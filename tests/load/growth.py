"""The growth of a stack under load: processes, memory and descriptors, by quarters of the run."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.load.usage import Usage

QUARTERS = 4

BOUNDS: Mapping[str, float] = {"processes": 4, "memory_mb": 100, "first_descriptors": 10, "first_memory_mb": 15}
"""The permitted growth of each figure from the second quarter of a run to the last, by medians. The bounds of processes
and of total memory leave room for an environment that a stall has added, with its worker process."""

NAMES: Mapping[str, str] = {
    "processes": "processes",
    "memory_mb": "memory MB",
    "first_descriptors": "descriptors of the first",
    "first_memory_mb": "memory MB of the first",
}


@dataclass(frozen=True, slots=True)
class Growth:
    """A figure of `Usage`: the medians of the quarters of a run. The first quarter is the warm-up."""

    name: str
    quarters: Sequence[float]

    @property
    def grown(self) -> float:
        """The difference between the last quarter and the second."""
        return self.quarters[-1] - self.quarters[1]

    @property
    def bound(self) -> float:
        return BOUNDS[self.name]

    @property
    def problem(self) -> str | None:
        """A message if the growth is over its bound."""
        if self.grown <= self.bound:
            return None
        return f"{NAMES[self.name]} grew by {self.grown:.0f} after the warm-up, and may grow by {self.bound:.0f}"


def growths(samples: Sequence[Usage]) -> list[Growth]:
    """Return the growth of each figure. At least one sample for each quarter is needed."""
    edges = [round(quarter * len(samples) / QUARTERS) for quarter in range(QUARTERS + 1)]
    quarters = [samples[start:end] for start, end in pairwise(edges)]
    return [
        Growth(name, [statistics.median(getattr(one, name) for one in quarter) for quarter in quarters])
        for name in BOUNDS
    ]
