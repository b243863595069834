"""A tool never runs on without its lease, however the table behaves; and no job is left behind."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.jobs import runner as job_runner
from interlock.plugins.index import PluginIndex
from interlock.sandbox import Cancelled, Ending
from tests.exhaustive.arena import LIMIT_S, Arena, WatchedJobs
from tests.exhaustive.invariants import counter_violations
from tests.exhaustive.ledger import history_violations
from tests.fakes.sandbox import Run, echoes

PATIENCE_S = 20
LEASE_S = job_runner.LEASE.total_seconds()
MARGIN_S = job_runner.LEASE_MARGIN.total_seconds()


class Held:
    """A `Passage` that holds one call back until it is let go: it `began`, and arrives when the table answers."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.began = threading.Event()
        self.let_go = threading.Event()

    def call(self, name: str, action: Callable[[], Any]) -> Any:
        if name == self._name:
            self.began.set()
            assert self.let_go.wait(PATIENCE_S), f"{name} was never let go"
        return action()


@pytest.fixture
def store() -> WatchedJobs:
    return WatchedJobs()


@pytest.fixture(autouse=True)
def quick_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_runner, "HEARTBEAT_S", 0.01)


def check(store: WatchedJobs, status: JobStatus) -> Job:
    """Assert that the only job has this outcome, made legal transitions and was counted."""
    [job] = store.all_jobs
    assert job.status is status
    assert not history_violations(store.ledger.histories[job.job_id])
    assert not counter_violations([job], {"echo": store.metrics("echo")})
    return job


def test_slow_claim_is_awaited_after_the_tool_has_ended(index: PluginIndex, store: WatchedJobs) -> None:
    claim = Held("store.create")
    arena = Arena(store, index, passage=claim)

    def ends_first(run: Run) -> Ending:
        assert claim.began.wait(PATIENCE_S)
        threading.Timer(0.05, claim.let_go.set).start()
        return echoes(run)

    finished = arena.worker(ends_first).run_now(arena.new_job(), arena.call(), deadline=Deadline.after(LIMIT_S))
    assert finished.job == check(store, JobStatus.SUCCEEDED)


def test_hanging_table_stops_the_tool_before_its_lease_expires(index: PluginIndex, store: WatchedJobs) -> None:
    # A call may outlast the lease: a settler of the expired lease must not find the tool still running.
    beat = Held("store.heartbeat")
    arena = Arena(store, index, passage=beat)
    job = arena.submit()

    def runs_on(run: Run) -> Ending:
        arena.clock.advance(LEASE_S - MARGIN_S - 0.1)
        assert beat.began.wait(PATIENCE_S)
        assert run.until_cancelled() == "the lease cannot be kept"
        beat.let_go.set()
        return Cancelled(pid=1, how="stopped")

    with pytest.raises(ServiceUnavailable):
        arena.run_pending(job, runs_on)
    arena.bring_to_rest()
    assert check(store, JobStatus.FAILED).attempt == 1


def test_briefly_hanging_table_does_not_affect_the_job(index: PluginIndex, store: WatchedJobs) -> None:
    beat = Held("store.heartbeat")
    arena = Arena(store, index, passage=beat)

    def runs_on(run: Run) -> Ending:
        assert beat.began.wait(PATIENCE_S)
        beat.let_go.set()
        return echoes(run)

    arena.run_pending(arena.submit(), runs_on)
    check(store, JobStatus.SUCCEEDED)
