"""The functions that run tools: a JobRunner on a ToolRunner on a sandbox, and the workflow's task on top of it.

Separate from `interlock.composition.core`, so that functions that run no tool do not import a sandbox.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from interlock import log_fields
from interlock.composition.core import Core
from interlock.domain.deadline import Deadline
from interlock.jobs.runner import JobRunner
from interlock.sandbox import EXIT_UNFIT, Sandbox
from interlock.tools.tool_runner import ToolRunner

END_MARGIN_S = 10
"""Time of the invocation that is reserved to stop a tool (2 s of grace) and to write the end of its job."""


def job_runner(core: Core, sandbox: Sandbox) -> JobRunner:
    """Compose a JobRunner."""
    runner = ToolRunner(core.registry, sandbox, core.plugin_settings)

    def batch_stopping(tenant: str, batch_id: str) -> bool:
        return core.batch_store.stopping(tenant, batch_id)

    return JobRunner(
        core.store,
        runner,
        core.registry,
        core.documents,
        core.uploads,
        clock=core.clock,
        batch_stopping=batch_stopping,
    )


def leave_if_unfit(runner: JobRunner) -> None:
    """End this process after an invocation if a tool has damaged it, so that Lambda starts another one.

    The end of the job is already written. A synchronous caller gets a 503 from the gateway, which is retryable. The
    Catch of a workflow execution finds that the job has ended. Outside Lambda the process continues, since nothing
    would start another one.
    """
    if runner.unfit and "AWS_LAMBDA_RUNTIME_API" in os.environ:
        sys.stderr.write("a tool has changed the limits or the scheduling of its environment, which ends\n")
        sys.stderr.flush()
        os._exit(EXIT_UNFIT)


def run_job_task(runner: JobRunner) -> Callable[[Mapping[str, str], Any], dict[str, str | None]]:
    """Compose the workflow's task, which runs the job of an event `{"tenant", "job_id"}`. The task returns normally if
    the tool fails."""

    log_fields.install()

    def run_job(event: Mapping[str, str], context: Any) -> dict[str, str | None]:
        log_fields.begin(tenant=event["tenant"], job_id=event["job_id"])
        deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000).earlier(END_MARGIN_S)
        try:
            job = runner.run_pending(event["tenant"], event["job_id"], deadline=deadline)
        finally:
            leave_if_unfit(runner)
        return {"job_id": event["job_id"], "status": job.status.value if job else None}

    return run_job
