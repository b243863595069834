"""`python -m bench` measures what Interlock costs, as ratios to functions written without it, and writes the results.

The functions are the built ones (`make build`). All contestants use one table server in another process.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import (
    contestants,
    costs,
    counters,
    fleet,
    invalid_input,
    listing,
    publish,
    rows,
    starts,
    table,
    templates,
    warm,
)
from bench.rows import Row
from bench.run import Run

ROUNDS, QUICK_ROUNDS = 25, 3


def _on_moto(part: Callable[[Run], Iterator[Row]], rounds: int) -> list[Row]:
    """Run a part with a new server: a table that is full, or a server that counts, is slower."""
    with tempfile.TemporaryDirectory() as folder, table.moto() as server:
        return list(part(Run(Path(folder), rounds, server)))


PARTS: dict[str, Callable[[int], list[Row]]] = {
    "cold": lambda rounds: _on_moto(starts.rows, rounds),
    "warm": lambda rounds: _on_moto(warm.rows, rounds),
    "templates": lambda rounds: _on_moto(templates.rows, rounds),
    "costs": lambda rounds: _on_moto(costs.rows, rounds),
    "plugins": lambda rounds: _on_moto(fleet.rows, rounds),
    "listing": lambda rounds: list(listing.rows(rounds, quick=rounds == QUICK_ROUNDS)),
    "counters": lambda rounds: list(counters.rows(rounds)),
    "invalid": lambda rounds: _on_moto(invalid_input.rows, rounds),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the results, and return 0."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part, and write no results")
    options = parser.parse_args(arguments)
    if lacking := contestants.missing():
        parser.error(lacking)
    found: list[Row] = []
    try:
        for name in (part for part in PARTS if part in (options.only or PARTS)):
            began = time.monotonic()
            found += PARTS[name](QUICK_ROUNDS if options.quick else ROUNDS)
            sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    finally:
        rows.report(found)
    if not options.only:
        rows.write(found, publish.RESULTS)
        publish.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
