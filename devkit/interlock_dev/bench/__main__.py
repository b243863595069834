"""`python -m interlock_dev.bench` measures latencies through the local stack, as ratios to the lightest route."""

import argparse
import base64
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from interlock_dev.bench import cancelling
from interlock_dev.project.paths import Project
from interlock_dev.stack.client import Client, local_stack

ROUNDS = 40
JOBS, CONCURRENCY = 40, 8
MISFIT: dict[str, object] = {"image": [[]] * 1_650_000}

console = Console(highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return 0."""
    options = _parser().parse_args(arguments)
    root = Project.find(Path.cwd()).root
    image = base64.b64encode((root / "tests" / "images" / "page.png").read_bytes()).decode()
    with (
        tempfile.TemporaryDirectory() as folder,
        local_stack(
            root,
            root / ".interlock" / "bench.log",
            *("--plugin", str(cancelling.PLUGIN)),
            program=("-m", "interlock_dev.bench.watched_stack", folder),
        ) as (client, _),
    ):
        # Rows are interleaved, so that other load on the machine affects all alike.
        rows: dict[str, Callable[[], object]] = {
            "GET /v1/health (gateway and runtime alone)": lambda: client.call("GET", "/v1/health"),
            "GET /v1/plugins/image (with the authorizer)": lambda: client.call("GET", "/v1/plugins/image"),
            "POST /v1/execute image.inspect": lambda: client.execute("image", "inspect", {"image": image}),
            "POST /v1/execute, 5 MB of invalid input": lambda: client.execute("image", "inspect", MISFIT),
            "POST /v1/execute ocr.analyze": lambda: client.execute("ocr", "analyze", {"image": image}),
            "respond-async image.inspect, until finished": lambda: client.until_final(
                client.submit("image", "inspect", {"image": image})
            ),
        }
        for call in rows.values():
            call()
        measured: dict[str, list[float]] = {name: [] for name in rows}
        for _ in range(ROUNDS):
            for name, call in rows.items():
                measured[name].append(_timed_ms(call))
        throughput = _throughput(client, image)
        _print(measured)
        console.print(f"{JOBS} asynchronous jobs at concurrency {CONCURRENCY}: {throughput:.1f} jobs/s")
        console.print(cancelling.table(cancelling.measure(client, Path(folder), options.cancels)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m interlock_dev.bench", description=__doc__)
    parser.add_argument("--cancels", type=int, default=20, metavar="N", help="jobs to cancel for each row (20)")
    return parser


def _timed_ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def _throughput(client: Client, image: str) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        ids = list(pool.map(lambda _: client.submit("image", "inspect", {"image": image}), range(JOBS)))
        list(pool.map(client.until_final, ids))
    return JOBS / (time.perf_counter() - began)


def _print(measured: dict[str, list[float]]) -> None:
    table = Table(box=None, padding=(0, 3, 0, 0))
    for column in ("", "p50 ms", "p95 ms", "ratio of p50"):
        table.add_column(column, justify="right" if column else "left")
    base = statistics.median(next(iter(measured.values())))
    for name, values in measured.items():
        p50, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        table.add_row(name, f"{p50:.1f}", f"{p95:.1f}", f"{p50 / base:.2f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
