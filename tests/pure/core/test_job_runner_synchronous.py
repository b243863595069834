"""Synchronous attempts of a job: claim, run, outcome."""

import json
import threading
import time
from pathlib import Path

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode, ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.jobs.documents import INLINE_LIMIT_BYTES
from interlock.jobs.runner import LEASE, Finished
from interlock.jobs.service import NewJob
from interlock.ports import KeyAlreadyUsed
from interlock.sandbox import Completed, Ending
from tests.fakes.jobs import idempotency_record
from tests.fakes.outside import NOON
from tests.fakes.sandbox import PATIENCE_S, Run, answered, echoes, succeeds_with, yields_to_cancel
from tests.fakes.store import once
from tests.pure.core.job_runner_stage import Stage


def test_synchronous_job_is_written_at_its_claim_and_its_outcome(stage: Stage) -> None:
    finished = stage.run_now()
    job = stage.only_job()
    assert finished == Finished(job, {"text": "hello"})
    assert (job.status, job.attempt, job.input) == (JobStatus.SUCCEEDED, 1, None)
    assert (job.completed_at, job.updated_at) == (NOON, NOON)
    assert job.result is not None
    assert job.result.text == '{"text":"hello"}'
    assert stage.between.calls == ["create", "settle"]  # the only round trips that delay a request
    assert stage.counted() == {"succeeded": 1}


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
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
    record = idempotency_record(job, "key", {})
    assert (
        stage.runner.run_now(job, stage.call(), deadline=Deadline.after(25.0), record=record).job.status
        is JobStatus.SUCCEEDED
    )
    again = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
    with pytest.raises(KeyAlreadyUsed) as caught:
        stage.runner.run_now(
            again, stage.call(), deadline=Deadline.after(25.0), record=idempotency_record(again, "key", {})
        )
    assert caught.value.record == record
    assert len(stage.sandbox.runs) == 1
    assert len(stage.jobs.all_jobs) == 1


@pytest.mark.parametrize(("own", "limit", "effective"), [(20.0, 25.0, 20.0), (20.0, 7.5, 7.5)])
def test_tool_gets_the_smaller_of_its_limit_and_the_time_left(
    stage: Stage, own: float, limit: float, effective: float
) -> None:
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", own))
    stage.runner.run_now(job, stage.call(), deadline=Deadline.after(limit))
    assert effective - 1 < stage.sandbox.runs[0].limits.wall_s <= effective


@pytest.mark.parametrize(("limit", "left"), [(10.0, 9.9), (0.05, 0.0)])
def test_duration_of_the_claim_is_deducted_from_the_time_limit(stage: Stage, limit: float, left: float) -> None:
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
    stage.between.hook = once("before", "create", lambda: time.sleep(0.1))
    stage.runner.run_now(job, stage.call(), deadline=Deadline.after(limit), record=idempotency_record(job, "key", {}))
    limits = stage.sandbox.runs[0].limits
    assert 0 <= limits.wall_s <= left
    assert limits.total_s <= left


def test_tool_gets_its_job_id(stage: Stage) -> None:
    job = stage.run_now().job
    assert stage.sandbox.runs[0].request["job_id"] == job.job_id


def test_failed_claim_stops_the_tool_and_stores_no_job(stage: Stage) -> None:
    stage.jobs.down = True
    stage.sandbox.script = yields_to_cancel
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert stage.sandbox.runs[0].cancel.reason == "the lease cannot be kept"
    stage.jobs.down = False
    assert stage.jobs.all_jobs == []


def test_failed_claim_discards_the_outcome_of_a_finished_tool(stage: Stage) -> None:
    stage.jobs.down = True
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert "settle" not in stage.between.calls


def test_job_whose_outcome_cannot_be_written_is_settled_after_its_lease(stage: Stage) -> None:
    stage.between.hook = once("before", "settle", lambda: setattr(stage.jobs, "down", True))
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    stage.jobs.down = False
    assert stage.only_job().status is JobStatus.RUNNING
    stage.clock.advance(16)
    assert stage.service.settle_lapsed() == 1
    error = stage.only_job().error
    assert error is not None
    assert error.code is ErrorCode.WORKER_LOST
    assert stage.counted() == {"failed": 1}


def test_sandbox_failure_is_raised_and_the_job_is_settled_after_its_lease(stage: Stage) -> None:
    def breaks(_: Run) -> Ending:
        raise OSError("no more processes")

    stage.sandbox.script = breaks
    with pytest.raises(OSError, match="no more processes"):
        stage.run_now()
    stage.clock.advance(16)
    assert stage.service.settle_lapsed() == 1
    assert stage.counted() == {"failed": 1}


def test_failed_job_has_an_error_and_no_result(stage: Stage) -> None:
    stage.sandbox.script = lambda _: answered("exception", {"exception": "ValueError", "message": "no luck"})
    finished = stage.run_now()
    assert finished.job == stage.only_job()
    assert finished.result is None
    assert finished.job.error is not None
    assert finished.job.error.details == {"exception": "ValueError"}
    assert finished.job.result is None
    assert finished.job.execution_time_ms is not None


def test_large_result_is_stored_under_its_attempt(stage: Stage) -> None:
    text = "x" * INLINE_LIMIT_BYTES
    stage.sandbox.script = succeeds_with({"text": text})
    job = stage.run_now().job
    assert job.result is not None
    assert job.result.key == f"jobs/acme/{job.job_id}/result-1.json"
    assert json.loads(stage.objects.texts[job.result.key]) == {"text": text}


def test_job_whose_result_cannot_be_stored_is_not_succeeded(stage: Stage) -> None:
    stage.objects.down = True
    stage.sandbox.script = succeeds_with({"text": "x" * INLINE_LIMIT_BYTES})
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert stage.only_job().status is JobStatus.RUNNING


def test_run_leaves_no_thread_or_descriptor(stage: Stage) -> None:
    def held() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    stage.run_now()
    before = held()
    stage.run_now()
    assert held() == before


def test_late_callbacks_of_a_finished_run_are_ignored(stage: Stage) -> None:
    stage.run_now()
    run = stage.sandbox.runs[0]
    run.on_progress(0.9, "late")
    run.cancel.set("late")
    assert stage.only_job().progress is None


def test_malformed_worker_response_fails_with_invalid_output(stage: Stage) -> None:
    stage.sandbox.script = lambda _: Completed(pid=1, payload=b"\x00\xff")
    error = stage.run_now().job.error
    assert error is not None
    assert error.code is ErrorCode.INVALID_OUTPUT
