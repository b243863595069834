"""The paths on which each call may go wrong: what happens before, on the path itself, beside it, and when clients try
again after it."""

import json
from collections.abc import Callable
from typing import Any

from interlock.adapters.dynamo.values import LEASE_SHARDS
from interlock.domain import job as jobs
from interlock.domain.counters import starting_delta
from interlock.domain.job_status import JobStatus
from interlock.jobs.runner import LEASE
from interlock.jobs.service import NewJob
from tests.exhaustive.invariants import contents
from tests.exhaustive.ledger import recorded
from tests.exhaustive.system import HEARTBEAT_S, LONGER_THAN_LEASES_S, System

ASYNC = "respond-async"
NEVER_S = 3600.0
LARGE = 20_000
"""Characters that make a document too large for the table's item."""

# The calls of the steps of a path: requests to the table and the bucket, and calls of the workflow.
START, STOP, FETCH, STORE, LOOK = "workflow.start", "workflow.stop", "GET", "PUT", "HEAD"
PUT, GET, UPDATE, QUERY, TRANSACT = "PutItem", "GetItem", "UpdateItem", "Query", "TransactWriteItems"
BEAT = UPDATE
SUBMIT = (STORE, PUT, START)
RUN = (GET, TRANSACT, FETCH, STORE, TRANSACT)
READ = (GET, FETCH)
LOSE = (GET, TRANSACT)
RESTART = (START, UPDATE)
END = (START, TRANSACT)

type Until = Callable[[Callable[[], bool]], None]
"""Waits for a condition, or for the end of the path."""


class CrashPath:
    """A path. The faults are in `drive`, which may run in a separate process that leaves nothing but the shared
    table, bucket, executions and files. Calls of `healthy` succeed."""

    name: str
    calls: tuple[str, ...]
    """The calls to the outside world without a fault, in any order, heartbeats aside."""

    beats = False
    """It takes a heartbeat, however fast the machine is; others take none, however slow it is."""

    @property
    def heartbeat_s(self) -> float:
        return HEARTBEAT_S if self.beats else NEVER_S

    keyed = False
    """Under one idempotency key: there is at most one job and one run."""

    engine_retries = False

    def before(self, healthy: System) -> None:
        """Prepare the state before the path."""

    def drive(self, system: System) -> None:
        """The path. Errors are taken as the platform takes them."""
        raise NotImplementedError

    def beside(self, healthy: System, until: Until) -> None:
        """Act beside the path."""

    def ready(self, healthy: System) -> bool:
        """Whether the path may begin; asked until it may."""
        return True

    def again(self, healthy: System) -> None:
        """Retry as a client that got no answer, or a 503."""

    def after_call(self, system: System) -> Callable[[str], None]:
        """Return a callback for each call on the path that came back."""
        return lambda _name: None


class Synchronous(CrashPath):
    name = "synchronous"
    calls: tuple[str, ...] = (TRANSACT, TRANSACT)

    def drive(self, system: System) -> None:
        system.execute()

    def again(self, healthy: System) -> None:
        if not answered(healthy, 200):
            healthy.execute()


class SynchronousLong(CrashPath):
    """With a heartbeat, and a result that goes to the bucket."""

    name = "synchronous, long"
    calls: tuple[str, ...] = (TRANSACT, STORE, TRANSACT)
    beats = True

    def drive(self, system: System) -> None:
        system.execute(wait_for=str(system.place.file("beat")), size=LARGE)

    def after_call(self, system: System) -> Callable[[str], None]:
        return lambda name: system.place.file("beat").touch() if name == BEAT else None


class SynchronousUpload(CrashPath):
    """A run whose input names an uploaded file."""

    name = "synchronous, with an upload"
    calls: tuple[str, ...] = (LOOK, TRANSACT, FETCH, TRANSACT)
    prefer, status = "", 200

    def before(self, healthy: System) -> None:
        healthy.place.file("upload").write_text(json.dumps(healthy.upload("read me")))

    def drive(self, system: System) -> None:
        system.execute("read", prefer=self.prefer, file=json.loads(system.place.file("upload").read_text()))
        system.engine.run()

    def again(self, healthy: System) -> None:
        if not answered(healthy, self.status):
            self.drive(healthy)


class AsynchronousUpload(SynchronousUpload):
    name = "asynchronous, with an upload"
    calls: tuple[str, ...] = (LOOK, PUT, START, GET, TRANSACT, FETCH, TRANSACT)
    prefer, status = ASYNC, 202


class SynchronousOverLimit(CrashPath):
    name = "synchronous, over its limit of time"
    calls: tuple[str, ...] = (TRANSACT, TRANSACT)

    def drive(self, system: System) -> None:
        system.execute("oversleep")


class SynchronousKeyed(CrashPath):
    """Sent twice under one key, the second time a minute later if the first came to nothing."""

    name = "synchronous, with an idempotency key"
    calls: tuple[str, ...] = (TRANSACT, STORE, TRANSACT, TRANSACT, *READ)
    keyed = True

    def drive(self, system: System) -> None:
        if system.execute(key="one", size=LARGE).status != 200:
            system.clock.advance(LONGER_THAN_LEASES_S)
        system.execute(key="one", size=LARGE)

    def again(self, healthy: System) -> None:
        healthy.clock.advance(LONGER_THAN_LEASES_S)
        healthy.execute(key="one", size=LARGE)


class Asynchronous(CrashPath):
    """Submitted, run by the workflow, and read."""

    name = "asynchronous"
    calls: tuple[str, ...] = (*SUBMIT, *RUN, *READ)
    key = ""

    def submit(self, system: System) -> Any:
        return system.execute(prefer=ASYNC, key=self.key, size=LARGE, padding="x" * LARGE)

    def drive(self, system: System) -> None:
        answer = self.submit(system)
        system.engine.run()
        if answer.status == 202:
            system.call("GET", f"/v1/jobs/{answer.body['job_id']}/result")

    def again(self, healthy: System) -> None:
        if not answered(healthy, 202):
            self.submit(healthy)


class AsynchronousRetried(Asynchronous):
    """The engine takes each failure of RunJob for one of the Lambda service, and invokes it again."""

    name = "asynchronous, RunJob invoked again"
    engine_retries = True


class AsynchronousKeyed(Asynchronous):
    """Sent before and after the run, under one key."""

    name = "asynchronous, with an idempotency key"
    calls: tuple[str, ...] = (STORE, TRANSACT, START, *RUN, STORE, TRANSACT, *READ)
    key = "one"
    keyed = True

    def drive(self, system: System) -> None:
        self.submit(system)
        system.engine.run()
        self.submit(system)

    def again(self, healthy: System) -> None:
        self.submit(healthy)


class SettledBySchedule(CrashPath):
    """Jobs whose worker is gone (the workflow's Catch settles it), whose execution was never started, and whose
    execution is over."""

    name = "asynchronous, settled by Catch and schedule"
    calls: tuple[str, ...] = (*LOSE, *[QUERY] * LEASE_SHARDS, GET, *RESTART, GET, *END)

    def before(self, healthy: System) -> None:
        core, now = healthy.core, healthy.clock()
        for fate in ("worker gone", "never started", "over"):
            new = core.service.new(NewJob("acme", "witness", "work", "1.0.0", 60))
            document = core.documents.write(new, "input", {"record": str(healthy.place.record)})
            job = jobs.submitted(new, input=document, lease_expires_at=now)
            core.store.create(job)
            if fate == "worker gone":
                claimed = jobs.claimed(job, worker_id="gone", now=now, lease_expires_at=now + LEASE)
                core.store.change(job, claimed, starting_delta(claimed, now))
            if fate != "never started":
                healthy.executions.start(job.tenant, job.job_id)
                healthy.executions.move(job.job_id, "running" if fate == "worker gone" else "over")

    def drive(self, system: System) -> None:
        system.engine.run()
        system.clock.advance(1)
        system.schedule()


class SettledByReader(SettledBySchedule):
    """The same jobs, each read by its client after its lease has expired."""

    name = "asynchronous, settled by readers"
    calls: tuple[str, ...] = (*LOSE, GET, *RESTART, GET, *END)

    def drive(self, system: System) -> None:
        system.clock.advance(LONGER_THAN_LEASES_S)
        for job in contents(system.place).jobs:
            system.call("GET", f"/v1/jobs/{job.job_id}")


class CancelPending(CrashPath):
    name = "cancel, pending"
    calls: tuple[str, ...] = (GET, TRANSACT, STOP)

    def before(self, healthy: System) -> None:
        healthy.execute(prefer=ASYNC)

    def drive(self, system: System) -> None:
        system.cancel(submitted(system))

    def again(self, healthy: System) -> None:
        if not cancelled(healthy):
            healthy.cancel(submitted(healthy))


class CancelRunning(CrashPath):
    """The faults are the canceller's; the worker is well."""

    heartbeat_s = HEARTBEAT_S

    name = "cancel, running, faults of the canceller"
    calls: tuple[str, ...] = (GET, UPDATE, STOP)

    def before(self, healthy: System) -> None:
        healthy.execute(prefer=ASYNC, wait_for=never(healthy))

    def beside(self, healthy: System, until: Until) -> None:
        healthy.engine.run()

    def ready(self, healthy: System) -> bool:
        return bool(recorded(healthy.place.record))

    def drive(self, system: System) -> None:
        system.cancel(submitted(system))

    def again(self, healthy: System) -> None:
        if not cancelled(healthy):
            healthy.cancel(submitted(healthy))


class CancelledWorker(CrashPath):
    """The faults are the worker's; the canceller is well."""

    name = "cancel, running, faults of the worker"
    calls: tuple[str, ...] = (GET, TRANSACT, TRANSACT)
    beats = True

    def before(self, healthy: System) -> None:
        healthy.execute(prefer=ASYNC, wait_for=never(healthy))

    def drive(self, system: System) -> None:
        system.engine.run()

    def beside(self, healthy: System, until: Until) -> None:
        until(lambda: bool(recorded(healthy.place.record)))
        healthy.cancel(submitted(healthy))


class CancelledStubbornWorker(CancelledWorker):
    """The tool does not stop when it is asked to."""

    name = "cancel, running, stubborn"

    def before(self, healthy: System) -> None:
        healthy.execute("stubborn", prefer=ASYNC)


class CancelledSynchronousWorker(CrashPath):
    name = "cancel, running synchronously, faults of the worker"
    calls: tuple[str, ...] = (TRANSACT, TRANSACT)
    beats = True

    def drive(self, system: System) -> None:
        system.execute(wait_for=never(system))

    def beside(self, healthy: System, until: Until) -> None:
        until(lambda: bool(self._running(healthy)))
        for job_id in self._running(healthy):
            healthy.cancel(job_id)

    @staticmethod
    def _running(healthy: System) -> list[str]:
        """Those that have begun and are in the table."""
        ids = {event.job_id for event in recorded(healthy.place.record)}
        found = [healthy.core.store.get("acme", job_id) for job_id in ids]
        return [job.job_id for job in found if job and job.status is JobStatus.RUNNING]


PATHS: dict[str, CrashPath] = {
    path.name: path
    for path in (
        Synchronous(),
        SynchronousLong(),
        SynchronousUpload(),
        SynchronousOverLimit(),
        SynchronousKeyed(),
        Asynchronous(),
        AsynchronousRetried(),
        AsynchronousKeyed(),
        AsynchronousUpload(),
        SettledBySchedule(),
        SettledByReader(),
        CancelPending(),
        CancelRunning(),
        CancelledWorker(),
        CancelledSynchronousWorker(),
    )
}


def answered(system: System, status: int) -> bool:
    return any(said.status == status for said in system.answers())


def submitted(system: System) -> str:
    """The id of the job that was acknowledged first."""
    return next(str(said.body["job_id"]) for said in system.answers() if said.status == 202)


def cancelled(system: System) -> bool:
    """A cancel was answered for good."""
    return any(said.request.endswith("/cancel") and said.status < 500 for said in system.answers())


def never(system: System) -> str:
    """A file that is not there before the system is brought to rest."""
    return str(system.place.file("rest"))
