"""The workflow's task: claims the job `{"tenant", "job_id"}` and runs it."""

from typing import Any

from interlock.composition.core import Core
from interlock.composition.job_worker import run_job_task

run_job = run_job_task(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return run_job(event, context)
