"""Time a round trip through the sandbox, and a run of the ToolRunner with a large input.

`python sandbox.py ROUNDS` prints microseconds and milliseconds of each round.
"""

import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable

from interlock.composition.core import Core
from interlock.composition.sandbox import start_sandbox
from interlock.domain.deadline import Deadline
from interlock.domain.job_status import JobStatus
from interlock.sandbox import CancelToken, Channel, Code, Completed, Limits, Sandbox
from interlock.tools.tool_runner import Observer, ToolRunner

CALLS, LARGE_CALLS = 50, 5
LARGE = 5_000_000
LIMITS = Limits(wall_s=20, load_s=20, memory_mb=1000, result_bytes=1 << 20)


def serve(request: bytes, _channel: Channel) -> bytes:
    """Return the request. Runs in the worker process."""
    return request


def _round_trip(sandbox: Sandbox) -> None:
    if not isinstance(sandbox.run(Code(), "bench", bytes(1024), LIMITS), Completed):
        raise TypeError("the round trip did not complete")


def _large_run(runner: ToolRunner, core: Core) -> None:
    manifest, tool = core.registry.find("bench", "measure")
    call = core.registry.checked(manifest, tool, {"text": "x" * LARGE})
    observer = Observer(on_progress=lambda _fraction, _message: None, on_log=lambda _line: None)
    deadline = Deadline(math.inf, 20.0)
    outcome = runner.run(call, tenant="bench", job_id="JOB", deadline=deadline, cancel=CancelToken(), observer=observer)
    if outcome.status is not JobStatus.SUCCEEDED:
        raise RuntimeError(str(outcome))


def _each_us(call: Callable[[], None], calls: int) -> float:
    times = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - began) / 1000)
    return statistics.median(times)


def main(rounds: str) -> None:
    """Print the times of each round."""
    terminal = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    core = Core.from_env()
    small = Sandbox("bench.inside.sandbox:serve")
    small.start()
    runner = ToolRunner(core.registry, start_sandbox())
    times: dict[str, list[float]] = {"round_trip_us": [], "tool_runner_ms": []}
    for number in range(int(rounds) + 1):
        round_trip_us = _each_us(lambda: _round_trip(small), CALLS)
        tool_runner_ms = _each_us(lambda: _large_run(runner, core), LARGE_CALLS) / 1000
        if number:  # the first starts the workers
            times["round_trip_us"].append(round_trip_us)
            times["tool_runner_ms"].append(tool_runner_ms)
    os.write(terminal, json.dumps(times).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
