"""The rules of the Hypothesis state machine for jobs whose tool requests input: clients that respond, and workers."""

from contextlib import suppress
from copy import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from interlock.domain.client_input import ELICITATION
from interlock.domain.errors import ErrorCode, ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.outcome import ClientInput, Outcome
from interlock.domain.parking import may_park, outstanding, parked
from interlock.jobs.service import NewJob
from interlock.ports import StaleJob
from tests.exhaustive.job_service_machine import JobServiceMachine

REQUEST = {"method": ELICITATION, "params": {}}
ASKS = replace(
    Outcome.failed(ErrorCode.INPUT_REQUIRED, "?", input_requests={"first": REQUEST, "second": REQUEST}),
    execution_time_ms=2.0,
)


class AskingMachine(JobServiceMachine):
    """The rules of the state machine, with those of parked jobs. Subclasses provide the store."""

    @rule(target=JobServiceMachine.submitted, deadline_s=st.sampled_from([None, 90]))
    def submit_for_a_client(self, deadline_s: float | None) -> str:
        given = ClientInput((ELICITATION,))
        wanted = NewJob(self.tenant, self.plugin, "say", "1.0.0", 20.0, deadline_s=deadline_s, client_input=given)
        job = self.service.new(wanted)
        with suppress(ServiceUnavailable):
            self.service.submit(job, {"text": "hello"})
            self.acknowledged.add(job.job_id)
        return job.job_id

    @rule(job_id=JobServiceMachine.submitted, keys=st.sets(st.sampled_from(["first", "second", "none"]), min_size=1))
    def respond(self, job_id: str, keys: set[str]) -> None:
        with suppress(ServiceUnavailable), self.replaced_jobs_are_not_found(job_id):
            after = self.answering(self.service.get(self.tenant, job_id), {key: {"action": "cancel"} for key in keys})
            assert not keys & outstanding(after).keys()

    @rule(job=JobServiceMachine.held)
    def park(self, job: Job) -> None:
        """Park a job as its worker knows it. After a lost race, retry with the current job."""
        before: Job | None = job
        while before is not None and before.held_as(job) and may_park(before, ASKS):
            after = parked(before, ASKS, result=None, progress=None, now=self.clock())
            try:
                (self.store.settle if after.finished else self.store.change)(before, after)
            except StaleJob as error:
                before = error.current
            else:
                return
