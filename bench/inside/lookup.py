"""Time the first lookup of a plugin in new plugin indexes.

`python lookup.py ROUNDS INDEX...` prints the times by index, in microseconds for each round.
"""

import json
import statistics
import sys
import time
from pathlib import Path

from interlock.plugins.index import PluginIndex

CALLS = 20


def _lookup_us(folder: Path) -> float:
    times = []
    for _ in range(CALLS):
        began = time.perf_counter_ns()
        PluginIndex(folder).manifest("plugin_0000")
        times.append((time.perf_counter_ns() - began) / 1000)
    return statistics.median(times)


def main(rounds: str, *folders: str) -> None:
    """Print the times of each round."""
    times: dict[str, list[float]] = {folder: [] for folder in folders}
    for _ in range(int(rounds)):
        for folder, found in times.items():
            found.append(_lookup_us(Path(folder)))
    print(json.dumps(times))  # noqa: T201 - the answer


if __name__ == "__main__":
    main(*sys.argv[1:])
