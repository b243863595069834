"""Invariants of the table, and of the responses to clients, once all jobs have finished."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.adapters.dynamo import counter_items, states
from interlock.adapters.dynamo.attributes import deserialized, serialized
from interlock.adapters.dynamo.counter_items import counters_from_item, tool_of
from interlock.adapters.dynamo.values import job_from_item
from interlock.adapters.s3_files import S3Files
from interlock.domain.errors import NotFound
from interlock.domain.job import Job, StoredJson
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.lifecycle import NOT_RUN, RunState, combined
from interlock.domain.metrics import ExecutionMetrics
from interlock.jobs.documents import Documents
from tests.exhaustive.ledger import Ledger, recorded
from tests.exhaustive.system import BUCKET, RecordedAnswer, SharedState, client

UNFINISHED = frozenset(JobStatus) - FINAL
CODES_WITHOUT_JOB = {404: "not_found", 503: "unavailable"}

type Counters = Mapping[str, Mapping[str, ExecutionMetrics]]
"""By plugin and tool."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The content of a table."""

    jobs: list[Job]
    counters: Counters
    states: Mapping[str, RunState]
    """The published states, by plugin."""
    slots: int
    """The occupied slots of all API keys."""


def contents(shared: SharedState) -> Contents:
    """Return the content of a table, read from its items."""
    pages = client("dynamodb", shared.url).get_paginator("scan").paginate(TableName=shared.table, ConsistentRead=True)
    kinds = ("JOB", counter_items.PARTITION, states.PARTITION, "SLOTS")
    of_kind: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for item in (item for page in pages for item in page["Items"]):
        of_kind[item["pk"]["S"].partition("#")[0]].append(deserialized(item))
    counters: dict[str, dict[str, ExecutionMetrics]] = {}
    for item in of_kind[counter_items.PARTITION]:
        plugin, tool = tool_of(item)
        counters.setdefault(plugin, {})[tool] = counters_from_item(item)
    return Contents(
        jobs=[job_from_item(item) for item in of_kind["JOB"]],
        counters=counters,
        states=states.by_plugin(serialized(item) for item in of_kind[states.PARTITION]),
        slots=sum(int(item["used"]) for item in of_kind["SLOTS"]),
    )


def violations(shared: SharedState, ledger: Ledger, answers: list[RecordedAnswer], *, keyed: bool) -> list[str]:
    """Return violations in the table, the plugin's record and the answers. `keyed`: all had one idempotency key."""
    table = contents(shared)
    replaced = _replaced(table, ledger)
    found = [f"job {job.job_id} {problem}" for job in table.jobs for problem in ledger.violations(job)]
    unreadable = [job for job in table.jobs if job.result and not readable(shared, job.result)]
    found += [f"job {job.job_id} has no result" for job in unreadable]
    found += counter_violations([*table.jobs, *replaced], table.counters)
    found += state_violations(table)
    found += answer_violations(answers, [*table.jobs, *replaced])
    if lost := ledger.histories.keys() - {job.job_id for job in (*table.jobs, *replaced)}:
        found.append(f"jobs {lost} are gone")
    if table.slots:
        found.append(f"{table.slots} slots are occupied, and no job is unfinished")
    runs = sum(event.event == "began" for event in recorded(shared.record))
    if keyed and (len(table.jobs) != 1 or runs > 1 + len(replaced)):
        found.append(f"{len(table.jobs)} jobs and {runs} runs have one idempotency key")
    return found


def _replaced(table: Contents, ledger: Ledger) -> list[Job]:
    """Return the expired jobs that a later one with the same idempotency key has replaced."""
    created = {job.key_hash: job.created_at for job in table.jobs if job.key_hash}
    last = [history[-1] for history in ledger.histories.values()]
    return [job for job in last if job.key_hash in created and job.expired(created[job.key_hash])]


def readable(shared: SharedState, stored: StoredJson) -> bool:
    """Return whether the document exists in its full size."""
    try:
        document = Documents(S3Files(client("s3", shared.url), BUCKET)).read(stored)
    except NotFound:
        return False
    return len(json.dumps(document, separators=(",", ":"))) == stored.size_bytes


def counter_violations(jobs: Iterable[Job], counters: Counters) -> list[str]:
    """Return differences between the counters and the finished jobs, by plugin, tool and outcome."""
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


def state_violations(table: Contents) -> list[str]:
    """Return differences between the published states and the counters, by plugin. The time of a tool's success may be
    earlier."""
    expected = {
        plugin: combined(metrics.run_state for metrics in tools.values()) for plugin, tools in table.counters.items()
    }
    return [
        f"the state of {plugin} is {table.states.get(plugin)}, by its counters {state}"
        for plugin, state in expected.items()
        if table.states.get(plugin, NOT_RUN)._replace(lifecycle_at=None) != state._replace(lifecycle_at=None)
    ]


def answer_violations(answers: list[RecordedAnswer], jobs: list[Job]) -> list[str]:
    """Return wrong responses: an acknowledged job must exist, with the status and error that the client received."""
    by_id = {job.job_id: job for job in jobs}
    return [
        f"{answer.request} answered {answer.status} {answer.body}: {problem}"
        for answer in answers
        if (problem := _contradiction(answer, by_id))
    ]


def _contradiction(answer: RecordedAnswer, jobs: dict[str, Job]) -> str | None:
    error = answer.body.get("error") or {}
    if answer.status in CODES_WITHOUT_JOB:
        return None if error["code"] == CODES_WITHOUT_JOB[answer.status] else "the code does not match the HTTP status"
    job = jobs.get(answer.body.get("job_id") or error.get("job_id") or answer.request.split("/")[3])
    if job is None:
        return "there is no such job"
    actual: str | None
    match answer.status:
        case 200 | 202:
            reported, actual = answer.body["status"], job.status.value
        case 400:
            reported, actual = error["code"], job.error.code.value if job.error else None
        case 409:
            reported, actual = error["details"]["status"], job.status.value
        case _:
            return "no path has this HTTP status"
    return None if reported == actual or reported in UNFINISHED else f"the job is {job.status}, {job.error}"
