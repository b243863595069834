"""The rules of the Hypothesis state machine: clients, workers, cancellers, settlers, the clock and the engine."""

import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    consumes,
    multiple,
    precondition,
    rule,
)

from interlock.domain import job as steps
from interlock.domain.deadline import Deadline
from interlock.domain.errors import AlreadyFinished, ErrorCode, NotFound, ServiceUnavailable, TooManyJobs
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Job, Progress
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.jobs.service import NewJob
from interlock.ports import KeyAlreadyUsed, StaleJob
from tests.exhaustive.job_state_machine import JobStateMachine

LEASE = timedelta(seconds=15)
KEY_LIMIT = 2
OUTCOMES = [
    Outcome(JobStatus.SUCCEEDED, execution_time_ms=12.5),
    replace(Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, "no luck", exception="E"), execution_time_ms=3.0),
    replace(Outcome.failed(ErrorCode.INVALID_INPUT, "no"), execution_time_ms=1.0),
    replace(Outcome.timed_out(Deadline(math.inf, 20), "killed"), execution_time_ms=20_000.0),
    replace(Outcome.cancelled("stopped"), execution_time_ms=700.0),
]


class JobServiceMachine(JobStateMachine):
    """The rules of the state machine. Subclasses provide the store."""

    submitted = Bundle("submitted")
    held = Bundle("held")
    """Claimed jobs as last read by their workers. Another process may have settled them since."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, str] = {}

    # --- Clients ---

    def new(self, tool: str, key: str | None = None) -> Job:
        keyed = KeyedRequest.of(self.tenant, key, {}) if key else None
        return self.service.new(NewJob(self.tenant, self.plugin, tool, "1.0.0", 20.0, keyed=keyed))

    @rule(target=submitted, tool=st.sampled_from(["say", "shout"]))
    def submit(self, tool: str) -> str:
        job = self.new(tool)
        with suppress(ServiceUnavailable):
            self.service.submit(job, {"text": "hello"})
            self.acknowledged.add(job.job_id)
        return job.job_id

    @rule(target=submitted, deadline_s=st.sampled_from([1, 20, 90]))
    def submit_with_a_deadline(self, deadline_s: float) -> str:
        wanted = NewJob(self.tenant, self.plugin, "say", "1.0.0", 20.0, deadline_s=deadline_s)
        job = self.service.new(wanted)
        with suppress(ServiceUnavailable):
            self.service.submit(job, {"text": "hello"})
            self.acknowledged.add(job.job_id)
        return job.job_id

    @rule(target=submitted, key=st.sampled_from(["k1", "k2"]))
    def submit_under_a_key(self, key: str) -> str:
        job = self.new("say", key)
        try:
            self.service.submit(job, {"text": "hello"})
        except KeyAlreadyUsed as error:
            return self.joined(key, error.job)
        except ServiceUnavailable:
            pass
        self.keys[key] = job.job_id
        return job.job_id

    @rule(target=held, key=st.sampled_from(["k1", "k2"]), worker=st.uuids())
    def run_now_under_a_key(self, key: str, worker: uuid.UUID) -> Job:
        job = self.claimed(self.new("say", key), worker)
        try:
            self.store.create(job)
        except KeyAlreadyUsed as error:
            self.joined(key, error.job)
            return error.job
        self.keys[key] = job.job_id
        self.acknowledged.add(job.job_id)
        return job

    def joined(self, key: str, job: Job) -> str:
        """Assert that this is the job of the key, and that it has not expired."""
        assert self.keys[key] == job.job_id
        # The table counts the time to live in whole seconds.
        assert not job.expired(self.clock() - timedelta(seconds=1))
        return job.job_id

    @rule(key=st.sampled_from(["k1", "k2"]))
    def find_the_job_of_a_key(self, key: str) -> None:
        found = self.store.find_by_key(self.tenant, KeyedRequest.of(self.tenant, key, {}).key_hash)
        assert (found.job_id if found else None) == self.keys.get(key)

    @rule(tool=st.sampled_from(["say", "shout"]), worker=st.uuids(), outcome=st.sampled_from(OUTCOMES[:-1]))
    def run_now_and_end_before_the_claim_delay(self, tool: str, worker: uuid.UUID, outcome: Outcome) -> None:
        claimed = self.claimed(self.new(tool), worker)
        job = steps.ended(claimed, outcome, result=None, progress=None, now=self.clock())
        for _ in range(2):  # the SDK repeats a write whose response was lost
            self.store.create(job)
        self.acknowledged.add(job.job_id)

    def claimed(self, job: Job, worker: uuid.UUID) -> Job:
        now = self.clock()
        return steps.claimed(job, worker_id=str(worker), now=now, lease_expires_at=now + LEASE)

    @rule(target=held, tool=st.sampled_from(["say", "shout"]), worker=st.uuids())
    def run_now(self, tool: str, worker: uuid.UUID) -> Job:
        job = self.claimed(self.new(tool), worker)
        self.store.create(job)
        self.acknowledged.add(job.job_id)
        return job

    @rule(job=held)
    def repeat_a_claim(self, job: Job) -> None:
        """The SDK repeats a claim whose response was lost, after others have seen the job."""
        current = self.current(job.job_id)
        if current == job or (current is not None and current.held_as(job)):
            self.store.create(job)
        else:
            with pytest.raises(KeyAlreadyUsed if job.key_hash else StaleJob):
                self.store.create(job)

    # --- Clients whose key has a concurrency limit ---

    def limited(self) -> Job:
        wanted = NewJob(self.tenant, self.plugin, "say", "1.0.0", 20.0, key_id=self.tenant, key_limit=KEY_LIMIT)
        return self.service.new(wanted)

    def unfinished(self) -> int:
        return sum(job.key_limit is not None and not job.finished for job in self.all_jobs())

    @rule(target=submitted)
    def submit_with_a_limited_key(self) -> Any:
        job, before = self.limited(), self.unfinished()
        try:
            self.service.submit(job, {"text": "hello"})
            self.acknowledged.add(job.job_id)
        except TooManyJobs:
            assert before == KEY_LIMIT
            return multiple()
        except ServiceUnavailable:
            pass
        assert before < KEY_LIMIT
        return job.job_id

    @rule(target=held, worker=st.uuids())
    def run_now_with_a_limited_key(self, worker: uuid.UUID) -> Any:
        job, before = self.claimed(self.limited(), worker), self.unfinished()
        try:
            self.store.create(job)
        except TooManyJobs:
            assert before == KEY_LIMIT
            return multiple()
        assert before < KEY_LIMIT
        self.acknowledged.add(job.job_id)
        return job

    @rule(job_id=submitted)
    def read(self, job_id: str) -> None:
        with suppress(ServiceUnavailable), self.replaced_jobs_are_not_found(job_id):
            self.service.get(self.tenant, job_id)

    @contextmanager
    def replaced_jobs_are_not_found(self, job_id: str) -> Iterator[None]:
        try:
            yield
        except NotFound:
            assert job_id in self.replaced

    # --- Cancellers ---

    @rule(job_id=submitted)
    def cancel(self, job_id: str) -> None:
        with suppress(AlreadyFinished, ServiceUnavailable), self.replaced_jobs_are_not_found(job_id):
            assert self.service.cancel(self.tenant, job_id, "why").status in {"cancelled", "cancelling"}

    @rule(job=held)
    def cancel_claimed_job(self, job: Job) -> None:
        self.cancel(job.job_id)

    # --- Workers ---

    @rule(target=held, job_id=submitted, worker=st.uuids())
    def claim(self, job_id: str, worker: uuid.UUID) -> Any:
        job = self.current(job_id)
        if job is None:
            return multiple()
        if not job.startable:
            return job
        if not job.overdue(self.clock()):
            return self._claim(job, str(worker))
        after = steps.overdue(job, now=self.clock())
        self.store.settle(job, after)
        return after

    def current(self, job_id: str) -> Job | None:
        """Read a job. Return None if a later one with its idempotency key has replaced it."""
        job = self.store.get(self.tenant, job_id)
        assert (job is None) == (job_id in self.replaced)
        return job

    def _claim(self, job: Job, worker: str) -> Job:
        now = self.clock()
        after = steps.claimed(job, worker_id=worker, now=now, lease_expires_at=now + LEASE)
        self.store.change(job, after)
        return after

    @rule(job_id=submitted, workers=st.lists(st.uuids(), min_size=2, max_size=2, unique=True))
    def two_claim_at_once(self, job_id: str, workers: list[uuid.UUID]) -> None:
        job = self.current(job_id)
        if job is not None and job.status is JobStatus.PENDING and not job.overdue(self.clock()):
            self._claim(job, str(workers[0]))
            with pytest.raises(StaleJob):
                self._claim(job, str(workers[1]))

    @rule(target=held, job=consumes(held), fraction=st.integers(0, 100))
    def heartbeat(self, job: Job, fraction: int) -> Job:
        now = self.clock()
        progress = Progress(fraction / 100, "working", now)
        current = self.current(job.job_id)
        if current is not None and current.held_as(job):
            return self.store.heartbeat(job, now=now, lease_expires_at=now + LEASE, progress=progress)
        with pytest.raises(StaleJob) as caught:
            self.store.heartbeat(job, now=now, lease_expires_at=now + LEASE, progress=progress)
        assert caught.value.current == current
        return job

    @rule(job=held, outcome=st.sampled_from(OUTCOMES))
    def end(self, job: Job, outcome: Outcome) -> None:
        """Write the end of a job as its worker knows it. After a lost race, retry with the current job."""
        before: Job | None = job
        while before is not None and before.held_as(job):
            if outcome.status is JobStatus.CANCELLED and before.status is not JobStatus.CANCELLING:
                return
            after = steps.ended(before, outcome, result=None, progress=None, now=self.clock())
            try:
                self.store.settle(before, after)
            except StaleJob as error:
                before = error.current
            else:
                return

    # --- Settlers, the clock, the engine ---

    @rule(seconds=st.sampled_from([0.001, 1, 14, 16, 61, 8 * 86_400]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def the_schedule_settles(self) -> None:
        self.service.settle_lapsed()

    @rule(job_id=submitted)
    def the_catch_settles(self, job_id: str) -> None:
        self.workflow.finish(job_id)
        self.service.settle(self.tenant, job_id, worker_gone=True)

    @rule(job_id=submitted)
    def an_execution_ends(self, job_id: str) -> None:
        self.workflow.finish(job_id)

    @precondition(lambda self: not self.workflow.down)
    @rule()
    def the_engine_goes_down(self) -> None:
        self.workflow.down = True

    @precondition(lambda self: self.workflow.down)
    @rule()
    def the_engine_comes_back(self) -> None:
        self.workflow.down = False
