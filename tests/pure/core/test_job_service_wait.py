"""Waiting for a job by reading it: the number of reads, and the end of the wait."""

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.job import Job
from interlock.jobs import service
from tests.fakes.store import Moment
from tests.pure.core.job_service_setting import Setting, claim, finish


class ManualTime:
    """A monotonic clock that only pauses advance."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> ManualTime:
    manual = ManualTime()
    monkeypatch.setattr("interlock.domain.deadline.time", manual)
    monkeypatch.setattr(service, "time", manual)
    return manual


def finished(job: Job) -> bool:
    return job.finished


def test_wait_ends_with_the_read_that_finds_the_awaited_job(at: Setting, time: ManualTime) -> None:
    job = at.submit()
    at.between.calls.clear()

    def hook(moment: Moment, name: str) -> None:
        if (moment, at.between.calls.count("get")) == ("before", 3):
            finish(at, claim(at, job))

    at.between.hook = hook
    assert at.service.wait(job, finished, Deadline.after(20)) == at.stored(job)
    assert at.stored(job).finished
    assert at.between.calls == ["get"] * 3
    assert len(time.pauses) == 3


def test_awaited_job_is_returned_without_a_read(at: Setting, time: ManualTime) -> None:
    job = at.submit()
    at.between.calls.clear()
    assert at.service.wait(job, lambda _: True, Deadline.after(20)) == job
    assert (at.between.calls, time.pauses) == ([], [])


def test_pauses_grow_so_that_20_seconds_take_few_reads(at: Setting, time: ManualTime) -> None:
    job = at.submit()
    at.between.calls.clear()
    assert at.service.wait(job, finished, Deadline.after(20)) == job
    assert len(at.between.calls) == len(time.pauses) <= 26
    assert time.pauses[:-1] == sorted(time.pauses[:-1])
    assert time.pauses[0] == 0.1
    assert max(time.pauses) <= 1.0
    assert 20 <= time.now < 20.01


def test_passed_deadline_reads_nothing(at: Setting, time: ManualTime) -> None:
    job = at.submit()
    at.between.calls.clear()
    assert at.service.wait(job, finished, Deadline.after(0)) == job
    assert (at.between.calls, time.pauses) == ([], [])
