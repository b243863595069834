"""`python scripts/mutation_score.py STATS`: print the share of killed mutants, from mutmut's statistics."""

import json
import sys
from pathlib import Path

DUE = 93.0
"""Required percentage of killed mutants. Mutants without a test, or with a suspicious result, count as alive."""


def score(stats: dict[str, int]) -> float:
    """Return the percentage of killed mutants. A mutant that makes the tests hang counts as killed."""
    return 100 * (stats["killed"] + stats["timeout"]) / stats["total"] if stats["total"] else 0.0


def main(path: Path) -> int:
    """Print the counts and the score. Return 1 if the score is below `DUE`."""
    stats = json.loads(path.read_text())
    print(", ".join(f"{count} {name}" for name, count in stats.items() if isinstance(count, int) and count))
    print(f"{score(stats):.1f} % killed, {DUE:g} % are required")
    return 0 if score(stats) >= DUE else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
