"""Jobs and counters of a Hypothesis state machine, and their invariants, checked after each step."""

import uuid
from datetime import timedelta
from typing import Any

from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
)

from interlock.domain.job import Job
from interlock.domain.job_status import CLAIMED, FINAL, TRANSITIONS, JobStatus
from interlock.domain.parking import RESPONSE_WINDOW
from interlock.jobs.answering import Answering
from interlock.jobs.documents import Documents
from interlock.jobs.service import JobService
from interlock.ports import JobFilter, JobStore
from tests.exhaustive.ledger import deadline_violations
from tests.exhaustive.system import LONGER_THAN_LEASES_S
from tests.fakes.outside import ManualClock, MemoryObjects, MemoryWorkflow
from tests.fakes.store import finished_counts

REACHABLE: dict[JobStatus, set[JobStatus]] = {}
"""The statuses that can follow a status, in any number of transitions."""
for _status in reversed([JobStatus.PENDING, JobStatus.RUNNING, JobStatus.CANCELLING, *FINAL]):
    REACHABLE[_status] = {_status, *(far for near in TRANSITIONS[_status] for far in REACHABLE[near])}


def _replaces(job: Job, old: Job) -> bool:
    return job.key_hash is not None and job.key_hash == old.key_hash and old.expired(job.created_at)


class JobStateMachine(RuleBasedStateMachine):
    """A state machine on one tenant and one plugin. Subclasses provide the store and the rules."""

    def make_store(self) -> JobStore:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.tenant = f"t{uuid.uuid4().hex}"
        self.plugin = f"p{uuid.uuid4().hex}"
        self.seen: dict[str, Job] = {}
        self.replaced: dict[str, Job] = {}
        """Expired jobs whose place a later one with the same idempotency key has taken."""
        self.acknowledged: set[str] = set()

    @initialize()
    def start(self) -> None:
        self.clock = ManualClock()
        self.store = self.make_store()
        self.workflow = MemoryWorkflow()
        documents = Documents(MemoryObjects())
        self.service = JobService(self.store, self.workflow, documents, clock=self.clock, retention=timedelta(days=7))
        self.answering = Answering(self.store, self.workflow, clock=self.clock)

    def all_jobs(self) -> list[Job]:
        page, next_id = self.store.page(JobFilter(self.tenant), limit=100, before_id=None)
        assert next_id is None
        # A list shows no leases, so each job is read.
        return [job for listed in page if (job := self.store.get(self.tenant, listed.job_id)) is not None]

    def all_counted(self) -> bool:
        """Return whether the counters include every change."""
        return True

    def count_all(self) -> None:
        """Count every change."""

    @invariant()
    def invariants_hold(self) -> None:
        """Read the jobs and assert all invariants, in this order: the others use what the first has read."""
        if hasattr(self, "store"):
            self.assert_no_final_status_changes_and_no_job_is_lost()
            if self.all_counted():
                self.assert_counters_equal_the_jobs()
            self.assert_fields_match_the_status()

    def assert_no_final_status_changes_and_no_job_is_lost(self) -> None:
        current = {job.job_id: job for job in self.all_jobs()}
        gone = {job_id: job for job_id, job in self.seen.items() if job_id not in current}
        assert all(any(_replaces(job, old) for job in current.values()) for old in gone.values())
        self.replaced |= gone
        self.seen = {job_id: job for job_id, job in self.seen.items() if job_id in current}
        assert self.acknowledged <= current.keys() | self.replaced.keys()
        for job_id, was in self.seen.items():
            now = current[job_id]
            assert now.status in REACHABLE[was.status]
            assert now.attempt >= was.attempt
            assert not was.finished or now == was
        self.seen = current

    def assert_counters_equal_the_jobs(self) -> None:
        metrics = self.store.metrics(self.plugin)
        finished = finished_counts([*self.seen.values(), *self.replaced.values()])
        for tool in ("say", "shout"):
            counts = finished.get((self.plugin, tool), {})
            found: Any = metrics.get(tool)
            for status in FINAL:
                assert (getattr(found, status) if found else 0) == counts.get(status, 0)
            held = [job for job in self.seen.values() if job.tool == tool and job.worker_id is not None]
            assert (found.in_flight if found else 0) == len(held)

    def assert_fields_match_the_status(self) -> None:
        for job in self.seen.values():
            assert (job.completed_at is not None) == job.finished == (job.lease_expires_at is None)
            assert (job.error is None) == (job.status is JobStatus.SUCCEEDED or not job.finished)
            assert (job.attempt > 0) == (job.started_at is not None)
            assert job.cancel is None or (job.cancel.outcome is not None) == job.finished
            if job.deadline_at is not None and job.status is JobStatus.PENDING:
                assert job.lease_expires_at is not None
                assert job.lease_expires_at <= job.deadline_at
            assert (job.worker_id is not None) == (job.status in CLAIMED and not job.parked)
            assert job.client_input is None or not job.finished
            if job.finished:
                assert deadline_violations(job) == []
            if job.status in {JobStatus.CANCELLING, JobStatus.CANCELLED}:
                assert job.cancel is not None

    def teardown(self) -> None:
        """Assert that the schedule alone settles all remaining jobs."""
        if not hasattr(self, "store"):
            return
        self.workflow.down = False
        for passed_s in (LONGER_THAN_LEASES_S, RESPONSE_WINDOW.total_seconds(), LONGER_THAN_LEASES_S):
            self.clock.advance(passed_s)
            for job_id in list(self.workflow.running):
                self.workflow.finish(job_id)
            self.service.settle_lapsed()
        self.count_all()
        assert self.all_counted()
        self.invariants_hold()
        assert all(job.finished for job in self.seen.values())
