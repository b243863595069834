"""Clients, workers and settlers over one store, with tools whose outcomes are scripted."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

from interlock.composition.core import Core
from interlock.domain import job as jobs
from interlock.domain.client_input import ELICITATION
from interlock.domain.deadline import Deadline
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Job
from interlock.domain.outcome import ClientInput
from interlock.domain.parking import outstanding
from interlock.jobs.answering import Answering
from interlock.jobs.lease import LEASE
from interlock.jobs.runner import Finished, JobRunner
from interlock.jobs.service import START_LEASE, NewJob
from interlock.plugins.index import PluginIndex
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.ports import JobStore
from interlock.sandbox import Ending
from interlock.tools.tool_runner import ToolRunner
from tests.exhaustive.injection import CallInterceptor, Faults, intercepted
from tests.exhaustive.ledger import Ledger
from tests.exhaustive.system import LONGER_THAN_LEASES_S, MovableClock
from tests.exhaustive.workflow import job_of
from tests.fakes.asking import accepted
from tests.fakes.outside import MemoryObjects, MemoryWorkflow, RecordingSink
from tests.fakes.sandbox import PATIENCE_S, Run, Script, ScriptedSandbox, echoes
from tests.fakes.store import MemoryJobs
from tests.fakes.world import SETTINGS
from tests.service.stream import StreamConsumer

INPUT = {"text": "hello"}
LIMIT_S = 20.0
JITTER_S = 0.002
"""About the duration of a write to the in-memory store under contention, in seconds."""


class WatchedJobs(MemoryJobs):
    """The in-memory store. It records each job in a ledger after each write, before the next write."""

    def __init__(self) -> None:
        super().__init__()
        self._watching = threading.Lock()
        self.ledger = Ledger(Path("no plugin runs here"))

    def create(self, job: Job) -> None:
        with self._watching:
            super().create(job)
            self._record(job)

    def change(self, before: Job, after: Job) -> None:
        with self._watching:
            super().change(before, after)
            self._record(before)

    def heartbeat(self, job: Job, **beat: Any) -> Job:
        with self._watching:
            current = super().heartbeat(job, **beat)
            self._record(job)
            return current

    def settle(self, before: Job, after: Job) -> None:
        with self._watching:
            super().settle(before, after)
            self._record(before)

    def _record(self, job: Job) -> None:
        current = self.get(job.tenant, job.job_id)
        assert current is not None
        self.ledger(current)


class Cluster:
    """Workers and services over one store, each with its own core.

    The clock of `late_service` is ahead: all leases have expired. `runs` counts the runs of each job. `jitter_s` is the
    longest time between calls that race each other.
    """

    def __init__(
        self,
        store: JobStore,
        index: PluginIndex,
        *,
        interceptor: CallInterceptor | None = None,
        jitter_s: float = JITTER_S,
        consumer: StreamConsumer | None = None,
    ) -> None:
        self._interceptor = interceptor or Faults()
        self._stored = store
        self.store = intercepted(self._interceptor, "store", store)
        self.executions = MemoryWorkflow()
        self.workflow = intercepted(self._interceptor, "workflow", self.executions)
        self.jitter_s = jitter_s
        self._consumer = consumer
        self.runs: Counter[str] = Counter()
        self._index = index
        self.clock = MovableClock()
        self._late_clock = MovableClock()
        self._late_clock.advance(LONGER_THAN_LEASES_S)
        self._core = self._new_core(self.clock)
        self.service = self._core.service
        self.late_service = self._new_core(self._late_clock).service

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

    def worker(self, script: Script = echoes, clock: MovableClock | None = None) -> JobRunner:
        """Return a worker in its own execution environment."""

        def counted(run: Run) -> Ending:
            self.runs[run.request["job_id"]] += 1
            return script(run)

        registry = PluginRegistry(self._index, self.store, RecordingSink())
        tools = ToolRunner(registry, ScriptedSandbox(counted).as_sandbox())
        documents, uploads = self._core.documents, self._core.uploads
        return JobRunner(
            self.store,
            tools,
            registry,
            documents,
            uploads,
            clock=clock or self.clock,
            batch_stopping=lambda tenant, batch_id: False,
        )

    @property
    def consumer(self) -> StreamConsumer:
        """The consumer of the stream, if the store is a table."""
        assert self._consumer is not None
        return self._consumer

    def new_job(self, key: str | None = None, *, deadline_s: float | None = None) -> Job:
        """Return a pending job that is not written yet, of a request with this idempotency key and deadline."""
        keyed = KeyedRequest.of("acme", key, INPUT) if key else None
        return self.service.new(NewJob("acme", "echo", "say", "1.0.0", LIMIT_S, keyed=keyed, deadline_s=deadline_s))

    def submit(self, *, deadline_s: float | None = None) -> Job:
        return self.service.submit(self.new_job(deadline_s=deadline_s), INPUT)

    def submit_for_a_client(self) -> Job:
        """Submit a job whose tool may request input."""
        given = ClientInput((ELICITATION,))
        job = self.service.new(NewJob("acme", "echo", "say", "1.0.0", LIMIT_S, client_input=given))
        return self.service.submit(job, INPUT)

    def respond(self, job: Job, *keys: str) -> Job:
        """Give a job responses to these requests."""
        answering = Answering(self.store, self.workflow, clock=self.clock)
        return answering(self.service.get(job.tenant, job.job_id), {key: accepted(key) for key in keys})

    def call(self) -> ToolCall:
        """Return the call that `JobRunner.run_now` takes."""
        manifest, tool = self._core.registry.find("echo", "say")
        return self._core.registry.checked(manifest, tool, INPUT)

    def submit_unstarted(self) -> Job:
        """Submit a job whose workflow execution could not be started after the job was written."""
        new = self.new_job()
        document = self._core.documents.write(new, "input", INPUT)
        job = jobs.submitted(new, input=document, lease_expires_at=self.clock() + START_LEASE)
        self.store.create(job)
        return job

    def claim_as_lost_worker(self, job: Job) -> Job:
        """Claim a job for a worker that ends during the run, and return the claimed job."""
        now = self.clock()
        claimed = jobs.claimed(job, worker_id="gone", now=now, lease_expires_at=now + LEASE)
        self.store.change(job, claimed)
        return claimed

    def read(self, job: Job) -> Job:
        """Return the stored job without settling it."""
        found = self.store.get(job.tenant, job.job_id)
        assert found is not None
        return found

    def run_started_executions(self) -> None:
        """Run the jobs whose workflow executions were started."""
        started = self._interceptor.call("workflow.look", lambda: list(self.executions.running.items()))
        for execution, tenant in started:
            self.worker().run_pending(tenant, job_of(execution), deadline=Deadline.after(LIMIT_S))
            self.executions.finish(execution)

    def finish_all_jobs(self) -> None:
        """Run the started executions, respond to the parked jobs, and settle the other jobs as if their leases had
        expired."""
        self.run_started_executions()
        for job in getattr(self._stored, "all_jobs", ()):
            self.respond(job, *outstanding(job))
        self.late_service.settle_lapsed()

    def run_now(self, job: Job, script: Script = echoes) -> Finished:
        """Run a new job as a synchronous request does."""
        return self.worker(script).run_now(job, self.call(), deadline=Deadline.after(LIMIT_S))

    def ends_after_its_claim(self, run: Run) -> Ending:
        """Run a tool that outlasts the claim delay: it ends once its claim is written."""
        pause = threading.Event()
        for _ in range(PATIENCE_S * 1000):
            if self._stored.get("acme", run.request["job_id"]) is not None:
                return echoes(run)
            pause.wait(0.001)
        raise AssertionError("the claim was never written")

    def run_pending(self, job: Job, script: Script = echoes) -> Job | None:
        """Run a pending job as the workflow's task does."""
        return self.worker(script).run_pending(job.tenant, job.job_id, deadline=Deadline.after(LIMIT_S))

    def run_pending_late(self, job: Job) -> Job | None:
        """Run a pending job as a task of the workflow that was delayed for longer than leases last."""
        worker = self.worker(clock=self._late_clock)
        return worker.run_pending(job.tenant, job.job_id, deadline=Deadline.after(LIMIT_S))
