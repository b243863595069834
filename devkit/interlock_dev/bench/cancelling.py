"""Rows of the bench: how long it takes from the request to cancel a job until its process is gone, under load."""

import os
import random
import select
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from interlock_dev.bench import watched_stack
from interlock_dev.stack.client import FINAL, Client

PLUGIN = Path(__file__).with_name("plugin.py")
LOAD = 8
"""Other jobs that run all the time."""

LIMITS_S = {"yields": 2.0, "stubborn": 4.0}
"""The contract's time for each tool of the plugin."""

POLL_S = 1.0
"""Asked more often, the API would be the load. No time that is measured depends on it."""

AT_ONCE = 4
"""Jobs that are being cancelled, besides."""

HEARTBEAT_S = 1.0
START_LIMIT_S = GONE_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Cancel:
    """`gone_s` after the request the process was gone. `told_early`: `cancelled` was written before that."""

    gone_s: float
    told_early: bool


def measure(client: Client, folder: Path, count: int) -> dict[str, list[Cancel]]:
    """Cancels `count` jobs of each tool, some at a time, while `LOAD` other jobs run, on a stack that was started as
    `watched_stack` for this folder."""
    with _load(client), ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [(tool, pool.submit(_cancel, client, tool, folder)) for _ in range(count) for tool in LIMITS_S]
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
    """Starts a job of the load; returns when it runs."""
    job_id = client.submit("cancellable", "works", {})
    while client.job(job_id)["status"] == "pending":
        time.sleep(POLL_S)
    return job_id


def _cancel(client: Client, tool: str, folder: Path) -> Cancel:
    job_id = client.submit("cancellable", tool, {"folder": str(folder)})
    process = os.pidfd_open(_pid(folder / job_id))
    # The cancel comes anywhere between two heartbeats; the second one brings it to the worker.
    time.sleep(random.uniform(0, HEARTBEAT_S))  # noqa: S311 - protects nothing
    try:
        with ThreadPoolExecutor(1) as pool:
            gone = pool.submit(_gone_at, process)
            asked_at = time.monotonic()
            answer = client.call("POST", f"/v1/jobs/{job_id}/cancel")
            if answer.status != 202:
                raise RuntimeError(f"the cancel was answered with {answer.status}: {answer.body}")
            gone_at = gone.result()
        while (job := client.job(job_id))["status"] not in FINAL:
            time.sleep(POLL_S)
        if job["status"] != "cancelled":
            raise RuntimeError(f"the job that was cancelled is {job['status']}")
        return Cancel(gone_at - asked_at, told_early=watched_stack.ran_when_cancelled(folder, job_id))
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
    """Waits until the process is gone; the time at which that was seen."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    if not poll.poll(GONE_LIMIT_S * 1000):
        raise TimeoutError("the process goes on")
    return time.monotonic()


def table(measured: dict[str, list[Cancel]]) -> Table:
    """Both distributions."""
    found = Table(box=None, padding=(0, 3, 0, 0))
    for column in (f"cancel, load {LOAD}", "p50 ms", "p95 ms", "max ms", "in time", "told early"):
        found.add_column(column, justify="right", no_wrap=True)
    for tool, cancels in measured.items():
        found.add_row(tool, *_cells(cancels, LIMITS_S[tool]))
    return found


def _cells(cancels: Sequence[Cancel], limit_s: float) -> list[str]:
    values = [cancel.gone_s for cancel in cancels]
    p95 = statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
    share = sum(value < limit_s for value in values) / len(values)
    early = sum(cancel.told_early for cancel in cancels)
    times = [f"{value * 1000:.0f}" for value in (statistics.median(values), p95, max(values))]
    return [*times, f"{share:.1%} in {limit_s:g} s", f"{early} of {len(values)}"]
