"""Cold starts: from the start of a process to its first response, with all processes that it starts."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench import instructions
from bench.contestants import EVENT, Contestant, FunctionProcess
from bench.rows import Row, interleaved, of_rounds, ratios
from bench.run import Run

PEERS = ("naive_powertools", "chalice_app", "fastapi_mangum", "flask_apig")
NAIVE, CHALICE = PEERS[:2]
JOB = "job"


def rows(run: Run) -> Iterator[Row]:
    """Measure cold starts by wall time on two cores, on one, and by instructions."""
    contestants = {"interlock": run.contestants.interlock(), **{name: run.contestants.peer(name) for name in PEERS}}
    calls = {name: partial(_start_ms, contestant) for name, contestant in contestants.items()}
    calls[JOB] = partial(_start_ms, run.contestants.interlock("JobsFunction"), _get_job(run))
    for name in ("interlock", NAIVE):
        calls[f"{name} on one core"] = partial(_start_ms, contestants[name], core=0)
    for call in calls.values():
        call()
    times = interleaved(calls, run.rounds)
    to_naive = ratios(times["interlock"], times[NAIVE])
    yield of_rounds("cold start ÷ naive, two cores", to_naive, "ratio", 0.75)
    on_one_core = ratios(times["interlock on one core"], times[f"{NAIVE} on one core"])
    yield of_rounds("cold start ÷ naive, one core", on_one_core, "ratio")
    yield of_rounds("cold start ÷ Chalice", ratios(times["interlock"], times[CHALICE]), "ratio", 1.0)
    yield of_rounds("cold start of `jobs` (GET a job) ÷ naive", ratios(times[JOB], times[NAIVE]), "ratio", 0.55)
    yield from _counted(run, contestants["interlock"], contestants[NAIVE])
    for name in ("interlock", *PEERS):
        yield of_rounds(f"cold start of {name}", times[name], "ms")


def _get_job(run: Run) -> Path:
    job_id = run.finished_job
    return run.event("get-job", method="GET", path=f"/v1/jobs/{job_id}", pathParameters={"job_id": job_id})


def _start_ms(contestant: Contestant, event: Path = EVENT, *, core: int | None = None) -> float:
    with FunctionProcess(contestant, event, core=core) as function:
        return function.cold_ns / 1e6


def _counted(run: Run, ours: Contestant, naive: Contestant) -> Iterator[Row]:
    name = "cold start ÷ naive, instructions of all processes"
    if not instructions.available():
        yield Row(name, None, "ratio", 1.0, note="valgrind is not installed")
        return
    counts = [
        (instructions.of_calls(ours, children=2), instructions.of_calls(naive)) for _ in range(min(run.rounds, 3))
    ]
    yield of_rounds(name, [mine / theirs for mine, theirs in counts], "ratio", 1.0)
    yield of_rounds("instructions of a cold start of interlock", [mine / 1e6 for mine, _ in counts], "million")
