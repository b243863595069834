"""Paths of a job whose tool requests input: it is parked, its client responds, and its next attempt runs."""

from interlock.domain.job_status import JobStatus
from tests.exhaustive.crash_path import CLAIM, END, GET, QUERY, START, STOP, UPDATE, CrashPath
from tests.exhaustive.invariants import contents
from tests.exhaustive.system import LONGER_THAN_LEASES_S, System

PARK = RESPOND = UPDATE
"""The end of a run that requested input, and responses to some of the requests."""


def respond(system: System, *keys: str) -> None:
    """Respond to requests of the parked job."""
    for job in contents(system.shared).jobs:
        system.respond(job.job_id, *keys)


class Asking(CrashPath):
    """The client responds to one request, and then to the other."""

    name = "asking, responses one after the other"
    calls: tuple[str, ...] = (GET, CLAIM, PARK, GET, RESPOND, GET, RESPOND, START, GET, CLAIM, END)

    def prepare(self, healthy: System) -> None:
        healthy.submit_for_a_client()

    def drive(self, system: System) -> None:
        system.engine.run()
        respond(system, "first")
        respond(system, "second")
        system.engine.run()

    def meanwhile(self, healthy: System) -> None:
        respond(healthy, "first", "second")


class AskingUnstarted(Asking):
    """The process that stored the responses has ended before it started the execution. The schedule starts it."""

    name = "asking, execution not started"
    calls = (*[QUERY] * 64, GET, START, UPDATE, GET, CLAIM, END)

    def prepare(self, healthy: System) -> None:
        super().prepare(healthy)
        healthy.engine.run()
        healthy.executions.refuses = True
        respond(healthy, "first", "second")
        healthy.executions.refuses = False

    def drive(self, system: System) -> None:
        system.clock.advance(LONGER_THAN_LEASES_S)
        system.schedule()
        system.engine.run()


class CancelParked(Asking):
    """Faults occur in the process that cancels the parked job."""

    name = "cancel, parked"
    calls = (GET, UPDATE, STOP, END)

    def prepare(self, healthy: System) -> None:
        super().prepare(healthy)
        healthy.engine.run()

    def drive(self, system: System) -> None:
        [job] = contents(system.shared).jobs
        system.cancel(job.job_id)

    def meanwhile(self, healthy: System) -> None:
        """Cancel again, as a client does that received no response."""
        for job in contents(healthy.shared).jobs:
            if job.status is JobStatus.RUNNING:
                healthy.cancel(job.job_id)
