"""The paths on which each call may fail: executing, submitting and settling, and those of a cancel."""

import json
from collections.abc import Callable
from typing import Any

from interlock.adapters.dynamo.indexes import OPEN_PARTITIONS
from interlock.domain import job as jobs
from interlock.jobs.lease import LEASE
from interlock.jobs.service import NewJob
from tests.exhaustive.asking_paths import Asking, AskingUnstarted, CancelParked
from tests.exhaustive.cancel_paths import CancelledSynchronousWorker, CancelledWorker, CancelPending, CancelRunning
from tests.exhaustive.counting_path import Counted
from tests.exhaustive.crash_path import (
    ASYNC,
    BEAT,
    CLAIM,
    END,
    END_UNSTARTED,
    FETCH,
    GET,
    LARGE,
    LOOK,
    LOSE,
    NEW_CLAIM,
    ONCE,
    PUT,
    QUERY,
    READ,
    RESTART,
    RUN,
    SLOTTED,
    START,
    STORE,
    SUBMIT,
    CrashPath,
    answered,
)
from tests.exhaustive.deadline_paths import AsynchronousPastDeadline, AsynchronousStoppedAtDeadline
from tests.exhaustive.invariants import contents
from tests.exhaustive.system import LONGER_THAN_LEASES_S, LONGER_THAN_RETENTION_S, System


class Synchronous(CrashPath):
    """A run that ends before the claim delay, so that its job is written once."""

    name = "synchronous"
    calls: tuple[str, ...] = (ONCE,)

    def drive(self, system: System) -> None:
        system.execute()

    def retry(self, healthy: System) -> None:
        if not answered(healthy, 200):
            healthy.execute()


class SynchronousLargeResult(Synchronous):
    name = "synchronous, with a large result"
    calls = (STORE, ONCE)

    def drive(self, system: System) -> None:
        system.execute(size=LARGE)


class SynchronousLimited(Synchronous):
    """The claim takes a slot of the API key, and the end releases it."""

    name = "synchronous, with a limited key"
    calls = (SLOTTED, SLOTTED)
    limited = True


class SynchronousClaimed(Synchronous):
    """A run that is longer than the claim delay and too short for a heartbeat."""

    name = "synchronous, longer than the claim delay"
    calls = (NEW_CLAIM, END)
    claimed = True

    def drive(self, system: System) -> None:
        system.execute(wait_for=str(system.shared.file("claimed")))

    def after_call(self, system: System) -> Callable[[str], None]:
        return lambda name: system.shared.file("claimed").touch() if name == NEW_CLAIM else None


class SynchronousLong(CrashPath):
    """A run with a heartbeat, and with a result that is stored in the bucket."""

    name = "synchronous, long"
    calls: tuple[str, ...] = (NEW_CLAIM, STORE, END)
    beats = True

    def drive(self, system: System) -> None:
        system.execute(wait_for=str(system.shared.file("beat")), size=LARGE)

    def after_call(self, system: System) -> Callable[[str], None]:
        return lambda name: system.shared.file("beat").touch() if name == BEAT else None


class SynchronousUpload(CrashPath):
    """A run whose input names an uploaded file."""

    name = "synchronous, with an upload"
    calls: tuple[str, ...] = (LOOK, FETCH, ONCE)
    prefer, status = "", 200

    def prepare(self, healthy: System) -> None:
        healthy.shared.file("upload").write_text(json.dumps(healthy.upload("read me")))

    def drive(self, system: System) -> None:
        system.execute("read", prefer=self.prefer, file=json.loads(system.shared.file("upload").read_text()))
        system.engine.run()

    def retry(self, healthy: System) -> None:
        if not answered(healthy, self.status):
            self.drive(healthy)


class AsynchronousUpload(SynchronousUpload):
    name = "asynchronous, with an upload"
    calls: tuple[str, ...] = (LOOK, PUT, START, GET, CLAIM, FETCH, END)
    prefer, status = ASYNC, 202


class SynchronousOverLimit(CrashPath):
    name = "synchronous, over its limit of time"
    calls: tuple[str, ...] = (ONCE,)

    def drive(self, system: System) -> None:
        system.execute("oversleep")


class SynchronousKeyed(CrashPath):
    """A request that is sent twice with one idempotency key, a minute later if the first failed."""

    name = "synchronous, with an idempotency key"
    calls: tuple[str, ...] = (NEW_CLAIM, STORE, END, NEW_CLAIM, FETCH)
    keyed = True

    def drive(self, system: System) -> None:
        if system.execute(key="one", size=LARGE).status != 200:
            system.clock.advance(LONGER_THAN_LEASES_S)
        system.execute(key="one", size=LARGE)

    def retry(self, healthy: System) -> None:
        healthy.clock.advance(LONGER_THAN_LEASES_S)
        healthy.execute(key="one", size=LARGE)


class KeyOfExpiredJob(CrashPath):
    """The first job with the key has expired, and its successor takes its place in the table."""

    name = "synchronous, with the idempotency key of an expired job"
    calls: tuple[str, ...] = (NEW_CLAIM, END, GET)
    keyed = True

    def prepare(self, healthy: System) -> None:
        healthy.execute(key="one")
        healthy.clock.advance(LONGER_THAN_RETENTION_S)

    def drive(self, system: System) -> None:
        system.clock.advance(LONGER_THAN_RETENTION_S)
        system.execute(key="one")
        system.call("GET", f"/v1/jobs/{system.answers()[0].body['job_id']}")

    def retry(self, healthy: System) -> None:
        healthy.clock.advance(LONGER_THAN_LEASES_S)
        healthy.execute(key="one")


class Asynchronous(CrashPath):
    """A job that is submitted, run by the workflow, and read."""

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

    def retry(self, healthy: System) -> None:
        if not answered(healthy, 202):
            self.submit(healthy)


class AsynchronousRetried(Asynchronous):
    """Every failure of RunJob is treated as an error of the Lambda service, and RunJob is invoked again."""

    name = "asynchronous, RunJob invoked again"
    engine_retries = True


class AsynchronousLimited(Asynchronous):
    """The submit takes a slot of the API key, and the end releases it."""

    name = "asynchronous, with a limited key"
    calls = (STORE, SLOTTED, START, GET, CLAIM, FETCH, STORE, SLOTTED, *READ)
    limited = True


class AsynchronousKeyed(Asynchronous):
    """A request that is sent before and after the run with one idempotency key."""

    name = "asynchronous, with an idempotency key"
    calls: tuple[str, ...] = (*SUBMIT, *RUN, STORE, PUT, FETCH)
    key = "one"
    keyed = True

    def drive(self, system: System) -> None:
        self.submit(system)
        system.engine.run()
        self.submit(system)

    def retry(self, healthy: System) -> None:
        self.submit(healthy)


class SettledBySchedule(CrashPath):
    """Three jobs: with a lost worker (settled by the Catch), with an unstarted execution, and with an ended one."""

    name = "asynchronous, settled by Catch and schedule"
    calls: tuple[str, ...] = (*LOSE, *[QUERY] * OPEN_PARTITIONS, GET, *RESTART, GET, *END_UNSTARTED)

    def prepare(self, healthy: System) -> None:
        core, now = healthy.core, healthy.clock()
        for fate in ("worker gone", "never started", "over"):
            new = core.service.new(NewJob("acme", "witness", "work", "1.0.0", 60))
            document = core.documents.write(new, "input", {"record": str(healthy.shared.record)})
            job = jobs.submitted(new, input=document, lease_expires_at=now)
            core.store.create(job)
            if fate == "worker gone":
                claimed = jobs.claimed(job, worker_id="gone", now=now, lease_expires_at=now + LEASE)
                core.store.change(job, claimed)
            if fate != "never started":
                healthy.executions.start(job)
                healthy.executions.move(job.job_id, "running" if fate == "worker gone" else "over")

    def drive(self, system: System) -> None:
        system.engine.run()
        system.clock.advance(1)
        system.schedule()


class SettledByReader(SettledBySchedule):
    """The same jobs, each read by its client after its lease has expired."""

    name = "asynchronous, settled by readers"
    calls: tuple[str, ...] = (*LOSE, GET, *RESTART, GET, *END_UNSTARTED)

    def drive(self, system: System) -> None:
        system.clock.advance(LONGER_THAN_LEASES_S)
        for job in contents(system.shared).jobs:
            system.call("GET", f"/v1/jobs/{job.job_id}")


PATHS: dict[str, CrashPath] = {
    path.name: path
    for path in (
        Synchronous(),
        SynchronousLargeResult(),
        SynchronousLimited(),
        SynchronousClaimed(),
        SynchronousLong(),
        SynchronousUpload(),
        SynchronousOverLimit(),
        SynchronousKeyed(),
        KeyOfExpiredJob(),
        Asynchronous(),
        AsynchronousLimited(),
        AsynchronousRetried(),
        AsynchronousKeyed(),
        AsynchronousUpload(),
        SettledBySchedule(),
        SettledByReader(),
        CancelPending(),
        CancelRunning(),
        CancelledWorker(),
        CancelledSynchronousWorker(),
        Counted(),
        AsynchronousPastDeadline(),
        AsynchronousStoppedAtDeadline(),
        Asking(),
        AskingUnstarted(),
        CancelParked(),
    )
}
