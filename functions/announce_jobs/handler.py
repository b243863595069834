"""Starts the deliveries of webhooks for the changes of jobs and batches, as the table's stream reports them."""

from typing import Any

from interlock.composition.announce_jobs import announce_jobs_task
from interlock.composition.core import Core

announce_jobs = announce_jobs_task(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return announce_jobs(event)
