"""Synchronous attempts of a job whose claim, run, result or end fails."""

import json
import threading
from pathlib import Path

import pytest

from interlock.domain.errors import ErrorCode, ServiceUnavailable
from interlock.domain.job_status import JobStatus
from interlock.jobs.documents import INLINE_LIMIT_BYTES
from interlock.sandbox import Completed, Ending
from tests.fakes.sandbox import PATIENCE_S, Run, answered, echoes, succeeds_with, yields_to_cancel
from tests.fakes.store import once
from tests.pure.core.job_runner_stage import REQUEST, Stage


@pytest.mark.usefixtures("immediate_claim")
def test_failed_claim_stops_the_tool_and_stores_no_job(stage: Stage) -> None:
    stage.jobs.down = True
    stage.sandbox.script = yields_to_cancel
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert stage.sandbox.runs[0].cancel.reason == "the lease cannot be kept"
    stage.jobs.down = False
    assert stage.jobs.all_jobs == []


@pytest.mark.usefixtures("immediate_claim")
def test_failed_claim_discards_the_outcome_of_a_finished_tool(stage: Stage) -> None:
    def end_meanwhile(run: Run) -> Ending:
        assert refused.wait(PATIENCE_S)
        return echoes(run)

    def refuse() -> None:
        stage.jobs.down = True
        refused.set()

    refused = threading.Event()
    stage.between.hook = once("before", "create", refuse)
    stage.sandbox.script = end_meanwhile
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    assert stage.between.calls == ["create"]


def test_short_run_whose_end_cannot_be_written_leaves_no_job(stage: Stage) -> None:
    stage.jobs.down = True
    with pytest.raises(ServiceUnavailable):
        stage.run_now()
    stage.jobs.down = False
    assert stage.jobs.all_jobs == []


def test_job_whose_outcome_cannot_be_written_is_settled_after_its_lease(stage: Stage) -> None:
    stage.between.hook = once("before", "settle", lambda: setattr(stage.jobs, "down", True))
    with pytest.raises(ServiceUnavailable):
        stage.run_now(keyed=REQUEST)
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
        stage.run_now(keyed=REQUEST)
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
        stage.run_now(keyed=REQUEST)
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
