"""Clients, workers and settlers over one store, with tools whose outcomes are scripted."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

from interlock.composition.core import Core
from interlock.domain import job as jobs
from interlock.domain.counters import starting_delta
from interlock.domain.deadline import Deadline
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Job
from interlock.domain.metrics import MetricsDelta
from interlock.jobs.runner import LEASE, JobRunner
from interlock.jobs.service import START_LEASE, NewJob
from interlock.plugins.index import PluginIndex
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.ports import JobStore
from interlock.sandbox import Ending
from interlock.tools.tool_runner import ToolRunner
from tests.exhaustive.injection import Faults, Passage, through
from tests.exhaustive.ledger import Ledger
from tests.exhaustive.system import LONGER_THAN_LEASES_S, MovableClock
from tests.fakes.outside import MemoryObjects, MemoryWorkflow, RecordingSink
from tests.fakes.sandbox import Run, Script, ScriptedSandbox, echoes
from tests.fakes.store import MemoryJobs
from tests.fakes.world import SETTINGS

INPUT = {"text": "hello"}
LIMIT_S = 20.0
MOMENT_S = 0.002
"""About as long as a write to the store in memory may take when many are at it."""


class WatchedJobs(MemoryJobs):
    """The store in memory, whose ledger is shown each job after each write, before the next one."""

    def __init__(self) -> None:
        super().__init__()
        self._watching = threading.Lock()
        self.ledger = Ledger(Path("no plugin runs here"))

    def create(self, job: Job, started: MetricsDelta | None = None, record: IdempotencyRecord | None = None) -> None:
        with self._watching:
            super().create(job, started, record)
            self._look_at(job)

    def change(self, before: Job, after: Job, started: MetricsDelta | None = None) -> None:
        with self._watching:
            super().change(before, after, started)
            self._look_at(before)

    def heartbeat(self, job: Job, **beat: Any) -> Job:
        with self._watching:
            current = super().heartbeat(job, **beat)
            self._look_at(job)
            return current

    def settle(self, before: Job, after: Job, delta: MetricsDelta) -> None:
        with self._watching:
            super().settle(before, after, delta)
            self._look_at(before)

    def _look_at(self, job: Job) -> None:
        current = self.get(job.tenant, job.job_id)
        assert current is not None
        self.ledger(current)


class Arena:
    """Make workers and services over one store, each with its own core.

    `late` is a service that comes when every lease has run out. `runs` counts the runs of each job. `moment_s` is how
    far from each other things happen that happen at the same time.
    """

    def __init__(
        self, store: JobStore, index: PluginIndex, *, passage: Passage | None = None, moment_s: float = MOMENT_S
    ) -> None:
        self._passage = passage or Faults()
        self.store = through(self._passage, "store", store)
        self.executions = MemoryWorkflow()
        self.workflow = through(self._passage, "workflow", self.executions)
        self.moment_s = moment_s
        self.runs: Counter[str] = Counter()
        self._index = index
        self.clock = MovableClock()
        self._late_clock = MovableClock()
        self._late_clock.advance(LONGER_THAN_LEASES_S)
        self._core = self._new_core(self.clock)
        self.service = self._core.service
        self.late = self._new_core(self._late_clock).service

    def _new_core(self, clock: MovableClock) -> Core:
        sink, objects = RecordingSink(), MemoryObjects()
        return Core(
            SETTINGS,
            store=self.store,
            workflow=self.workflow,
            objects=objects,
            index=self._index,
            sink=sink,
            clock=clock,
        )

    def worker(self, script: Script = echoes) -> JobRunner:
        """Return a worker in its own execution environment."""

        def counted(run: Run) -> Ending:
            self.runs[run.request["job_id"]] += 1
            return script(run)

        registry = PluginRegistry(self._index, self.store, RecordingSink())
        tools = ToolRunner(registry, ScriptedSandbox(counted).as_sandbox())
        return JobRunner(self.store, tools, registry, self._core.documents, self._core.uploads, clock=self.clock)

    def new_job(self) -> Job:
        """A pending job that is not written yet."""
        return self.service.new(NewJob("acme", "echo", "say", "1.0.0", LIMIT_S))

    def submit(self) -> Job:
        return self.service.submit(self.new_job(), INPUT)

    def call(self) -> ToolCall:
        """What `JobRunner.run_now` takes."""
        manifest, tool = self._core.registry.find("echo", "say")
        return self._core.registry.checked(manifest, tool, INPUT)

    def submit_unstarted(self) -> Job:
        """What `submit` leaves when the engine fails after the job was written."""
        new = self.new_job()
        document = self._core.documents.write(new, "input", INPUT)
        job = jobs.submitted(new, input=document, lease_expires_at=self.clock() + START_LEASE)
        self.store.create(job)
        return job

    def hold(self, job: Job) -> Job:
        """Claim the job as a worker that ends during the run."""
        now = self.clock()
        claimed = jobs.claimed(job, worker_id="gone", now=now, lease_expires_at=now + LEASE)
        self.store.change(job, claimed, starting_delta(claimed, now))
        return claimed

    def read(self, job: Job) -> Job:
        """Return the stored job without settling it."""
        found = self.store.get(job.tenant, job.job_id)
        assert found is not None
        return found

    def run_started(self) -> None:
        """The workflow runs what was started."""
        started = self._passage.call("workflow.look", lambda: list(self.executions.running.items()))
        for job_id, tenant in started:
            self.worker().run_pending(tenant, job_id, deadline=Deadline.after(LIMIT_S))
            self.executions.finish(job_id)

    def bring_to_rest(self) -> None:
        """Continue the executions, let the leases expire, and invoke the schedule."""
        self.run_started()
        self.late.settle_lapsed()

    def run_pending(self, job: Job, script: Script = echoes) -> Job | None:
        """The workflow's task."""
        return self.worker(script).run_pending(job.tenant, job.job_id, deadline=Deadline.after(LIMIT_S))
