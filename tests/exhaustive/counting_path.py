"""The path of count_jobs, with faults between the counters of two tools."""

from interlock.domain import job as jobs
from interlock.jobs.lease import LEASE
from interlock.jobs.service import NewJob
from tests.exhaustive.crash_path import ADD, PUBLISH, QUERY, CrashPath
from tests.exhaustive.system import System


class Counted(CrashPath):
    """Jobs of two tools are counted, from two batches of the stream."""

    name = "counted from the stream"
    calls: tuple[str, ...] = (*(ADD, PUBLISH, QUERY) * 2, *(ADD,) * 2)

    def prepare(self, healthy: System) -> None:
        core, now = healthy.core, healthy.clock()
        for tool in ("work", "oversleep", "work", "oversleep"):
            new = core.service.new(NewJob("acme", "witness", tool, "1.0.0", 60))
            job = jobs.claimed(new, worker_id="worker", now=now, lease_expires_at=now + LEASE)
            core.store.create(job)
            core.store.settle(job, jobs.lost(job, now=now))

    def drive(self, system: System) -> None:
        records = system.stream_records()
        half = len(records) // 2
        # Lambda goes on after a batch has been processed.
        if system.deliver(records[:half]):
            system.deliver(records[half:])
