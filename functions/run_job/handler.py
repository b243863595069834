"""The workflow's task: claims the job `{"tenant", "job_id"}` and runs it."""

from typing import Any

from interlock.composition.sandbox import start_sandbox

sandbox = start_sandbox()

from interlock.composition.core import Core
from interlock.composition.job_worker import job_runner, run_job_task

run_job = run_job_task(job_runner(Core.from_env(), sandbox))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return run_job(event, context)
