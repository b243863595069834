"""Attempts of pending jobs: claim, run, outcome, and jobs that cannot be run any more."""

from datetime import timedelta

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode, ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.jobs.documents import INLINE_LIMIT_BYTES
from interlock.jobs.lease import LEASE
from interlock.jobs.service import NewJob
from interlock.sandbox import Ending
from tests.fakes.outside import NOON
from tests.fakes.sandbox import Run, echoes
from tests.fakes.store import once
from tests.pure.core.job_runner_stage import Stage


def test_pending_job_is_claimed_run_and_finished(stage: Stage) -> None:
    job = stage.pending()
    stage.clock.advance(2)
    held: list[Job] = []

    def look_around(run: Run) -> Ending:
        held.append(stage.stored(job))
        return echoes(run)

    stage.sandbox.script = look_around
    ended = stage.run_pending(job)
    assert [(one.status, one.lease_expires_at) for one in held] == [(JobStatus.RUNNING, stage.clock() + LEASE)]
    assert held[0].worker_id
    assert ended == stage.stored(job)
    assert (ended.status, ended.attempt) == (JobStatus.SUCCEEDED, 1)
    assert (ended.created_at, ended.started_at) == (NOON, NOON + timedelta(seconds=2))
    assert stage.sandbox.runs[0].request["input"] == {"text": "hello"}
    assert stage.between.calls == ["get", "change", "settle"]
    assert stage.counted() == {"succeeded": 1}


def test_wait_for_the_run_is_published(stage: Stage) -> None:
    job = stage.pending()
    stage.clock.advance(2.5)
    stage.run_pending(job)
    assert stage.sink.waits_ms == [2500.0]


def test_failure_to_publish_the_wait_does_not_affect_the_job(stage: Stage) -> None:
    job = stage.pending()
    stage.sink.broken = OSError("no metrics")
    assert stage.run_pending(job).status is JobStatus.SUCCEEDED


def test_run_pending_returns_none_for_an_unknown_job(stage: Stage) -> None:
    assert stage.runner.run_pending("acme", "01J00000000000000000000000", deadline=Deadline.after(800.0)) is None


def test_job_that_is_not_pending_is_not_run(stage: Stage) -> None:
    job = stage.pending()
    stage.service.cancel("acme", job.job_id, None)
    assert stage.run_pending(job).status is JobStatus.CANCELLED
    assert stage.sandbox.runs == []


def test_second_claim_of_a_job_does_not_run_it(stage: Stage) -> None:
    job = stage.pending()
    stage.between.hook = once("before", "change", lambda: stage.run_pending(job))
    seen = stage.run_pending(job)
    assert seen == stage.stored(job)
    assert seen.status is JobStatus.SUCCEEDED
    assert len(stage.sandbox.runs) == 1
    assert stage.counted() == {"succeeded": 1}


def test_job_cancelled_just_before_its_claim_does_not_start(stage: Stage) -> None:
    job = stage.pending()
    stage.between.hook = once("before", "change", lambda: stage.service.cancel("acme", job.job_id, None))
    assert stage.run_pending(job).status is JobStatus.CANCELLED
    assert stage.sandbox.runs == []
    assert stage.counted() == {"cancelled": 1}


def test_pending_job_whose_claim_cannot_be_written_stays_pending(stage: Stage) -> None:
    job = stage.pending()
    stage.between.hook = once("before", "change", lambda: setattr(stage.jobs, "down", True))
    with pytest.raises(ServiceUnavailable):
        stage.run_pending(job)
    stage.jobs.down = False
    assert stage.stored(job) == job
    assert stage.sandbox.runs == []


def test_job_of_a_removed_plugin_fails_with_the_reason(stage: Stage) -> None:
    job = stage.pending()
    stage.remove_plugins()
    ended = stage.run_pending(job)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.UNKNOWN_PLUGIN
    assert stage.sandbox.runs == []
    assert stage.counted() == {"failed": 1}


def test_job_whose_input_is_no_longer_valid_fails_without_a_run(stage: Stage) -> None:
    job = stage.pending({"txt": "hello"})
    ended = stage.run_pending(job)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.INVALID_INPUT
    assert ended.error.details["errors"][0]["path"] in {"/text", "/txt"}
    assert stage.sandbox.runs == []
    assert stage.counted() == {"failed": 1}


def test_job_without_an_input_fails_with_invalid_input(stage: Stage) -> None:
    job = stage.service.new(NewJob("acme", "echo", "say", "1.0.0", 20.0))
    stage.jobs.create(job)
    ended = stage.run_pending(job)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.INVALID_INPUT


def test_job_whose_input_has_expired_fails(stage: Stage) -> None:
    job = stage.pending({"text": "x" * INLINE_LIMIT_BYTES})
    stage.objects.texts.clear()
    ended = stage.run_pending(job)
    assert ended.status is JobStatus.FAILED
    assert ended.error is not None
    assert ended.error.message == "The document has expired."
