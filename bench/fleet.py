"""Many plugins in one layer: the list of plugins, and the first lookup of one."""

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.fakes.jobs import counted_job
from tests.fakes.plugins import a_plugin, an_index

from bench.contestants import FunctionProcess
from bench.items import items_of
from bench.rows import Row, interleaved, of_rounds, ratios
from bench.run import Run
from bench.warm import inside
from interlock.domain.job_status import JobStatus
from interlock_dev.project.template import ACCOUNT, REGION

FEW, MANY = 10, 1_000


def rows(run: Run) -> Iterator[Row]:
    """Measure the list of plugins, and a plugin's first lookup."""
    with ExitStack() as stack:
        event = run.event("plugins", method="GET", path="/v1/plugins")
        functions = {}
        requests = {}
        for count in (FEW, MANY):
            table = f"plugins-{count}"
            run.server.create(run.contestants.table, table)
            _count(run, count, table)
            jobs = run.contestants.interlock("JobsFunction", index=_index(run, count))
            jobs = jobs.with_variables(INTERLOCK_TABLE=table)
            functions[count] = stack.enter_context(FunctionProcess(jobs, event))
            run.server.requests()
            functions[count].call()
            requests[count] = len(run.server.requests())
        times = interleaved({count: partial(_call_ms, one) for count, one in functions.items()}, run.rounds)
    yield Row(f"table requests of GET /v1/plugins at {MANY:,} plugins", requests[MANY], "requests", 3)
    yield of_rounds(f"GET /v1/plugins at {MANY:,} plugins ÷ at {FEW}", ratios(times[MANY], times[FEW]), "ratio", 2)
    found = inside(run, "lookup.py", str(run.rounds), str(_index(run, 1)), str(_index(run, MANY)))
    first, many = found.values()
    yield of_rounds(f"first lookup of a plugin at {MANY:,} plugins ÷ at 1", ratios(many, first), "ratio", 1.2)


def _count(run: Run, count: int, table: str) -> None:
    """Give each plugin a job in its counters, through the function that reads the table's stream."""
    jobs = (
        counted_job(JobStatus.SUCCEEDED, tenant="bench", plugin=f"plugin_{number:04}", tool="say")
        for number in range(count)
    )
    stream = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/2026-01-01T00:00:00.000"
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
                "Keys": {name: item[name] for name in ("pk", "sk")},
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
    counting = run.contestants.interlock("CountJobsFunction").with_variables(INTERLOCK_TABLE=table)
    with FunctionProcess(counting, event) as function:
        if failures := function.answer.get("batchItemFailures"):
            raise RuntimeError(f"not counted: {failures}")


def _index(run: Run, count: int) -> Path:
    folder = run.folder / f"index-{count}"
    if not folder.exists():
        an_index(folder, *(a_plugin(f"plugin_{number:04}") for number in range(count)))
    return folder


def _call_ms(process: FunctionProcess) -> float:
    return statistics.median(process.call(3)) / 1e6
