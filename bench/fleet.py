"""Many plugins in one layer: the list of plugins, and the first lookup of one."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.fakes.jobs import counted_job
from tests.fakes.plugins import a_plugin, an_index
from tests.service.dynamodb_local import missing

from bench import table
from bench.contestants import FunctionProcess
from bench.items import items_of
from bench.rows import Row, interleaved, of_rounds, ratios
from bench.run import Run
from bench.warm import inside
from interlock.domain.job_status import JobStatus
from interlock_dev.project.template import ACCOUNT, REGION

FEW, MANY = 10, 1_000
CALLS = 5


def rows(run: Run) -> Iterator[Row]:
    """Measure the list of plugins, and a plugin's first lookup."""
    name = f"GET /v1/plugins at {MANY:,} plugins ÷ at {FEW}"
    with ExitStack() as stack:
        functions = _functions(run, stack)
        run.server.requests()
        functions[MANY].call()
        requests = len(run.server.requests())
        yield Row(f"table requests of GET /v1/plugins at {MANY:,} plugins", requests, "requests", 3)
        yield _ratio(f"{name}, moto", functions, _call_ms, run.rounds)
        yield _ratio(f"{name}, processor time of the function", functions, _processor_ms, run.rounds)
    if lacking := missing():
        yield Row(f"{name}, DynamoDB Local", None, "ratio", 2, note=f"needs {lacking}")
    else:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            local = Run(folder, run.rounds, stack.enter_context(table.local()))
            yield _ratio(f"{name}, DynamoDB Local", _functions(local, stack), _call_ms, run.rounds)
    found = inside(run, "lookup.py", str(run.rounds), str(_index(run, 1)), str(_index(run, MANY)))
    first, many = found.values()
    yield of_rounds(f"first lookup of a plugin at {MANY:,} plugins ÷ at 1", ratios(many, first), "ratio", 1.2)


def _functions(run: Run, stack: ExitStack) -> dict[int, FunctionProcess]:
    """Start a function with a separate table for each number of plugins."""
    event = run.event("plugins", method="GET", path="/v1/plugins")
    functions = {}
    for count in (FEW, MANY):
        name = f"plugins-{count}"
        run.server.create(run.contestants.table, name)
        _count(run, count, name)
        jobs = run.contestants.interlock("JobsFunction", index=_index(run, count))
        functions[count] = stack.enter_context(FunctionProcess(jobs.with_variables(INTERLOCK_TABLE=name), event))
    return functions


def _ratio(
    name: str, functions: Mapping[int, FunctionProcess], measure: Callable[[FunctionProcess], float], rounds: int
) -> Row:
    times = interleaved({count: partial(measure, one) for count, one in functions.items()}, rounds)
    return of_rounds(name, ratios(times[MANY], times[FEW]), "ratio", 2)


def _count(run: Run, count: int, name: str) -> None:
    """Give each plugin a job in its counters, through the function that reads the table's stream."""
    jobs = (
        counted_job(JobStatus.SUCCEEDED, tenant="bench", plugin=f"plugin_{number:04}", tool="say")
        for number in range(count)
    )
    stream = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}/stream/2026-01-01T00:00:00.000"
    records = [
        {
            "eventID": str(number),
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "eventSourceARN": stream,
            "dynamodb": {
                "ApproximateCreationDateTime": time.time(),
                "Keys": {key: item[key] for key in ("pk", "sk")},
                "NewImage": item,
                "SequenceNumber": str(10**20 + number),
                "SizeBytes": 1000,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        }
        for number, item in enumerate(items_of(jobs))
    ]
    event = run.folder / "stream.json"
    shard = f"shardId-{int(time.time() * 1000):020}-bench"
    event.write_text(json.dumps({"Records": records, "shardId": shard, "eventSourceARN": stream, "state": {}}))
    counting = run.contestants.interlock("CountJobsFunction").with_variables(INTERLOCK_TABLE=name)
    with FunctionProcess(counting, event) as function:
        if failures := function.answer.get("batchItemFailures"):
            raise RuntimeError(f"not counted: {failures}")


def _index(run: Run, count: int) -> Path:
    folder = run.folder / f"index-{count}"
    if not folder.exists():
        an_index(folder, *(a_plugin(f"plugin_{number:04}") for number in range(count)))
    return folder


def _call_ms(process: FunctionProcess) -> float:
    return statistics.median(process.call(CALLS)) / 1e6


def _processor_ms(process: FunctionProcess) -> float:
    return statistics.median(process.processor_ns(CALLS)) / 1e6
