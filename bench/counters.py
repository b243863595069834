"""How soon a plugin's counters equal its jobs after load, on the local stack."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.contestants import ROOT
from bench.rows import Row, of_rounds
from interlock_dev.stack.client import Client, local_stack

CONCURRENCY = 4
WITHIN_S = 60.0
PLUGIN = Path(__file__).with_name("echo.py")


def rows(rounds: int) -> Iterator[Row]:
    """Run jobs, and poll the plugin's health after the last response until it shows all of them."""
    jobs = 10 * CONCURRENCY
    waited = []
    log = ROOT / ".interlock" / "bench.log"
    with local_stack(ROOT, log, "--built", "--plugin", str(PLUGIN)) as (client, _):
        for number in range(1, min(rounds, 5) + 1):
            with ThreadPoolExecutor(CONCURRENCY) as pool:
                list(pool.map(lambda _: _run(client), range(jobs)))
            waited.append(_wait_s(client, number * jobs))
    yield of_rounds(f"counters equal the jobs after {jobs} executions, local stack", waited, "s", 2)


def _run(client: Client) -> None:
    answer = client.execute("bench", "echo", {"text": "hello"})
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {answer.body}")


def _wait_s(client: Client, expected: int) -> float:
    began = time.monotonic()
    while client.call("GET", "/v1/plugins/bench/health").body["success_count"] != expected:
        if time.monotonic() - began > WITHIN_S:
            raise TimeoutError("the counters do not equal the jobs")
        time.sleep(0.05)
    return time.monotonic() - began
