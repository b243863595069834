"""`python -m bench.cancelling` measures the time from a cancel request until the job's process is gone, under load."""

import argparse
import os
import random
import select
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import watched_stack
from bench.cancelled_tasks import Tasks
from interlock_dev.project.paths import Project
from interlock_dev.stack.client import FINAL, Client, local_stack

PLUGIN = Path(__file__).with_name("cancellable.py")
LOAD = 8
"""Number of other jobs that run meanwhile."""

LIMITS_S = {"yields": 2.0, "stubborn": 4.0}
"""The contract's time limit for each tool of the plugin."""

POLL_S = 1.0
"""More frequent polling would itself be the load. No measured time depends on it."""

AT_ONCE = 4
"""Number of jobs that are cancelled concurrently."""

HEARTBEAT_S = 1.0
START_LIMIT_S = GONE_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Cancel:
    """A measured cancel: `gone_s` is the time from the request until the process was gone; `written_early` is true if
    `cancelled` was written before that."""

    gone_s: float
    written_early: bool


class Jobs:
    """Submits and cancels jobs with the HTTP API."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def submit(self, plugin: str, tool: str, input: Mapping[str, Any]) -> str:
        """Submit a job, and return its id."""
        return self._client.submit(plugin, tool, input)

    def cancel(self, job_id: str) -> None:
        """Request the cancel of a running job. Raises RuntimeError if it is refused."""
        answer = self._client.call("POST", f"/v1/jobs/{job_id}/cancel")
        if answer.status != 202:
            raise RuntimeError(f"the cancel was answered with {answer.status}: {answer.body}")

    def ended(self, job_id: str) -> str | None:
        """Return the final status of a job, None if it has not ended."""
        status: str = self._client.job(job_id)["status"]
        return status if status in FINAL else None


def measure(client: Client, jobs: Jobs | Tasks, folder: Path, count: int) -> dict[str, list[Cancel]]:
    """Cancel `count` jobs of each tool, `AT_ONCE` concurrently, while `LOAD` other jobs run. The stack must have been
    started by `watched_stack` for this folder."""
    with _load(client), ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [(tool, pool.submit(_cancel, jobs, tool, folder)) for _ in range(count) for tool in LIMITS_S]
        return {tool: [cancel.result() for name, cancel in asked if name == tool] for tool in LIMITS_S}


@contextmanager
def _load(client: Client) -> Iterator[None]:
    over = threading.Event()

    def repeat(job_id: str) -> None:
        while not over.wait(POLL_S):
            if client.job(job_id)["status"] in FINAL:
                job_id = _loading_job(client)

    with ThreadPoolExecutor(LOAD) as pool:
        running = list(pool.map(lambda _: _loading_job(client), range(LOAD)))
        workers = [pool.submit(repeat, job_id) for job_id in running]
        try:
            yield
        finally:
            over.set()
    for worker in workers:
        worker.result()


def _loading_job(client: Client) -> str:
    """Start a job of the load, and return when it runs."""
    job_id = client.submit("cancellable", "works", {})
    while client.job(job_id)["status"] == "pending":
        time.sleep(POLL_S)
    return job_id


def _cancel(jobs: Jobs | Tasks, tool: str, folder: Path) -> Cancel:
    job_id = jobs.submit("cancellable", tool, {"folder": str(folder)})
    process = os.pidfd_open(_pid(folder / job_id))
    # A heartbeat brings the cancel to the worker, so cancel at a random time between two.
    time.sleep(random.uniform(0, HEARTBEAT_S))  # noqa: S311 - protects nothing
    try:
        with ThreadPoolExecutor(1) as pool:
            gone = pool.submit(_gone_at, process)
            asked_at = time.monotonic()
            jobs.cancel(job_id)
            gone_at = gone.result()
        while (status := jobs.ended(job_id)) is None:
            time.sleep(POLL_S)
        if status != "cancelled":
            raise RuntimeError(f"the job that was cancelled is {status}")
        return Cancel(gone_at - asked_at, written_early=watched_stack.ran_when_cancelled(folder, job_id))
    finally:
        os.close(process)


def _pid(file: Path) -> int:
    until = time.monotonic() + START_LIMIT_S
    while not file.exists():
        if time.monotonic() > until:
            raise TimeoutError("the job did not start")
        time.sleep(0.02)
    return int(file.read_text())


def _gone_at(process: int) -> float:
    """Wait until the process is gone, and return the time."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    if not poll.poll(GONE_LIMIT_S * 1000):
        raise TimeoutError("the process goes on")
    return time.monotonic()


def table(measured: dict[str, list[Cancel]]) -> Table:
    """Return the distributions as a table."""
    found = Table(box=None, padding=(0, 3, 0, 0))
    for column in (f"cancel, load {LOAD}", "p50 ms", "p95 ms", "max ms", "in time", "written early"):
        found.add_column(column, justify="right", no_wrap=True)
    for tool, cancels in measured.items():
        found.add_row(tool, *_cells(cancels, LIMITS_S[tool]))
    return found


def _cells(cancels: Sequence[Cancel], limit_s: float) -> list[str]:
    values = [cancel.gone_s for cancel in cancels]
    p95 = statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
    share = sum(value < limit_s for value in values) / len(values)
    early = sum(cancel.written_early for cancel in cancels)
    times = [f"{value * 1000:.0f}" for value in (statistics.median(values), p95, max(values))]
    return [*times, f"{share:.1%} in {limit_s:g} s", f"{early} of {len(values)}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 0."""
    parser = argparse.ArgumentParser(prog="python -m bench.cancelling", description=__doc__)
    parser.add_argument("--cancels", type=int, default=20, metavar="N", help="jobs to cancel for each row (20)")
    parser.add_argument("--mcp", action="store_true", help="cancel tasks of the Model Context Protocol")
    options = parser.parse_args(arguments)
    root = Project.find(Path.cwd()).root
    with (
        tempfile.TemporaryDirectory() as folder,
        local_stack(
            root,
            root / ".interlock" / "bench.log",
            *("--plugin", str(PLUGIN), "--parameter", f"WritableFolders={folder}"),
            program=("-m", "bench.watched_stack", folder),
        ) as (client, _),
    ):
        jobs = Tasks(client) if options.mcp else Jobs(client)
        Console(highlight=False).print(table(measure(client, jobs, Path(folder), options.cancels)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
