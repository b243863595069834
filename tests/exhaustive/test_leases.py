"""A tool never runs without its lease, whatever the table does, and every job reaches a final status."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.jobs import lease
from interlock.plugins.index import PluginIndex
from interlock.sandbox import Cancelled, Ending
from tests.exhaustive.cluster import LIMIT_S, Cluster, WatchedJobs
from tests.exhaustive.invariants import counter_violations
from tests.exhaustive.ledger import history_violations
from tests.fakes.sandbox import Run, echoes

PATIENCE_S = 20
LEASE_S = lease.LEASE.total_seconds()
MARGIN_S = lease.LEASE_MARGIN.total_seconds()


class DelayedCall:
    """A `CallInterceptor` that delays one call: it sets `began`, then waits for `released` before the call."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.began = threading.Event()
        self.released = threading.Event()

    def call(self, name: str, action: Callable[[], Any]) -> Any:
        if name == self._name:
            self.began.set()
            assert self.released.wait(PATIENCE_S), f"{name} was never released"
        return action()


@pytest.fixture
def store() -> WatchedJobs:
    return WatchedJobs()


@pytest.fixture(autouse=True)
def fast_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(lease, "CLAIM_DELAY_S", 0)


def check(store: WatchedJobs, status: JobStatus) -> Job:
    """Assert that the only job has this outcome, made legal transitions and was counted."""
    [job] = store.all_jobs
    assert job.status is status
    assert not history_violations(store.ledger.histories[job.job_id])
    assert not counter_violations([job], {"echo": store.metrics("echo")})
    return job


def test_slow_claim_is_awaited_after_the_tool_has_ended(index: PluginIndex, store: WatchedJobs) -> None:
    claim = DelayedCall("store.create")
    cluster = Cluster(store, index, interceptor=claim)

    def ends_first(run: Run) -> Ending:
        assert claim.began.wait(PATIENCE_S)
        threading.Timer(0.05, claim.released.set).start()
        return echoes(run)

    finished = cluster.worker(ends_first).run_now(cluster.new_job(), cluster.call(), deadline=Deadline.after(LIMIT_S))
    assert finished.job == check(store, JobStatus.SUCCEEDED)


def test_hanging_table_stops_the_tool_before_its_lease_expires(index: PluginIndex, store: WatchedJobs) -> None:
    # A call may outlast the lease: a settler of the expired lease must not find the tool still running.
    beat = DelayedCall("store.heartbeat")
    cluster = Cluster(store, index, interceptor=beat)
    job = cluster.submit()

    def runs_on(run: Run) -> Ending:
        cluster.clock.advance(LEASE_S - MARGIN_S - 0.1)
        assert beat.began.wait(PATIENCE_S)
        assert run.until_cancelled() == "the lease cannot be kept"
        beat.released.set()
        return Cancelled(pid=1, how="stopped")

    with pytest.raises(ServiceUnavailable):
        cluster.run_pending(job, runs_on)
    cluster.finish_all_jobs()
    assert check(store, JobStatus.FAILED).attempt == 1


def test_briefly_hanging_table_does_not_affect_the_job(index: PluginIndex, store: WatchedJobs) -> None:
    beat = DelayedCall("store.heartbeat")
    cluster = Cluster(store, index, interceptor=beat)

    def runs_on(run: Run) -> Ending:
        assert beat.began.wait(PATIENCE_S)
        beat.released.set()
        return echoes(run)

    cluster.run_pending(cluster.submit(), runs_on)
    check(store, JobStatus.SUCCEEDED)
