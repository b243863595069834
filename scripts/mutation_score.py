"""`python scripts/mutation_score.py STATS`: what share of the mutants the tests killed, from mutmut's statistics."""

import json
import sys
from pathlib import Path

DUE = 85.0
"""Percent of all mutants. One that no test reaches, or that looks suspicious, is not killed."""


def score(stats: dict[str, int]) -> float:
    """The killed among all mutants, in percent. One that hangs the tests is killed: they do not pass."""
    return 100 * (stats["killed"] + stats["timeout"]) / stats["total"] if stats["total"] else 0.0


def main(path: Path) -> int:
    """Prints the counts and the score; 1 when that is under what is due."""
    stats = json.loads(path.read_text())
    print(", ".join(f"{count} {name}" for name, count in stats.items() if isinstance(count, int) and count))
    print(f"{score(stats):.1f} % killed, {DUE:g} % are due")
    return 0 if score(stats) >= DUE else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
