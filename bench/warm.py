"""Warm calls: the whole call through the handler, and our own code in it."""

import json
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from bench.contestants import EVENT, INSIDE, ROOT, FunctionProcess
from bench.rows import Row, interleaved, of_rounds, ratios
from bench.run import Run
from bench.starts import NAIVE, PEERS

CALLS = 20
"""Calls of each contestant in a round."""


def rows(run: Run) -> Iterator[Row]:
    """Measure warm synchronous calls, interleaved."""
    with ExitStack() as stack:
        found = [run.contestants.interlock(), *map(run.contestants.peer, PEERS)]
        processes = {one.name: stack.enter_context(FunctionProcess(one)) for one in found}
        for process in processes.values():
            process.call(CALLS)
        calls = {name: partial(_call_ms, process) for name, process in processes.items()}
        times = interleaved(calls, run.rounds)
    ours = times["interlock"]
    yield of_rounds("warm call ÷ naive", ratios(ours, times[NAIVE]), "ratio", 0.40)
    yield of_rounds("warm call ÷ FastAPI", ratios(ours, times["fastapi_mangum"]), "ratio", 0.60)
    for name, values in times.items():
        yield of_rounds(f"warm call of {name}", values, "ms")
    yield from _inside(run)


def _call_ms(process: FunctionProcess) -> float:
    return statistics.median(process.call(CALLS)) / 1e6


def _inside(run: Run) -> Iterator[Row]:
    own = inside(run, "own_code.py", str(EVENT), str(run.rounds))
    to_bare = ratios(own["own_us"], own["bare_us"])
    yield of_rounds(
        "own code of a warm call, no I/O, no sandbox ÷ json.loads → call → json.dumps", to_bare, "ratio", 10
    )
    yield of_rounds("own code of a warm call", own["own_us"], "µs")
    times = inside(run, "sandbox.py", str(run.rounds))
    yield of_rounds("sandbox round trip, 1 KB", times["round_trip_us"], "µs", 250)
    yield of_rounds("ToolRunner, 5 MB in", times["tool_runner_ms"], "ms", 15)


def inside(run: Run, script: str, *arguments: str) -> dict[str, list[float]]:
    """Run a script with what the execute function can import, and return its answer."""
    contestant = run.contestants.interlock()
    command = [*contestant.interpreter, str(INSIDE / script), *arguments]
    path = f"{contestant.variables['PYTHONPATH']}:{ROOT}"
    done = subprocess.run(command, env={**contestant.variables, "PYTHONPATH": path}, stdout=subprocess.PIPE, check=True)
    answer: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return answer
