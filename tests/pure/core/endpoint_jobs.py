"""The jobs that the endpoint tests read, and the fields of their documents."""

from copy import replace

from interlock.domain.job_status import JobStatus
from interlock.jobs.service import NewJob
from tests.fakes.jobs import a_job
from tests.fakes.world import World

JOB = {
    "job_id", "plugin", "tool", "plugin_version", "status", "attempt", "progress", "created_at", "started_at",
    "completed_at", "updated_at", "expires_at", "execution_time_ms", "timeout_s", "cancel", "error",
    "deadline_at", "rerun_of", "batch_id", "key", "source", "client", "input_requests", "webhook",
}  # fmt: skip
UNKNOWN = "01J00000000000000000000000"


def given_jobs(world: World) -> dict[str, str]:
    """Store a job of each status and tool, and one of another tenant; return the ids by status or tool."""
    ids = {}
    for status in JobStatus:
        world.clock.advance(1)
        job = a_job(status, job_id=world.core.service.new(_wanted()).job_id)
        world.jobs.create(job)
        ids[status.value] = job.job_id
    for word, plugin, tool in (("shout", "echo", "shout"), ("other", "other", "say")):
        world.clock.advance(1)
        job = a_job(job_id=world.core.service.new(_wanted()).job_id, plugin=plugin, tool=tool)
        world.jobs.create(job)
        ids[word] = job.job_id
    world.jobs.create(replace(a_job(), tenant="rival"))
    return ids


def _wanted() -> NewJob:
    return NewJob("acme", "echo", "say", "1.0.0", 20.0)
