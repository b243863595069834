"""Ends jobs whose worker is gone: one named by the workflow's Catch, or on a schedule all whose lease ran out."""

from typing import Any

from interlock.composition.core import Core, Settings

core = Core(Settings.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    if "job_id" not in event:
        return {"settled": core.service.settle_lapsed()}
    job = core.service.settle(event["tenant"], event["job_id"], worker_gone=True)
    return {"job_id": event["job_id"], "status": job.status.value if job else None}
