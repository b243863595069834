"""Paths of a job whose deadline passes: while it is pending, and while it runs."""

from interlock.adapters.dynamo.indexes import OPEN_PARTITIONS
from interlock.domain import job as jobs
from interlock.jobs.service import START_LEASE, NewJob
from tests.exhaustive.crash_path import (
    ASYNC,
    CLAIM,
    END,
    GET,
    PUT,
    QUERY,
    START,
    CrashPath,
    answered,
    never,
    submitted,
)
from tests.exhaustive.system import LONGER_THAN_LEASES_S, System

SHORT_DEADLINE_S = 1.0
"""The shortest deadline of a job."""


class AsynchronousPastDeadline(CrashPath):
    """Three jobs whose deadline passes while they are pending, ended by a reader, the task and the schedule."""

    name = "asynchronous, past its deadline"
    calls: tuple[str, ...] = (GET, END, GET, END, GET, *[QUERY] * OPEN_PARTITIONS, GET, END)

    def prepare(self, healthy: System) -> None:
        for _ in range(2):
            healthy.execute(prefer=ASYNC, deadline_s=SHORT_DEADLINE_S)
        core = healthy.core
        unstarted = core.service.new(NewJob("acme", "witness", "work", "1.0.0", 60, deadline_s=SHORT_DEADLINE_S))
        document = core.documents.write(unstarted, "input", {"record": str(healthy.shared.record)})
        core.store.create(jobs.submitted(unstarted, input=document, lease_expires_at=healthy.clock() + START_LEASE))

    def drive(self, system: System) -> None:
        system.clock.advance(LONGER_THAN_LEASES_S)
        system.call("GET", f"/v1/jobs/{submitted(system)}")
        system.engine.run()
        system.schedule()


class AsynchronousStoppedAtDeadline(CrashPath):
    """The deadline passes while the tool is loaded or runs, and its process is stopped."""

    name = "asynchronous, stopped at its deadline"
    calls: tuple[str, ...] = (PUT, START, GET, CLAIM, END)

    def drive(self, system: System) -> None:
        system.execute(prefer=ASYNC, wait_for=never(system), deadline_s=SHORT_DEADLINE_S)
        system.clock.advance(SHORT_DEADLINE_S * 0.7)
        system.engine.run()

    def retry(self, healthy: System) -> None:
        if not answered(healthy, 202):
            healthy.execute(prefer=ASYNC, deadline_s=SHORT_DEADLINE_S)
