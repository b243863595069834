"""`python -m tests.load` puts a local stack under load, and prints latencies, throughput and what the stack used.

It fails if an answer was not the expected one, or if the number of processes or descriptors, or memory, grew after the
warm-up, the first quarter of the run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from interlock_dev.stack.client import Client, local_stack
from tests.load.growth import NAMES, QUARTERS, Growth, growths
from tests.load.usage import Usage, usage

ROOT = Path(__file__).parents[2]
LOCUST = ROOT / ".tools" / "locust" / "bin" / "locust"
PLUGIN = ROOT / "tests" / "exhaustive" / "plugins" / "soak.py"
PROGRAM = ("-m", "tests.load.measured_stack")

LONG = 4_000
"""Number of executions from which growth is judged: a shorter run ends while environments are still being started and
before the first jobs expire."""

SAMPLE_S = 2.0

console = Console(highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load, print the tables, and return 0 if all went well."""
    options = _parser().parse_args(arguments)
    log = ROOT / ".interlock" / "load.log"
    with local_stack(ROOT, log, "--plugin", str(PLUGIN), program=PROGRAM) as (client, process):
        began = time.monotonic()
        samples, results = run(client, process.pid, options.executions, options.callers)
        elapsed_s = time.monotonic() - began
    console.print(_latencies(results["requests"]))
    console.print(f"{options.executions} executions in {elapsed_s:.0f} s, {options.callers} callers: "
                  f"{options.executions / elapsed_s:.1f} executions/s, "
                  f"{results['requests'][-1]['count'] / elapsed_s:.1f} requests/s")  # fmt: skip
    found = growths(samples)
    console.print(_usages(found))
    grown = [one.problem for one in found if one.problem] if options.executions >= LONG else []
    problems = [*results["errors"], *grown]
    for problem in problems:
        console.print(f"FAILED: {problem}")
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--executions", type=int, default=20_000, metavar="N", help="jobs to create (20000)")
    parser.add_argument("--callers", type=int, default=16, metavar="N", help="concurrent callers (16)")
    return parser


def run(client: Client, pid: int, executions: int, callers: int) -> tuple[list[Usage], Any]:
    """Run locust. Return samples of the stack's usage meanwhile, and locust's results."""
    samples: list[Usage] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_S):
            samples.append(usage(pid))

    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.json")
        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        try:
            _locust(client, executions, callers, results)
        finally:
            over.set()
            sampler.join()
        samples.append(usage(pid))
        return samples, json.loads(results.read_text())


def _locust(client: Client, executions: int, callers: int, results: Path) -> None:
    subprocess.run(
        [
            LOCUST,
            *("-f", Path(__file__).with_name("locustfile.py"), "--host", client.url),
            *("--headless", "--users", str(callers), "--spawn-rate", str(callers)),
            *("--only-summary", "--stop-timeout", "60", "--exit-code-on-error", "0", "--loglevel", "WARNING"),
        ],
        env={
            **os.environ,
            "INTERLOCK_LOAD_EXECUTIONS": str(executions),
            "INTERLOCK_LOAD_RESULTS": str(results),
            "INTERLOCK_LOAD_KEY": client.api_key,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def _latencies(requests: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0))
    for column in ("", "requests", "failures", "p50 ms", "p95 ms", "p99 ms"):
        table.add_column(column, justify="right" if column else "left")
    for row in requests:
        times = [f"{row[name]:.0f}" for name in ("p50_ms", "p95_ms", "p99_ms")]
        table.add_row(row["name"], str(row["count"]), str(row["failures"]), *times)
    return table


def _usages(found: Sequence[Growth]) -> Table:
    """Return the medians of the quarters, and the growth after the first."""
    table = Table(box=None, padding=(0, 3, 0, 0))
    quarters = ("warm-up", *(f"to {quarter / QUARTERS:.0%}" for quarter in range(2, QUARTERS + 1)))
    for column in ("medians", *quarters, "growth", "allowed"):
        table.add_column(column, justify="right" if column != "medians" else "left")
    for one in found:
        cells = (*(f"{value:.0f}" for value in one.quarters), f"{one.grown:+.0f}", f"{one.bound:.0f}")
        table.add_row(NAMES[one.name], *cells)
    return table


if __name__ == "__main__":
    sys.exit(main())
