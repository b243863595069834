"""The workflow's task: claims a job, `{"tenant", "job_id"}`, and runs it. A plugin's failure is a normal return."""

from typing import Any

from interlock.composition.core import Core, Settings
from interlock.composition.job_worker import job_runner, leave_if_unfit

core = Core(Settings.from_env())
runner = job_runner(core)

END_MARGIN_S = 10
"""What is kept of the invocation to stop a tool (2 s of grace) and to write the end."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    limit_s = context.get_remaining_time_in_millis() / 1000 - END_MARGIN_S
    try:
        job = runner.run_pending(event["tenant"], event["job_id"], limit_s=limit_s)
    finally:
        leave_if_unfit(runner)
    return {"job_id": event["job_id"], "status": job.status.value if job else None}
