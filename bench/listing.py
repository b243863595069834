"""Pages of the job list: the time among many jobs, relative to few.

Both pages are full and have the same jobs: the few are the newest of the many, and `limit` is the number of them that
match the filter. The server is DynamoDB Local, because moto's queries read all items. Its time is part of the figures.
"""

import random
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.fakes.jobs import a_job
from tests.service.dynamodb_local import missing

from bench import table
from bench.contestants import FunctionProcess
from bench.items import fixed_ids, items_of
from bench.rows import Row, interleaved, of_rounds, ratios
from bench.run import Run
from bench.table import TableServer
from interlock.domain.job import Job
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.times import utc_now

FEW, MANY, QUICK_MANY = 100, 100_000, 10_000
PAGE, CALLS = 50, 5
SEED = 565
"""Chosen so that each filter matches some of the few."""

PLUGINS, TOOLS = ("bench", "echo", "image", "ocr"), ("echo", "say")
STATUSES = {
    JobStatus.SUCCEEDED: 90,
    JobStatus.FAILED: 4,
    JobStatus.TIMED_OUT: 2,
    JobStatus.CANCELLED: 2,
    JobStatus.RUNNING: 1,
    JobStatus.PENDING: 1,
}
"""How often each status occurs, in percent."""

FILTERS: Mapping[str, Mapping[str, str]] = {
    "no filter": {},
    "plugin": {"plugin": "bench"},
    "tool": {"tool": "echo"},
    "plugin and tool": {"plugin": "bench", "tool": "echo"},
    "succeeded": {"status": "succeeded"},
    "failed": {"status": "failed"},
    "running": {"status": "running"},
    "plugin and failed": {"plugin": "bench", "status": "failed"},
}


def rows(rounds: int, *, quick: bool) -> Iterator[Row]:
    """Measure a page of at most 50 with each filter."""
    many = QUICK_MANY if quick else MANY
    target = 1.5
    if lacking := missing():
        yield Row("list page among many jobs ÷ among 100", None, "ratio", target, note=f"needs {lacking}")
        return
    limits = {name: min(PAGE, sum(_matches(job, wanted) for job in _jobs(FEW))) for name, wanted in FILTERS.items()}
    with tempfile.TemporaryDirectory() as folder, table.local() as server:
        run = Run(Path(folder), rounds, server)
        tables = {count: _filled(run, server, count) for count in (FEW, many)}
        times = _measured(run, tables, limits)
    for name, limit in limits.items():
        found = ratios(times[name, many], times[name, FEW])
        yield of_rounds(f"list page of {limit} among {many:,} jobs ÷ among {FEW}, {name}", found, "ratio", target)


def _matches(job: Job, wanted: Mapping[str, str]) -> bool:
    return all(getattr(job, name) == value for name, value in wanted.items())


def _measured(run: Run, tables: Mapping[int, str], limits: Mapping[str, int]) -> dict[tuple[str, int], list[float]]:
    with ExitStack() as stack:
        calls = {}
        for name, wanted in FILTERS.items():
            query = {"limit": str(limits[name]), **wanted}
            event = run.event(name, method="GET", path="/v1/jobs", query=query)
            for count, its_table in tables.items():
                jobs = run.contestants.interlock("JobsFunction").with_variables(INTERLOCK_TABLE=its_table)
                process = stack.enter_context(FunctionProcess(jobs, event))
                if len(process.body["jobs"]) != limits[name]:
                    raise RuntimeError(f"the page with {name} among {count} jobs is not full")
                calls[name, count] = partial(_page_ms, process)
        return interleaved(calls, run.rounds)


def _page_ms(process: FunctionProcess) -> float:
    return statistics.median(process.call(CALLS)) / 1e6


def _filled(run: Run, server: TableServer, count: int) -> str:
    """Create a table with this number of jobs, and return its name."""
    name = f"jobs-{count}"
    server.create(run.contestants.table, name)
    server.fill(name, items_of(_jobs(count)))
    return name


def _jobs(count: int) -> Iterator[Job]:
    """Yield this number of jobs, newest first, the same in each run of the bench."""
    chosen, expiry = random.Random(SEED), utc_now() + timedelta(days=7)  # noqa: S311 - protects nothing
    for at, job_id in fixed_ids(count):
        [status] = chosen.choices(list(STATUSES), list(STATUSES.values()))
        yield a_job(
            status,
            tenant="bench",
            job_id=job_id,
            plugin=chosen.choice(PLUGINS),
            tool=chosen.choice(TOOLS),
            created_at=at,
            updated_at=at,
            expires_at=expiry,
            **({"completed_at": at} if status in FINAL else {}),
        )
