"""Synchronous attempts of a job: claim, run, outcome."""

import math
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.jobs import lease
from interlock.jobs.lease import LEASE
from interlock.jobs.runner import Finished
from interlock.jobs.service import NewJob
from interlock.ports import KeyAlreadyUsed
from interlock.sandbox import Cancelled, Ending
from tests.fakes.outside import NOON
from tests.fakes.sandbox import PATIENCE_S, Run, echoes
from tests.fakes.store import once
from tests.pure.core.job_runner_stage import REQUEST, Stage


def test_short_synchronous_job_is_written_once_when_it_ends(stage: Stage) -> None:
    finished = stage.run_now()
    job = stage.only_job()
    assert finished == Finished(job, {"text": "hello"})
    assert (job.status, job.attempt, job.input) == (JobStatus.SUCCEEDED, 1, None)
    assert (job.completed_at, job.updated_at) == (NOON, NOON)
    assert job.result is not None
    assert job.result.text == '{"text":"hello"}'
    assert stage.between.calls == ["create"]  # the only round trip that delays a request
    assert stage.counted() == {"succeeded": 1}


def test_short_synchronous_run_is_not_written_before_its_end_and_starts_no_thread(stage: Stage) -> None:
    def look_around(run: Run) -> Ending:
        assert stage.between.calls == []
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("lease-")]
        assert time.monotonic() < run.alarm.at <= time.monotonic() + lease.CLAIM_DELAY_S
        return echoes(run)

    stage.sandbox.script = look_around
    assert stage.run_now().job.status is JobStatus.SUCCEEDED


@pytest.mark.usefixtures("immediate_claim")
def test_run_that_outlasts_the_claim_delay_is_claimed_once_and_ended(stage: Stage) -> None:
    claimed = threading.Event()

    def outlast(run: Run) -> Ending:
        assert claimed.wait(PATIENCE_S)
        assert run.alarm.at == math.inf
        return echoes(run)

    stage.between.hook = once("after", "create", claimed.set)
    stage.sandbox.script = outlast
    finished = stage.run_now()
    assert finished.job == stage.only_job()
    assert stage.between.calls == ["create", "settle"]
    assert stage.counted() == {"succeeded": 1}


@pytest.mark.usefixtures("immediate_claim")
def test_end_of_a_run_awaits_the_claim_that_is_being_written(stage: Stage) -> None:
    ended = threading.Event()

    def end(run: Run) -> Ending:
        assert stage_writes.wait(PATIENCE_S)
        ended.set()
        return echoes(run)

    def write_slowly() -> None:
        stage_writes.set()
        assert ended.wait(PATIENCE_S)

    stage_writes = threading.Event()
    stage.between.hook = once("before", "create", write_slowly)
    stage.sandbox.script = end
    assert stage.run_now().job == stage.only_job()
    assert stage.between.calls == ["create", "settle"]
    assert stage.counted() == {"succeeded": 1}


@pytest.mark.usefixtures("immediate_claim")
def test_lease_of_a_late_claim_begins_when_it_is_written(stage: Stage) -> None:
    seen: list[Job] = []
    claimed = threading.Event()

    def start_slowly(run: Run) -> Ending:
        assert claimed.wait(PATIENCE_S)
        seen.append(stage.only_job())
        return echoes(run)

    def write() -> None:
        claimed.set()

    stage.between.hook = once("after", "create", write)
    stage.sandbox.before_alarm = lambda: stage.clock.advance(12)
    stage.sandbox.script = start_slowly
    stage.run_now()
    [job] = seen
    assert (job.started_at, job.lease_expires_at) == (NOON, NOON + timedelta(seconds=12) + LEASE)


def test_slow_fetch_of_an_upload_is_claimed_meanwhile(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = threading.Event()

    def fetch(_tenant: str, _uploads: object, _folder: str, *, stop: Callable[[], bool]) -> None:
        assert stage.between.calls == []
        monkeypatch.setattr(time, "monotonic", lambda: 1e9)  # the claim delay passes while a chunk is fetched
        stop()
        monkeypatch.undo()
        assert claimed.wait(PATIENCE_S)

    stage.between.hook = once("after", "create", claimed.set)
    monkeypatch.setattr(stage.core.uploads, "fetch", fetch)
    stage.run_now()
    assert stage.between.calls == ["create", "settle"]


@pytest.mark.usefixtures("immediate_claim")
def test_claim_that_hangs_stops_the_tool_before_its_lease_expires(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()

    def hang() -> None:
        assert stopped.wait(PATIENCE_S)

    def run_on(run: Run) -> Ending:
        assert run.until_cancelled() == "the lease cannot be kept"
        stopped.set()
        return Cancelled(pid=1, how="stopped")

    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(lease, "LEASE_MARGIN", LEASE)  # the lease is about to expire from the start
    stage.between.hook = once("before", "create", hang)
    stage.sandbox.script = run_on
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert "settle" not in stage.between.calls


@pytest.mark.parametrize("wanted", [{"keyed": REQUEST}, {"key_id": "key-1", "key_limit": 3}], ids=["keyed", "limited"])
def test_claim_that_took_almost_as_long_as_its_lease_runs_no_tool(stage: Stage, wanted: dict[str, Any]) -> None:
    # Another process may settle the job before the first heartbeat.
    stage.between.hook = once("after", "create", lambda: stage.clock.advance(11))
    with pytest.raises(ServiceUnavailable):
        stage.run_now(**wanted)
    assert stage.sandbox.runs == []
    stage.clock.advance(5)
    assert stage.service.settle_lapsed() == 1
    assert stage.counted() == {"failed": 1}


@pytest.mark.usefixtures("immediate_claim")
def test_running_job_has_a_worker_and_a_lease(stage: Stage) -> None:
    seen: list[Job] = []

    def look_around(run: Run) -> Ending:
        assert stage_written.wait(PATIENCE_S)
        seen.append(stage.only_job())
        return echoes(run)

    stage_written = threading.Event()
    stage.between.hook = once("after", "create", stage_written.set)
    stage.sandbox.script = look_around
    stage.run_now()
    [job] = seen
    assert (job.status, job.attempt, job.lease_expires_at) == (JobStatus.RUNNING, 1, NOON + LEASE)
    assert (job.started_at, job.updated_at) == (NOON, NOON)
    assert job.worker_id
    assert stage.only_job().worker_id is None


@pytest.mark.usefixtures("immediate_claim")
def test_claim_and_start_of_the_tool_overlap(stage: Stage) -> None:
    started = threading.Event()

    def start(run: Run) -> Ending:
        started.set()
        return echoes(run)

    stage.sandbox.script = start
    stage.between.hook = once("before", "create", lambda: started.wait(PATIENCE_S))
    assert stage.run_now().job.status is JobStatus.SUCCEEDED
    assert started.is_set()


def test_job_with_an_idempotency_key_is_claimed_before_its_tool_runs(stage: Stage) -> None:
    stage.sandbox.before_alarm = lambda: calls.extend(stage.between.calls)
    calls: list[str] = []
    first = stage.run_now(keyed=REQUEST).job
    assert calls == ["create"]
    with pytest.raises(KeyAlreadyUsed) as caught:
        stage.run_now(keyed=REQUEST)
    assert caught.value.job == first == stage.only_job()
    assert len(stage.sandbox.runs) == 1
    assert len(stage.jobs.all_jobs) == 1


@pytest.mark.parametrize(("own", "limit", "effective"), [(20.0, 25.0, 20.0), (20.0, 7.5, 7.5)])
def test_tool_gets_the_smaller_of_its_limit_and_the_time_left(
    stage: Stage, own: float, limit: float, effective: float
) -> None:
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", own))
    stage.runner.run_now(job, stage.call(), deadline=Deadline.after(limit))
    limits = stage.sandbox.runs[0].limits
    assert effective - 1 < min(limits.wall_s, limits.deadline.left_s) <= effective


@pytest.mark.parametrize(("limit", "left"), [(10.0, 9.9), (0.05, 0.0)])
def test_duration_of_the_claim_is_deducted_from_the_time_limit(stage: Stage, limit: float, left: float) -> None:
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0, keyed=REQUEST))
    stage.between.hook = once("before", "create", lambda: time.sleep(0.1))
    stage.runner.run_now(job, stage.call(), deadline=Deadline.after(limit))
    assert 0 <= stage.sandbox.runs[0].limits.deadline.left_s <= left


def test_tool_gets_its_job_id(stage: Stage) -> None:
    job = stage.run_now().job
    assert stage.sandbox.runs[0].request["job_id"] == job.job_id
