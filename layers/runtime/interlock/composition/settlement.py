"""The task that settles jobs whose worker is gone."""

from collections.abc import Callable, Mapping
from typing import Any

from interlock import log_fields
from interlock.composition.core import Core


def settle_jobs_task(core: Core) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compose the task. It settles the job that the workflow's Catch names, `{"tenant", "job_id"}`, or, on a schedule,
    all jobs whose lease has expired. On a schedule, it also restarts ended executions of unfinished batches."""
    service = core.service
    log_fields.install()

    def settle_jobs(event: Mapping[str, Any]) -> dict[str, Any]:
        log_fields.begin(tenant=event.get("tenant"), job_id=event.get("job_id"))
        if "job_id" not in event:
            return {"settled": service.settle_lapsed(), "batches": core.batch_service.restart_lapsed()}
        job = service.settle(event["tenant"], event["job_id"], worker_gone=True)
        return {"job_id": event["job_id"], "status": job.status.value if job else None}

    return settle_jobs
