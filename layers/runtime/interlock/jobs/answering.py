"""Store the responses of a client in its parked job, and start the next attempt once all responses have arrived."""

from collections.abc import Mapping
from typing import Any

from interlock.domain.errors import NotFound
from interlock.domain.job import Job
from interlock.domain.parking import outstanding, responded
from interlock.jobs.service import START_LEASE
from interlock.ports import Clock, JobStore, StaleJob, Workflow


class Answering:
    """Stores responses. Each write is conditional, so it may race with other responses, a cancel and the deadline."""

    def __init__(self, store: JobStore, workflow: Workflow, *, clock: Clock) -> None:
        self._store = store
        self._workflow = workflow
        self._clock = clock

    def __call__(self, job: Job, responses: Mapping[str, Any]) -> Job:
        """Store the responses to outstanding requests of a job, ignore all others, and return the job.

        The responses are stored before the workflow's execution is started. If this process ends between the two, the
        job is started when its start lease expires, as a submitted job is.
        """
        while True:
            fitting = {key: responses[key] for key in outstanding(job) if key in responses}
            if not fitting:
                break
            now = self._clock()
            after = responded(job, fitting, now=now, start_by=now + START_LEASE)
            try:
                self._store.change(job, after)
            except StaleJob as stale:
                # Another response, a cancel or the deadline came first. A response is stored once, so the loop ends.
                if stale.current is None:
                    raise NotFound(f"There is no job {job.job_id!r}.") from stale
                job = stale.current
                continue
            job = after
            break
        if job.startable and job.parked:
            # This also starts a job whose last response was stored by a call that ended before it started the job.
            self._workflow.start(job)
        return job
