"""Requests to the table and their units, by the kind of work. Counts do not vary, so each is taken only once."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from tests.fakes.jobs import a_job

from bench.contestants import EVENT, FunctionProcess
from bench.items import fixed_ids, items_of
from bench.rows import Row
from bench.run import Run
from bench.table import Request
from interlock.domain.job_status import JobStatus
from interlock.domain.times import utc_now

LONG_S = 3.2
"""Duration of a long run in seconds. It has several heartbeats; at most one of them crosses a step of `settle_after`
and writes an index as well. The minimum of the heartbeats' units is therefore the same in each run."""

PAGES, LISTED = "pages", 60
"""The table that pages of 50 jobs are read from, and the number of finished jobs in it."""


def rows(run: Run) -> Iterator[Row]:
    """Count the requests that a call waits for, and the units of jobs and pages."""
    run.server.count_units()
    short = _requests(run, "ExecuteFunction", EVENT, warm=True)
    keyed = run.event("keyed", headers={"Idempotency-Key": "bench-1"})
    _requests(run, "ExecuteFunction", keyed)
    replay = _requests(run, "ExecuteFunction", keyed)
    submitted, job_id = _submit(run)
    read = _requests(run, "JobsFunction", _job_event(run, "GET", job_id))
    task = _requests(run, "RunJobFunction", _task_event(run, job_id))
    _, other = _submit(run)
    cancel = _requests(run, "JobsFunction", _job_event(run, "POST", other, "/cancel"))
    waits = {"short synchronous run": short, "replay": replay, "submit": submitted, "read": read, "cancel": cancel}
    for name, requests in waits.items():
        yield Row(f"table requests of a {name}", len(requests), "requests", 2 if name == "cancel" else 1)
    long = _requests(run, "ExecuteFunction", _long_event(run))
    beats = [one for one in long[1:-1] if one.write_units]
    yield Row("write units of a short synchronous job", _written(short), "units", 4)
    yield Row("write units of a long synchronous job", _written(long) - _written(beats), "units", 8)
    yield Row("write units of an asynchronous job", _written(submitted) + _written(task), "units", 12)
    yield Row("write units of a heartbeat", min((one.write_units for one in beats), default=None), "units", 2)
    yield from _pages(run)


def _requests(run: Run, function: str, event: Path, *, warm: bool = False, table: str | None = None) -> list[Request]:
    """Call a new function once, and return its requests. `warm` returns those of a second call instead: the start of a
    worker process may make the first call longer than the claim delay. `table` replaces the template's table."""
    contestant = run.contestants.interlock(function)
    if table is not None:
        contestant = contestant.with_variables(INTERLOCK_TABLE=table)
    run.server.requests()
    with FunctionProcess(contestant, event) as process:
        if warm:
            run.server.requests()
            process.call()
    return run.server.requests()


def _submit(run: Run) -> tuple[list[Request], str]:
    run.server.requests()
    event = run.event("submit", headers={"Prefer": "respond-async"})
    with FunctionProcess(run.contestants.interlock(), event) as function:
        return run.server.requests(), str(function.body["job_id"])


def _job_event(run: Run, method: str, job_id: str, more: str = "") -> Path:
    path = f"/v1/jobs/{job_id}{more}"
    return run.event("job", method=method, path=path, pathParameters={"job_id": job_id})


def _task_event(run: Run, job_id: str) -> Path:
    file = run.folder / "task.json"
    file.write_text(f'{{"tenant": "bench", "job_id": "{job_id}"}}')
    return file


def _long_event(run: Run) -> Path:
    return run.event("long", body={"plugin": "bench", "tool": "pause", "input": {"seconds": LONG_S}})


def _written(requests: Sequence[Request]) -> float:
    return sum(one.write_units for one in requests)


def _pages(run: Run) -> Iterator[Row]:
    """Read pages of a separate table with fixed job ids: the units depend on the jobs' shards, and these on the ids."""
    run.server.create(run.contestants.table, PAGES)
    expiry = utc_now() + timedelta(days=7)
    jobs = (
        a_job(
            JobStatus.SUCCEEDED,
            tenant="bench",
            job_id=job_id,
            plugin="bench",
            tool="echo",
            created_at=at,
            started_at=at,
            completed_at=at,
            updated_at=at,
            expires_at=expiry,
        )
        for at, job_id in fixed_ids(LISTED)
    )
    run.server.fill(PAGES, items_of(jobs))
    filters = {"no filter": {}, "a plugin": {"plugin": "bench"}, "a status": {"status": "succeeded"}}
    for name, wanted in filters.items():
        event = run.event("page", method="GET", path="/v1/jobs", query={"limit": "50", **wanted})
        units = sum(one.read_units for one in _requests(run, "JobsFunction", event, table=PAGES))
        yield Row(f"read units of a page of 50 finished jobs, {name}", units, "units", 12 if wanted else 10)
