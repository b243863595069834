"""A job service on in-memory adapters, and a worker's writes."""

from collections.abc import Callable
from copy import replace
from datetime import timedelta

from interlock.domain import job as steps
from interlock.domain.job import Job
from interlock.domain.outcome import Outcome
from interlock.jobs.documents import Documents
from interlock.jobs.service import JobService, NewJob
from tests.fakes.outside import ManualClock, MemoryObjects, MemoryWorkflow
from tests.fakes.store import Interposed, MemoryJobs, once

WANTED = NewJob("acme", "echo", "say", "1.0.0", 20.0)


class Setting:
    """A service on in-memory adapters. `between` intercepts its calls to `store`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryJobs()
        self.between = Interposed(self.store)
        self.workflow = MemoryWorkflow()
        self.objects = MemoryObjects()
        self.service = JobService(
            self.between, self.workflow, Documents(self.objects), clock=self.clock, retention=timedelta(days=7)
        )

    def add(self, job: Job) -> Job:
        """Store a job, count it according to its status and return it."""
        self.store.create(job)
        return job

    def stored(self, job: Job) -> Job:
        found = self.store.get(job.tenant, job.job_id)
        assert found is not None
        return found

    def submit(self, job: Job | None = None) -> Job:
        return self.service.submit(job or self.service.new(WANTED), {"text": "hello"})

    def race(self, name: str, action: Callable[[], object]) -> None:
        """Call `action` just before the next call of this method of the store."""
        self.between.hook = once("before", name, action)

    def counted(self) -> dict[str, int]:
        metrics = self.store.metrics("echo")["say"]
        names = ("succeeded", "failed", "timed_out", "cancelled", "in_flight")
        return {name: getattr(metrics, name) for name in names if getattr(metrics, name)}


def claim(at: Setting, job: Job, worker_id: str = "worker-1") -> Job:
    """Claim the job as a worker does."""
    after = steps.claimed(job, worker_id=worker_id, now=at.clock(), lease_expires_at=at.clock() + timedelta(seconds=15))
    at.store.change(job, after)
    return after


def finish(at: Setting, job: Job, outcome: Outcome | None = None) -> Job:
    """Write the outcome of the job as its worker does."""
    outcome = outcome or replace(Outcome.succeeded(None), execution_time_ms=5.0)
    after = steps.ended(at.stored(job), outcome, result=None, progress=None, now=at.clock())
    at.store.settle(at.stored(job), after)
    return after
