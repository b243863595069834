"""A job runner on in-memory adapters, whose calls to the store can be intercepted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.domain.deadline import Deadline
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Job
from interlock.jobs.runner import Finished
from interlock.jobs.service import NewJob
from interlock.plugins.registry import ToolCall
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import PATIENCE_S
from tests.fakes.store import Interposed, MemoryJobs, Moment
from tests.fakes.world import World

REQUEST = KeyedRequest.of("acme", "key", {})
"""A request with an idempotency key, whose run is claimed before the tool starts, however short it is."""


class Stage(World):
    """A world in which `between` intercepts the calls to the store `jobs`."""

    def __init__(self, folder: Path) -> None:
        inner = MemoryJobs()
        self.between = Interposed(inner)
        super().__init__(folder, a_plugin("echo", a_tool("say")), store=self.between)
        self.jobs = inner
        self._index_file = folder / "index" / "index.json"
        self.service = self.core.service
        self.beats = threading.Semaphore(0)

    def pending(self, input: Any = None) -> Job:
        job = self.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
        job = self.service.submit(job, {"text": "hello"} if input is None else input)
        self.between.calls.clear()
        return job

    def remove_plugins(self) -> None:
        self._index_file.write_text('{"plugins": []}')
        for manifest in (self._index_file.parent / "plugins").iterdir():
            manifest.unlink()

    def call(self) -> ToolCall:
        manifest, tool = self.core.registry.find("echo", "say")
        return self.core.registry.checked(manifest, tool, {"text": "hello"})

    def run_now(self, **wanted: Any) -> Finished:
        """Run a new job now. `wanted` are further fields of `NewJob`."""
        job = self.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0, **wanted))
        return self.runner.run_now(job, self.call(), deadline=Deadline.after(25.0))

    def run_pending(self, job: Job) -> Job:
        found = self.runner.run_pending(job.tenant, job.job_id, deadline=Deadline.after(800.0))
        assert found is not None
        return found

    def stored(self, job: Job) -> Job:
        found = self.jobs.get(job.tenant, job.job_id)
        assert found is not None
        return found

    def only_job(self) -> Job:
        [job] = self.jobs.all_jobs
        return job

    def count_beats(self, and_then: Callable[[Moment, str], None] = lambda _moment, _name: None) -> None:
        """Start counting heartbeats for `wait_for_beats`."""

        def hook(moment: Moment, name: str) -> None:
            and_then(moment, name)
            if (moment, name) == ("after", "heartbeat"):
                self.beats.release()

        self.between.hook = hook

    def wait_for_beats(self, count: int) -> None:
        """Wait for this many further heartbeats."""
        while self.beats.acquire(blocking=False):
            pass
        for _ in range(count):
            assert self.beats.acquire(timeout=PATIENCE_S), "no heartbeat was written"

    def counted(self) -> dict[str, int]:
        metrics = self.jobs.metrics("echo").get("say")
        names = ("succeeded", "failed", "timed_out", "cancelled", "in_flight")
        return {name: getattr(metrics, name) for name in names if getattr(metrics, name, 0)}
