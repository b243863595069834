"""Invariants at rest, of the table alone and of the answers to clients."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.adapters.dynamo.attributes import deserialized
from interlock.adapters.dynamo.counters import metrics_from_items
from interlock.adapters.dynamo.values import job_from_item
from interlock.adapters.s3_files import S3Files
from interlock.domain.errors import NotFound
from interlock.domain.job import Job, StoredJson
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.metrics import ExecutionMetrics
from interlock.jobs.documents import Documents
from tests.exhaustive.ledger import Ledger, recorded
from tests.exhaustive.system import BUCKET, Place, Said, client

UNFINISHED = frozenset(JobStatus) - FINAL
NOTHING_TOLD = {404: "not_found", 503: "unavailable"}

type Counters = Mapping[str, Mapping[str, ExecutionMetrics]]
"""By plugin and tool."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Return the content of a table."""

    jobs: list[Job]
    counters: Counters
    claims: int


def contents(place: Place) -> Contents:
    """All of a table, read from its items."""
    pages = client("dynamodb", place.url).get_paginator("scan").paginate(TableName=place.table, ConsistentRead=True)
    of_kind: dict[str, list[dict[str, Any]]] = {"JOB": [], "METRICS": [], "IDEMPOTENCY": []}
    for item in (item for page in pages for item in page["Items"]):
        of_kind[item["pk"]["S"].partition("#")[0]].append(deserialized(item))
    shards: dict[str, list[dict[str, Any]]] = {}
    for item in of_kind["METRICS"]:
        shards.setdefault(item["pk"].partition("#")[2], []).append(item)
    return Contents(
        jobs=[job_from_item(item) for item in of_kind["JOB"]],
        counters={plugin: metrics_from_items(items) for plugin, items in shards.items()},
        claims=len(of_kind["IDEMPOTENCY"]),
    )


def violations(place: Place, ledger: Ledger, answers: list[Said], *, keyed: bool) -> list[str]:
    """Return violations in the table, the plugin's record and the answers. `keyed`: all requests had one key."""
    table = contents(place)
    found = [f"job {job.job_id} {problem}" for job in table.jobs for problem in ledger.violations(job)]
    found += [f"job {job.job_id} has no result" for job in table.jobs if job.result and not readable(place, job.result)]
    found += counter_violations(table.jobs, table.counters)
    found += answer_violations(answers, table.jobs)
    if lost := ledger.histories.keys() - {job.job_id for job in table.jobs}:
        found.append(f"jobs {lost} are gone")
    runs = sum(event.event == "began" for event in recorded(place.record))
    if keyed and (len(table.jobs) != 1 or table.claims != 1 or runs > 1):
        found.append(f"under one key there are {len(table.jobs)} jobs, {table.claims} claims and {runs} runs")
    return found


def readable(place: Place, stored: StoredJson) -> bool:
    """The document is there, all of it."""
    try:
        document = Documents(S3Files(client("s3", place.url), BUCKET)).read(stored)
    except NotFound:
        return False
    return len(json.dumps(document, separators=(",", ":"))) == stored.size_bytes


def counter_violations(jobs: Iterable[Job], counters: Counters) -> list[str]:
    """Differences between the counters and the finished jobs, by plugin, tool and outcome."""
    found = []
    jobs = list(jobs)
    tools = {(job.plugin, job.tool) for job in jobs} | {(one, tool) for one in counters for tool in counters[one]}
    for plugin, tool in tools:
        counted = counters.get(plugin, {}).get(tool, ExecutionMetrics())
        mine = [job for job in jobs if (job.plugin, job.tool) == (plugin, tool)]
        executed = [job for job in mine if job.finished and job.execution_time_ms is not None]
        expected = {status.value: sum(job.status is status for job in mine) for status in FINAL}
        expected |= {"in_flight": 0, "executed": len(executed)}
        actual = {name: getattr(counted, name) for name in expected}
        if actual != expected:
            found.append(f"counters of {plugin}.{tool} say {actual}, its jobs {expected}")
        if sum(counted.buckets.values()) != len(executed):
            found.append(f"the histogram of {plugin}.{tool} holds {counted.buckets}, not {len(executed)} runs")
    return found


def answer_violations(answers: list[Said], jobs: list[Job]) -> list[str]:
    """Return wrong answers: an acknowledged job must exist, with the end that the client was given."""
    by_id = {job.job_id: job for job in jobs}
    return [
        f"{said.request} answered {said.status} {said.body}: {problem}"
        for said in answers
        if (problem := _contradiction(said, by_id))
    ]


def _contradiction(said: Said, jobs: dict[str, Job]) -> str | None:
    error = said.body.get("error") or {}
    if said.status in NOTHING_TOLD:
        return None if error["code"] == NOTHING_TOLD[said.status] else "that is not its code"
    job = jobs.get(said.body.get("job_id") or error.get("job_id") or said.request.split("/")[3])
    if job is None:
        return "there is no such job"
    so: str | None
    match said.status:
        case 200 | 202:
            told, so = said.body["status"], job.status.value
        case 400:
            told, so = error["code"], job.error.code.value if job.error else None
        case 409:
            told, so = error["details"]["status"], job.status.value
        case _:
            return "no path answers that"
    return None if told == so or told in UNFINISHED else f"the job is {job.status}, {job.error}"
