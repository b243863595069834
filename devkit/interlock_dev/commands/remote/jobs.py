"""`interlock jobs`, `job` and `logs`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.live import Live
from rich.table import Table

from interlock_client import Interlock, Job
from interlock_client.documents import JobDocument
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.following import exit_of, follow, follow_as_json, show_error
from interlock_dev.commands.remote.output import (
    cancel_text,
    console,
    details,
    moments,
    print_json,
    printable,
    table,
    took,
    webhook_rows,
    when,
)
from interlock_dev.commands.remote.target import connect

_WATCH_S = 2.0


@dataclass(frozen=True, slots=True)
class Filters:
    """Which jobs to list, and how many."""

    plugin: str | None
    tool: str | None
    statuses: Sequence[Any]
    created_after: datetime | None
    created_before: datetime | None
    limit: int
    batch: str | None = None

    def jobs(self, interlock: Interlock) -> list[Job]:
        """Return the jobs, newest first."""
        listed = interlock.jobs(
            plugin=self.plugin,
            tool=self.tool,
            status=list(self.statuses) or None,
            batch=self.batch,
            created_after=self.created_after,
            created_before=self.created_before,
            limit=self.limit,
        )
        return list(listed)


def show_jobs(target: Target, filters: Filters, *, json: bool, watch: bool) -> Exit:
    """Print jobs as a table. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        if watch:
            _watch(interlock, filters, json=json)
        elif json:
            print_json([job.document for job in filters.jobs(interlock)])
        else:
            console().print(_table(filters.jobs(interlock)))
    return Exit.OK


def show_job(target: Target, job_id: str, *, json: bool, follow_it: bool) -> Exit:
    """Print a job, or follow it and return the exit status for its outcome. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        job = interlock.job(job_id)
        if not follow_it:
            print_json(job.document) if json else console().print(_details(job.document))
            return Exit.OK
        if json:
            follow_as_json(job)
        else:
            follow(job, stderr=False)
        job.refresh()
        if job.error is not None and not json:
            show_error(job.error, job)
        return exit_of(job)


def show_logs(target: Target, job_id: str, *, json: bool, follow_it: bool) -> Exit:
    """Print the log lines of a job. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        for event in interlock.job(job_id).events(follow=follow_it):
            if event["type"] == "log" and json:
                print_json(event)
            elif event["type"] in {"log", "dropped"} and not json:
                sys.stdout.write(printable(event["message"]) + "\n")
                sys.stdout.flush()
    return Exit.OK


def _watch(interlock: Interlock, filters: Filters, *, json: bool) -> None:
    """Show the jobs again and again until Ctrl-C. Without a terminal, print each change of a job."""
    out = console()
    try:
        if out.is_terminal and not json:
            with Live(_table(filters.jobs(interlock)), console=out, screen=False) as live:
                while True:
                    time.sleep(_WATCH_S)
                    live.update(_table(filters.jobs(interlock)))
        _print_changes(interlock, filters, json=json)
    except KeyboardInterrupt:
        pass


def _print_changes(interlock: Interlock, filters: Filters, *, json: bool) -> None:
    seen: dict[str, str] = {}
    while True:
        for job in reversed(filters.jobs(interlock)):
            if seen.get(job.id) != job.status:
                seen[job.id] = job.status
                line = f"{job.id}  {job.tool}  {job.status}"
                print_json(job.document) if json else sys.stdout.write(line + "\n")
        sys.stdout.flush()
        time.sleep(_WATCH_S)


def _table(jobs: Sequence[Job]) -> Table:
    return table(("job", "tool", "status", "", "created", "took"), [row_of(job.document) for job in jobs])


def row_of(job: Any) -> Sequence[Any]:
    """Return the cells of a job's document in a table of jobs."""
    tool = f"{job['plugin']}.{job['tool']}"
    return job["job_id"], tool, job["status"], _note(job), when(job["created_at"]), took(job)


def _note(job: JobDocument) -> str:
    """Return the key of a batch's item, and the error or progress."""
    if job["error"]:
        what = job["error"]["code"]
    elif job["progress"] and job["status"] in {"running", "cancelling"}:
        what = f"{job['progress']['fraction']:.0%} {job['progress']['message']}"[:40]
    else:
        what = ""
    return ": ".join(filter(None, (job["key"], what))) or " "


def _details(job: JobDocument) -> Table:
    rows: list[tuple[str, Any]] = [
        ("job", job["job_id"]),
        ("tool", f"{job['plugin']}.{job['tool']} {job['plugin_version']}"),
        ("status", job["status"]),
    ]
    if job["progress"]:
        rows.append(("progress", f"{job['progress']['fraction']:.0%} {job['progress']['message']}"))
    if job["error"]:
        rows.append(("error", f"{job['error']['code']}: {job['error']['message']}"))
    if job["cancel"]:
        rows.append(("cancel", cancel_text(job["cancel"])))
    rows += [
        *moments(job),
        ("waited", _between(job["created_at"], job["started_at"])),
        ("ran", took(job)),
        ("attempt", job["attempt"]),
        ("limit", f"{job['timeout_s']:g} s"),
        ("deadline", job["deadline_at"]),
        ("rerun of", job["rerun_of"]),
        ("batch", job["batch_id"]),
        ("key", job["key"]),
        ("source", _source(job)),
    ]
    rows += webhook_rows(job["webhook"])
    return details(rows)


def _source(job: JobDocument) -> str:
    """Return how the job was created, and by which client if it named itself."""
    client = job["client"]
    return f"{job['source']} ({client['name']} {client['version']})" if client else job["source"]


def _between(start: str | None, end: str | None) -> str:
    if start is None or end is None:
        return "-"
    return f"{(datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() * 1000:.0f} ms"
