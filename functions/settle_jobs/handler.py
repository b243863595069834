"""Settles jobs whose worker is gone: the one that the workflow's Catch names or, on a schedule, all of them."""

from typing import Any

from interlock.composition.core import Core
from interlock.composition.settlement import settle_jobs_task

settle_jobs = settle_jobs_task(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return settle_jobs(event)
