"""Heartbeats of an attempt: lease, progress, cancel, and a lost lease."""

import threading
from datetime import timedelta

import pytest

from interlock.domain import job as steps
from interlock.domain.errors import ErrorCode, ServiceUnavailable
from interlock.domain.job import Cancel, Job
from interlock.domain.job_status import JobStatus
from interlock.jobs import runner as job_runner
from interlock.jobs.lease import LEASE
from interlock.jobs.runner import Finished
from interlock.sandbox import Cancelled, Ending
from tests.fakes.outside import NOON
from tests.fakes.sandbox import Run, echoes, yields_to_cancel
from tests.fakes.store import Moment, once
from tests.pure.core.job_runner_stage import REQUEST, Stage


def test_short_run_costs_no_heartbeat(stage: Stage) -> None:
    stage.run_now()
    assert "heartbeat" not in stage.between.calls


@pytest.mark.usefixtures("quick_heartbeat")
def test_heartbeat_extends_the_lease_and_stores_the_latest_progress(stage: Stage) -> None:
    seen: list[Job] = []

    def work(run: Run) -> Ending:
        run.on_progress(0.2, "page 1 of 5")
        run.on_progress(0.4, "page 2 of 5")
        stage.clock.advance(5)  # a larger step would leave a slow write too little time before the lease is given up
        stage.wait_for_beats(2)
        seen.append(stage.only_job())
        return echoes(run)

    stage.count_beats()
    stage.sandbox.script = work
    ended = stage.run_now().job
    [job] = seen
    assert job.lease_expires_at == NOON + timedelta(seconds=5) + LEASE
    assert job.progress is not None
    assert (job.progress.fraction, job.progress.message, job.progress.at) == (0.4, "page 2 of 5", NOON)
    assert ended.progress == job.progress


def test_progress_after_the_last_heartbeat_is_stored_with_the_outcome(stage: Stage) -> None:
    def work(run: Run) -> Ending:
        run.on_progress(1.0, "done")
        return echoes(run)

    stage.sandbox.script = work
    progress = stage.run_now().job.progress
    assert progress is not None
    assert (progress.fraction, progress.message) == (1.0, "done")


@pytest.mark.parametrize(
    ("fraction", "message", "kept"),
    [
        (1e-300, "tiny", (0.0, "tiny")),
        (0.123456789, "exact", (0.123457, "exact")),
        (7.0, "beyond", (1.0, "beyond")),
        (-1.0, "below", (0.0, "below")),
        (float("nan"), "none", (0.0, "none")),
        (0.5, "x" * 100_000, (0.5, "x" * 200)),
        (0.5, "half \ud800 a character", (0.5, "half ? a character")),
    ],
)
def test_progress_is_limited_to_what_the_table_accepts(
    stage: Stage, fraction: float, message: str, kept: tuple[float, str]
) -> None:
    # A plugin can tamper with its worker process, and its reports must not cost the job its lease.
    def work(run: Run) -> Ending:
        run.on_progress(fraction, message)
        return echoes(run)

    stage.sandbox.script = work
    progress = stage.run_now().job.progress
    assert progress is not None
    assert (progress.fraction, progress.message) == kept


@pytest.mark.usefixtures("quick_heartbeat")
def test_cancel_reaches_the_tool_through_a_heartbeat(stage: Stage) -> None:
    def wait_for_cancel(run: Run) -> Ending:
        stage.wait_for_beats(1)
        stage.service.cancel("acme", stage.only_job().job_id, "not needed")
        assert run.until_cancelled() == "cancelled by the caller"
        return Cancelled(pid=1, how="killed")

    stage.count_beats()
    stage.sandbox.script = wait_for_cancel
    job = stage.run_now().job
    assert job == stage.only_job()
    assert job.status is JobStatus.CANCELLED
    assert job.cancel == Cancel(NOON, "not needed", "killed")
    assert stage.counted() == {"cancelled": 1}


@pytest.mark.usefixtures("quick_heartbeat")
def test_tool_that_finishes_despite_its_cancel_keeps_its_outcome(stage: Stage) -> None:
    def finish_despite_cancel(run: Run) -> Ending:
        stage.wait_for_beats(1)
        stage.service.cancel("acme", stage.only_job().job_id, None)
        run.until_cancelled()
        return echoes(run)

    stage.count_beats()
    stage.sandbox.script = finish_despite_cancel
    job = stage.run_now().job
    assert job.status is JobStatus.SUCCEEDED
    assert job.cancel == Cancel(NOON, None, "too_late")


def test_cancel_after_the_last_heartbeat_is_too_late(stage: Stage) -> None:
    stage.between.hook = once(
        "before", "settle", lambda: stage.service.cancel("acme", stage.only_job().job_id, "not needed")
    )
    finished = stage.run_now(keyed=REQUEST)
    assert finished == Finished(stage.only_job(), {"text": "hello"})
    assert finished.job.status is JobStatus.SUCCEEDED
    assert finished.job.cancel == Cancel(NOON, "not needed", "too_late")
    assert stage.counted() == {"succeeded": 1}


def settle_as_lost(stage: Stage) -> None:
    """Settle the job as another process does that considers the worker lost."""
    job = stage.only_job()
    lost = steps.lost(job, now=stage.clock())
    stage.jobs.settle(job, lost)


@pytest.mark.usefixtures("quick_heartbeat")
def test_worker_whose_job_was_settled_stops_its_tool_and_writes_nothing(stage: Stage) -> None:
    def wait_for_lost_lease(run: Run) -> Ending:
        stage.wait_for_beats(1)
        settle_as_lost(stage)
        assert run.until_cancelled() == "the lease was lost"
        return Cancelled(pid=1, how="stopped")

    stage.count_beats()
    stage.sandbox.script = wait_for_lost_lease
    finished = stage.run_now()
    assert finished == Finished(stage.only_job(), None)
    assert finished.job.error is not None
    assert finished.job.error.code is ErrorCode.WORKER_LOST
    assert "settle" not in stage.between.calls
    assert stage.counted() == {"failed": 1}


@pytest.mark.usefixtures("quick_heartbeat")
def test_worker_whose_job_has_expired_stops_its_tool_and_writes_nothing(stage: Stage) -> None:
    def wait_for_lost_lease(run: Run) -> Ending:
        stage.wait_for_beats(1)
        stage.jobs.forget(stage.only_job())
        assert run.until_cancelled() == "the lease was lost"
        return Cancelled(pid=1, how="stopped")

    stage.count_beats()
    stage.sandbox.script = wait_for_lost_lease
    stage.run_now()
    assert stage.jobs.all_jobs == []


def test_outcome_written_after_a_settlement_changes_nothing(stage: Stage) -> None:
    stage.between.hook = once("before", "settle", lambda: settle_as_lost(stage))
    finished = stage.run_now(keyed=REQUEST)
    assert finished == Finished(stage.only_job(), None)
    assert finished.job.status is JobStatus.FAILED
    assert stage.counted() == {"failed": 1}


def test_outcome_of_an_expired_job_does_not_restore_it(stage: Stage) -> None:
    stage.between.hook = once("before", "settle", lambda: stage.jobs.forget(stage.only_job()))
    assert stage.run_now(keyed=REQUEST).result is None
    assert stage.jobs.all_jobs == []


@pytest.mark.usefixtures("quick_heartbeat")
def test_job_survives_a_failed_heartbeat(stage: Stage) -> None:
    failed = threading.Event()

    def fail_first(moment: Moment, name: str) -> None:
        if (moment, name) == ("before", "heartbeat") and not failed.is_set():
            failed.set()
            raise ServiceUnavailable(service="table")

    def work(run: Run) -> Ending:
        stage.wait_for_beats(2)
        return echoes(run)

    stage.count_beats(fail_first)
    stage.sandbox.script = work
    assert stage.run_now().job.status is JobStatus.SUCCEEDED
    assert failed.is_set()


@pytest.mark.usefixtures("quick_heartbeat")
def test_tool_is_stopped_when_the_lease_cannot_be_extended_in_time(stage: Stage) -> None:
    def wait_for_cancel(run: Run) -> Ending:
        stage.wait_for_beats(1)
        stage.jobs.down = True
        stage.clock.advance(10.5)
        assert run.until_cancelled() == "the lease cannot be kept"
        return Cancelled(pid=1, how="stopped")

    stage.count_beats()
    stage.sandbox.script = wait_for_cancel
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert "settle" not in stage.between.calls
    stage.jobs.down = False
    assert stage.only_job().status is JobStatus.RUNNING


@pytest.mark.usefixtures("quick_heartbeat")
def test_unexpected_heartbeat_error_stops_the_tool_and_is_raised(stage: Stage) -> None:
    # Otherwise the lease would expire while the tool keeps running.
    def breaks(moment: Moment, name: str) -> None:
        if name == "heartbeat":
            raise LookupError("unforeseen")

    stage.between.hook = breaks
    stage.sandbox.script = yields_to_cancel
    with pytest.raises(LookupError, match="unforeseen"):
        stage.run_now()


def test_attempt_settled_by_another_process_is_logged(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(job_runner.logger, "warning", lambda message, **_: warned.append(message))
    stage.between.hook = once("before", "settle", lambda: settle_as_lost(stage))
    stage.run_now(keyed=REQUEST)
    assert warned == ["the attempt was settled by another process"]
