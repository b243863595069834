"""A batch from its submission to its end, over stores in memory: the functions, the workflow, the schedule, the stream
and a caller that retries. Faults and the order of calls come from an interceptor."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from interlock.composition.job_worker import job_runner
from interlock.domain.batch import Batch, WatchedBatch
from interlock.domain.deadline import Deadline
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.job_id import job_id_of_item
from interlock.domain.stream import Batch as Records
from interlock.domain.stream import Change
from interlock.jobs import finishing, preparing
from interlock.jobs.announcing import announce
from tests.exhaustive.injection import CallInterceptor, intercepted
from tests.exhaustive.webhook_system import Killed
from tests.fakes.batches import MemoryBatches, MemoryBatchWorkflow
from tests.fakes.outside import MemoryDeliveryWorkflow, MemoryObjects
from tests.fakes.plugins import a_plugin
from tests.fakes.store import MemoryJobs
from tests.fakes.world import Answer, World

INVALID = 7
"""A text that does not fit the tool's schema."""

ROUNDS = 14
"""Rounds of the schedule within which each batch must end."""

TRIES = 6
"""Invocations of a task by the workflow, and tries of a caller."""

# Jobs and batches are in one table, so the order of calls to them matters.
PORTS = {MemoryJobs: "store", MemoryBatches: "store", MemoryBatchWorkflow: "workflow", MemoryObjects: "objects"}

FAULTS = (Killed, ServiceUnavailable)


class Stopped(Exception):
    """The execution does not run, or was stopped."""


class OneByOne:
    """An executor without threads: the calling thread makes all calls, one after the other."""

    def __init__(self, _workers: int) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @staticmethod
    def map(function: Callable[[Any], Any], values: Any) -> Iterator[Any]:
        return map(function, values)


def without_threads(plant: Callable[..., None]) -> None:
    """Let functions of batches make their calls one after the other."""
    for module in (preparing, finishing):
        plant(module, "ThreadPoolExecutor", OneByOne)


class BatchSystem:
    """The functions around one batch. `texts` are those of its items, `fields` further fields of its request."""

    def __init__(self, folder: Path, interceptor: CallInterceptor, texts: Sequence[Any], **fields: Any) -> None:
        def around(port: Any) -> Any:
            return intercepted(interceptor, PORTS[type(port)], port)

        self.world = World(folder, a_plugin(), around=around)
        self.world.batches.before_change = self._check_end
        self.texts = texts
        items = [{"input": {"text": text}} for text in texts]
        webhook = {"url": "https://example.com/"}
        self.body = {"plugin": "echo", "items": items, "webhook": webhook, **fields}
        self.batch_id = ""

    # --- The parties ---

    def submit(self, **fields: Any) -> Answer:
        """Submit the batch with an idempotency key."""
        answer = self.world.request("POST", "/v1/batches", {**self.body, **fields}, headers={"Idempotency-Key": "once"})
        if answer.status == 202:
            self.batch_id = self.batch_id or answer.body["batch_id"]
            assert answer.body["batch_id"] == self.batch_id, "two batches were created"
        return answer

    def submitted(self) -> Self:
        """Submit the batch until the request is answered."""
        assert retried(self.submit).status == 202
        return self

    def prepared(self) -> Self:
        """Invoke the first task."""
        self.world.prepare_batch(self.batch_id)
        return self

    def ran(self, *numbers: int) -> Self:
        """Run items."""
        for number in numbers:
            self.run_item(number)
        return self

    def cancel(self) -> Answer:
        return self.world.request("POST", f"/v1/batches/{self.batch_id}/cancel")

    def finish(self) -> bool:
        return self.world.finish_batch(self.batch_id)

    def run_item(self, number: int) -> Job | None:
        """Run an item in a new execution environment, so that its claims differ from those of other runs."""
        runner = job_runner(self.world.core, self.world.sandbox.as_sandbox())
        return runner.run_pending("acme", self.job_id(number), deadline=Deadline.after(800))

    def count(self) -> None:
        """Consume the stream: stop the batch if more items failed than are tolerated."""
        if self.world.batches.counts("acme", self.batch_id).over_tolerance:
            self.world.core.batch_service.stop_over_tolerance("acme", self.batch_id)

    def schedule(self) -> None:
        self.world.core.service.settle_lapsed()
        self.world.core.batch_service.restart_lapsed()

    def schedule_later(self) -> None:
        self.world.clock.advance(61)
        self.schedule()

    # --- The workflow ---

    def execute(self, between: Callable[[str], None] = lambda _moment: None) -> None:
        """Run the execution of the current round, as the workflow does. `between` is called between its steps."""
        batch = self.batch
        with suppress(Stopped):
            try:
                self._run_steps(batch, between)
            finally:
                self.world.batch_workflow.finish(batch)

    def _run_steps(self, batch: Batch, between: Callable[[str], None]) -> None:
        plan = self._task(batch, lambda: self.world.prepare_batch(self.batch_id))
        retried(self.count)
        between("prepared")
        for number in range(len(self.texts) if plan["run"] else 0):
            self._run_child(batch, number)
            retried(self.count)
            between("between items")
        between("run")
        for _ in range(3):
            if self._task(batch, self.finish):
                return

    def _task(self, batch: Batch, invoke: Callable[[], Any]) -> Any:
        """Invoke a task of a batch, again if it fails, unless the execution was stopped."""
        for _ in range(TRIES):
            if (batch.batch_id, batch.round) not in self.world.batch_workflow.running:
                raise Stopped
            with suppress(*FAULTS):
                return invoke()
        raise Stopped

    def _run_child(self, batch: Batch, number: int) -> None:
        if (batch.batch_id, batch.round) not in self.world.batch_workflow.running:
            raise Stopped
        try:
            self.run_item(number)
        except FAULTS:
            # The Catch settles the item after its lease has expired.
            self.world.clock.advance(20)
            retried(lambda: self.world.core.service.settle("acme", self.job_id(number), worker_gone=True))

    def live(self, between: Callable[[str], None] = lambda _moment: None) -> None:
        """Let executions and the schedule run until the batch has ended."""
        for _ in range(ROUNDS):
            if self.batch.finished:
                return
            with suppress(*FAULTS):
                self.execute(between)
            with suppress(*FAULTS):
                self.schedule_later()
        raise AssertionError(f"the batch is still {self.batch.status}")

    # --- The invariants ---

    @property
    def batch(self) -> Batch:
        found = self.world.batches.get("acme", self.batch_id)
        assert found is not None
        return found

    def job_id(self, number: int) -> str:
        return job_id_of_item(self.batch_id, number)

    def _check_end(self, after: Batch) -> None:
        if after.finished:
            unfinished = [job.job_id for job in self.world.jobs.all_jobs if not job.finished]
            assert not unfinished, f"{after.status} is written while {unfinished} are unfinished"

    def check(self) -> None:
        """Assert the invariants that hold once the batch has ended."""
        batch, jobs = self.batch, self.world.jobs.all_jobs
        total = len(self.texts)
        assert batch.finished
        assert [job.job_id for job in jobs] == [self.job_id(number) for number in range(total)]
        assert all(job.finished for job in jobs)
        counted = self.world.batches.counts("acme", self.batch_id)
        assert (batch.counts, batch.counts.pending(total)) == (counted, 0)
        lines = self.world.objects.texts[batch.results_key].splitlines()
        assert [(line["index"], line["job_id"], line["status"]) for line in map(json.loads, lines)] == [
            (number, job.job_id, job.status) for number, job in enumerate(jobs)
        ]
        runs = Counter(run.request["job_id"] for run in self.world.sandbox.runs)
        assert set(runs.values()) <= {1}, "an item has run twice"
        assert {job.job_id for job in jobs if job.status == "succeeded"} <= set(runs)
        assert self._announced() == [f"batch-{self.batch_id}-finished"]
        self._check_status(batch)

    def _check_status(self, batch: Batch) -> None:
        cancelled, finals = batch.counts.cancelled, [after for _, after in self.world.batches.changes if after.finished]
        assert len(finals) == 1, "a final status was written twice"
        if batch.error is not None and batch.error.code == "too_many_failures":
            assert (batch.status, batch.counts.over_tolerance) == ("failed", True)
        elif batch.cancel is None:
            assert (batch.status, cancelled) == ("succeeded", 0)
        else:
            assert batch.status == ("cancelled" if cancelled else "succeeded")

    def _announced(self) -> list[str]:
        """Return the deliveries that the stream starts, each change being delivered twice."""
        workflow = MemoryDeliveryWorkflow()
        changes = [
            Change(number, *(WatchedBatch(one.tenant, one.batch_id, one.status, one.webhook) for one in change))
            for number, change in enumerate(self.world.batches.changes)
        ]
        for _ in range(2):
            assert announce(workflow, Records(None, changes)) is None
        return [step.name for step in workflow.running]


def retried[T](ask: Callable[[], T]) -> T:
    """Return the answer to a request that is repeated while its function is killed, or answers 503."""
    for _ in range(TRIES):
        with suppress(*FAULTS):
            answer = ask()
            if getattr(answer, "status", None) != 503:
                return answer
    raise AssertionError("no request was answered")
