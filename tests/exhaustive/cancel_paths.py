"""Paths of a cancel, with faults of the process that cancels or of the worker."""

from interlock.domain.job_status import JobStatus
from tests.exhaustive.crash_path import (
    ASYNC,
    CLAIM,
    END,
    GET,
    NEW_CLAIM,
    STOP,
    UPDATE,
    CrashPath,
    Until,
    cancelled,
    never,
    submitted,
)
from tests.exhaustive.ledger import recorded
from tests.exhaustive.system import HEARTBEAT_S, System


class CancelPending(CrashPath):
    name = "cancel, pending"
    calls: tuple[str, ...] = (GET, END, STOP)

    def prepare(self, healthy: System) -> None:
        healthy.execute(prefer=ASYNC)

    def drive(self, system: System) -> None:
        system.cancel(submitted(system))

    def retry(self, healthy: System) -> None:
        if not cancelled(healthy):
            healthy.cancel(submitted(healthy))


class CancelRunning(CrashPath):
    """Faults occur in the process that cancels, not in the worker."""

    heartbeat_s = HEARTBEAT_S

    name = "cancel, running, faults of the canceller"
    calls: tuple[str, ...] = (GET, UPDATE, STOP)

    def prepare(self, healthy: System) -> None:
        healthy.execute(prefer=ASYNC, wait_for=never(healthy))

    def run_alongside(self, healthy: System, until: Until) -> None:
        healthy.engine.run()

    def ready(self, healthy: System) -> bool:
        return bool(recorded(healthy.shared.record))

    def drive(self, system: System) -> None:
        system.cancel(submitted(system))

    def retry(self, healthy: System) -> None:
        if not cancelled(healthy):
            healthy.cancel(submitted(healthy))


class CancelledWorker(CrashPath):
    """Faults occur in the worker, not in the process that cancels."""

    name = "cancel, running, faults of the worker"
    calls: tuple[str, ...] = (GET, CLAIM, END)
    beats = True

    def prepare(self, healthy: System) -> None:
        healthy.execute(prefer=ASYNC, wait_for=never(healthy))

    def drive(self, system: System) -> None:
        system.engine.run()

    def run_alongside(self, healthy: System, until: Until) -> None:
        until(lambda: bool(recorded(healthy.shared.record)))
        healthy.cancel(submitted(healthy))


class CancelledStubbornWorker(CancelledWorker):
    """The tool ignores SIGTERM."""

    name = "cancel, running, stubborn"

    def prepare(self, healthy: System) -> None:
        healthy.execute("stubborn", prefer=ASYNC)


class CancelledSynchronousWorker(CrashPath):
    name = "cancel, running synchronously, faults of the worker"
    calls: tuple[str, ...] = (NEW_CLAIM, END)
    beats = True

    def drive(self, system: System) -> None:
        system.execute(wait_for=never(system))

    def run_alongside(self, healthy: System, until: Until) -> None:
        until(lambda: bool(self._running(healthy)))
        for job_id in self._running(healthy):
            healthy.cancel(job_id)

    @staticmethod
    def _running(healthy: System) -> list[str]:
        """Return the ids of the jobs that have begun and are running in the table."""
        ids = {event.job_id for event in recorded(healthy.shared.record)}
        found = [healthy.core.store.get("acme", job_id) for job_id in ids]
        return [job.job_id for job in found if job and job.status is JobStatus.RUNNING]
