"""Every call to the outside world of the three paths fails once, before or after it took effect, or is the last that
its process makes. After each, the system comes to rest, and the invariants hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from interlock.documents import INLINE_LIMIT_BYTES, Documents
from interlock.domain.errors import InterlockError, ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.job_status import FINAL, JobStatus
from interlock.job_runner import JobRunner
from interlock.job_service import JobService, NewJob
from interlock.plugin_index import PluginIndex
from interlock.plugin_registry import PluginRegistry
from interlock.ports import AlreadyClaimed
from interlock.sandbox import Cancelled, Ending
from interlock.tool_runner import ToolRunner
from tests.fakes.outside import ManualClock, MemoryObjects, MemoryWorkflow, RecordingSink
from tests.fakes.plugins import a_plugin, a_tool, an_index
from tests.fakes.sandbox import Run, ScriptedSandbox, answered
from tests.fakes.store import Interposed, MemoryJobs, Moment

LARGE = {"text": "x" * INLINE_LIMIT_BYTES}
"""Input and result that go through the object store, so that there is more to fail."""


class ProcessGone(Exception):
    """The process was killed: what it wanted to do next does not happen."""


@dataclass
class Fault:
    """The `at`-th call fails `moment` it took effect. Where `dies`, its process makes no further call."""

    at: int = -1
    moment: Moment = "before"
    dies: bool = False
    calls: int = 0


class Universe:
    """What all processes share."""

    def __init__(self, index: PluginIndex, fault: Fault) -> None:
        self.index = index
        self.fault = fault
        self.clock = ManualClock()
        self.jobs = MemoryJobs()
        self.workflow = MemoryWorkflow()
        self.objects = MemoryObjects()
        self.completed: list[str] = []
        """The jobs whose tool came to its end, once for each time."""


class Process:
    """An execution environment of ours, with all that it may be asked to do."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self.dead = False
        self.store = Interposed(universe.jobs, self._trip)
        self.sandbox = ScriptedSandbox(self._tool)
        documents = Documents(_Objects(self))
        registry = PluginRegistry(universe.index, self.store, RecordingSink())
        self.service = JobService(
            self.store, _Workflow(self), documents, clock=universe.clock, retention=timedelta(days=7)
        )
        runner = ToolRunner(registry, self.sandbox.as_sandbox())
        self.runner = JobRunner(self.store, runner, registry, documents, clock=universe.clock)
        self.registry = registry

    def _tool(self, run: Run) -> Ending:
        self.universe.completed.append(run.request["job_id"])
        return answered("succeeded", LARGE)

    def new(self) -> Job:
        return self.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))

    def run_now(self, key: str | None = None) -> None:
        job = self.new()
        call = self.registry.checked(*self.registry.find("echo", "say"), LARGE)
        once = self.service.claim(job, key, LARGE) if key else None
        self.runner.run_now(job, call, limit_s=25, once=once)

    def submit(self, key: str | None = None) -> Job:
        job = self.new()
        return self.service.submit(job, LARGE, self.service.claim(job, key, LARGE) if key else None)

    def _trip(self, moment: Moment, _name: str) -> None:
        fault = self.universe.fault
        if self.dead:
            raise ProcessGone
        if moment == "before":
            fault.calls += 1
        if (fault.calls, moment) == (fault.at, fault.moment):
            fault.at = -1
            self.dead = fault.dies
            raise ProcessGone if fault.dies else ServiceUnavailable(service="any")

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        self._trip("before", name)
        yield
        self._trip("after", name)


class _Workflow:
    def __init__(self, process: Process) -> None:
        self._process = process

    def start(self, tenant: str, job_id: str) -> bool:
        with self._process.around("start"):
            return self._process.universe.workflow.start(tenant, job_id)

    def stop(self, job_id: str, cause: str) -> None:
        with self._process.around("stop"):
            self._process.universe.workflow.stop(job_id, cause)


class _Objects:
    def __init__(self, process: Process) -> None:
        self._process = process

    def put(self, key: str, text: str) -> None:
        with self._process.around("put"):
            self._process.universe.objects.put(key, text)

    def get(self, key: str) -> str:
        with self._process.around("get"):
            return self._process.universe.objects.get(key)

    def download_url(self, key: str, *, expires_in_s: int) -> str:
        return self._process.universe.objects.download_url(key, expires_in_s=expires_in_s)


@contextmanager
def may_fail() -> Iterator[None]:
    """What a client or the engine sees of a fault."""
    with suppress(InterlockError, ProcessGone, AlreadyClaimed):
        yield


def the_engine_runs(universe: Universe) -> None:
    """Each execution runs its task; when that fails its Catch settles the job after a while."""
    for job_id, tenant in list(universe.workflow.running.items()):
        try:
            Process(universe).runner.run_pending(tenant, job_id, limit_s=800)
        except Exception:
            universe.clock.advance(20)
            for _ in range(3):  # the Retry of that state
                with may_fail():
                    Process(universe).service.settle(tenant, job_id, worker_gone=True)
                    break
        universe.workflow.finish(job_id)


# --- The paths ---


def synchronous(universe: Universe) -> None:
    with may_fail():
        Process(universe).run_now()


def synchronous_twice_under_a_key(universe: Universe) -> None:
    for _ in range(2):
        with may_fail():
            Process(universe).run_now("key")


def asynchronous(universe: Universe) -> None:
    with may_fail():
        Process(universe).submit()
    the_engine_runs(universe)
    for job in universe.jobs.all_jobs:
        with may_fail():
            Process(universe).service.get("acme", job.job_id)


def asynchronous_twice_under_a_key(universe: Universe) -> None:
    for _ in range(2):
        with may_fail():
            Process(universe).submit("key")
    the_engine_runs(universe)


def cancel_of_a_pending_job(universe: Universe) -> None:
    with may_fail():
        job = Process(universe).submit()
        with may_fail():
            Process(universe).service.cancel("acme", job.job_id, "not needed")
    the_engine_runs(universe)


def cancel_of_a_running_job(universe: Universe) -> None:
    """The tool is cancelled while it runs: by itself, so that the order of the calls is always the same."""
    with may_fail():
        job = Process(universe).submit()
        worker = Process(universe)

        def is_cancelled(run: Run) -> Ending:
            with may_fail():
                Process(universe).service.cancel("acme", job.job_id, "not needed")
            current = universe.jobs.get("acme", job.job_id)
            assert current is not None
            if current.status is JobStatus.RUNNING:  # the cancel came to nothing
                universe.completed.append(job.job_id)
                return answered("succeeded", LARGE)
            run.until_cancelled()
            return Cancelled(pid=1, how="stopped")

        worker.sandbox.script = is_cancelled
        with may_fail():
            worker.runner.run_pending("acme", job.job_id, limit_s=800)
        universe.workflow.finish(job.job_id)


PATHS: list[Callable[[Universe], None]] = [
    synchronous,
    synchronous_twice_under_a_key,
    asynchronous,
    asynchronous_twice_under_a_key,
    cancel_of_a_pending_job,
    cancel_of_a_running_job,
]


def bring_to_rest(universe: Universe) -> None:
    """All faults are over. The engine runs what was started, and the schedule looks after the rest."""
    universe.fault.at = -1
    for _ in range(4):
        universe.clock.advance(61)
        Process(universe).service.settle_lapsed()
        the_engine_runs(universe)


def check(universe: Universe) -> None:
    jobs = universe.jobs.all_jobs
    assert all(job.finished for job in jobs), [job.status for job in jobs]
    metrics = universe.jobs.metrics("echo").get("say")
    for status in FINAL:
        assert (getattr(metrics, status) if metrics else 0) == [job.status for job in jobs].count(status)
    assert metrics is None or metrics.in_flight == 0
    ran = {job.job_id: universe.completed.count(job.job_id) for job in jobs}
    assert all(ran[job.job_id] <= max(1, job.attempt) for job in jobs)
    assert all(ran[job.job_id] >= 1 for job in jobs if job.status is JobStatus.SUCCEEDED)
    for job in jobs:
        if job.status is JobStatus.SUCCEEDED:
            assert job.result is not None
            assert Documents(universe.objects).read(job.result) == LARGE


@pytest.fixture
def index(tmp_path: Path) -> PluginIndex:
    return an_index(tmp_path / "index", a_plugin("echo", a_tool("say")))


@pytest.fixture(autouse=True)
def _quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.job_runner.HEARTBEAT_S", 0.002)


def played(path: Callable[[Universe], None], index: PluginIndex, fault: Fault) -> Universe:
    universe = Universe(index, fault)
    path(universe)
    return universe


@pytest.mark.parametrize("path", PATHS, ids=[path.__name__ for path in PATHS])
def test_without_a_fault_each_path_comes_to_its_end(path: Callable[[Universe], None], index: PluginIndex) -> None:
    universe = played(path, index, Fault())
    [job] = universe.jobs.all_jobs
    assert job.status is (JobStatus.CANCELLED if "cancel" in path.__name__ else JobStatus.SUCCEEDED)
    assert len(universe.completed) == (0 if "cancel" in path.__name__ else 1)
    bring_to_rest(universe)
    check(universe)
    assert universe.jobs.all_jobs == [job]


@pytest.mark.parametrize("path", PATHS, ids=[path.__name__ for path in PATHS])
@pytest.mark.parametrize("dies", [False, True], ids=["fails", "dies"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_after_a_fault_at_any_call_the_invariants_hold(
    path: Callable[[Universe], None], index: PluginIndex, moment: Moment, dies: bool
) -> None:
    calls = played(path, index, Fault()).fault.calls
    assert calls >= 3
    for at in range(1, calls + 1):
        universe = played(path, index, Fault(at, moment, dies))
        final = {job.job_id: job for job in universe.jobs.all_jobs if job.finished}
        bring_to_rest(universe)
        check(universe)
        assert {job.job_id: job for job in universe.jobs.all_jobs if job.job_id in final} == final


@pytest.mark.parametrize("path", [synchronous_twice_under_a_key, asynchronous_twice_under_a_key])
@pytest.mark.parametrize("dies", [False, True], ids=["fails", "dies"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_under_a_key_one_job_is_made_and_its_tool_runs_once_whatever_fails(
    path: Callable[[Universe], None], index: PluginIndex, moment: Moment, dies: bool
) -> None:
    calls = played(path, index, Fault()).fault.calls
    for at in range(1, calls + 1):
        universe = played(path, index, Fault(at, moment, dies))
        bring_to_rest(universe)
        assert len(universe.jobs.all_jobs) <= 1
        assert len(universe.completed) <= 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_submit_that_was_acknowledged_is_never_lost(index: PluginIndex, moment: Moment) -> None:
    for at in range(1, 6):
        universe = Universe(index, Fault(at, moment))
        acknowledged = None
        with may_fail():
            acknowledged = Process(universe).submit()
        bring_to_rest(universe)
        if acknowledged is not None:
            assert universe.jobs.get("acme", acknowledged.job_id) is not None
        assert all(job.status is JobStatus.SUCCEEDED for job in universe.jobs.all_jobs)
