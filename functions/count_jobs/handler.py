"""Adds the changes of jobs, as the table's stream reports them, to the counters of their tools."""

from typing import Any

from interlock.composition.core import Core
from interlock.composition.count_jobs import count_jobs_task

count_jobs = count_jobs_task(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return count_jobs(event)
