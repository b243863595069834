"""Races: the participants of each, its starting state, and its permitted outcomes."""

import random
import select
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from interlock.domain.deadline import Deadline
from interlock.domain.errors import AlreadyFinished
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.jobs.runner import Finished
from interlock.ports import KeyAlreadyUsed
from interlock.sandbox import Cancelled, Ending
from tests.exhaustive.arena import INPUT, LIMIT_S, Arena
from tests.fakes.jobs import idempotency_record
from tests.fakes.sandbox import Run, answered

MAX_RACERS = 3
PATIENCE_S = 60

type Racer = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Race:
    """Those who race, and whether it may come out so: besides the invariants, and given what each has returned or
    raised."""

    racers: Sequence[Racer]
    verdict: Callable[[Sequence[Any]], bool]


class Track:
    """Where races are run: the racers of one set off within a moment of each other, so that each may come first."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MAX_RACERS)

    def run(self, race: Race, moment_s: float) -> list[Any]:
        """Run the race and return the result or exception of each racer."""
        start = threading.Barrier(len(race.racers))

        def go(racer: Racer) -> Any:
            start.wait(PATIENCE_S)
            handicap(moment_s)
            try:
                return racer()
            except Exception as error:
                return error

        return list(self._pool.map(go, race.racers, timeout=PATIENCE_S))

    def close(self) -> None:
        self._pool.shutdown()


def handicap(moment_s: float) -> None:
    """By how much one sets off after the others: up to a moment, drawn by lot."""
    threading.Event().wait(random.random() * moment_s)


class Meeting:
    """A script of a tool that waits for its opponents at its end, so that they meet there."""

    def __init__(self, opponents: int, moment_s: float) -> None:
        self._start = threading.Barrier(1 + opponents)
        self._moment_s = moment_s

    def tool(self, run: Run) -> Ending:
        """Ends within a moment, unless it was stopped by then."""
        self._start.wait(PATIENCE_S)
        stopped, _, _ = select.select([run.cancel.fileno()], [], [], random.random() * self._moment_s)
        return Cancelled(pid=1, how="stopped") if stopped else answered("succeeded", INPUT)

    def opponent(self, racer: Racer) -> Racer:
        def go() -> Any:
            self._start.wait(PATIENCE_S)
            handicap(self._moment_s)
            return racer()

        return go


def cancel_against_completion(arena: Arena) -> Race:
    job, meeting = arena.submit(), Meeting(1, arena.moment_s)

    def verdict(came: Sequence[Any]) -> bool:
        after, (worker, canceller) = arena.read(job), came
        if isinstance(canceller, AlreadyFinished):
            return after.status is JobStatus.SUCCEEDED and after.cancel is None and worker == after
        outcome = "stopped" if after.status is JobStatus.CANCELLED else "too_late"
        return worker == after and after.cancel is not None and after.cancel.outcome == outcome

    canceller = meeting.opponent(lambda: arena.service.cancel(job.tenant, job.job_id, "enough"))
    return Race([lambda: arena.run_pending(job, meeting.tool), canceller], verdict)


def claims(arena: Arena) -> Race:
    """One of two claims of a job wins, and the other changes nothing."""
    job = arena.submit()

    def verdict(came: Sequence[Any]) -> bool:
        attempts = {one.attempt for one in came}
        return attempts == {1} and arena.runs[job.job_id] == 1 and arena.read(job).status is JobStatus.SUCCEEDED

    return Race([lambda: arena.run_pending(job)] * 2, verdict)


def cancel_against_claim(arena: Arena) -> Race:
    job = arena.submit()

    def verdict(came: Sequence[Any]) -> bool:
        after, canceller = arena.read(job), came[1]
        if after.status is JobStatus.CANCELLED and after.attempt == 0:
            return arena.runs[job.job_id] == 0 and canceller == after
        told = isinstance(canceller, AlreadyFinished) or canceller.status is JobStatus.CANCELLING
        return arena.runs[job.job_id] == 1 and after.attempt == 1 and told

    return Race([lambda: arena.run_pending(job), lambda: arena.service.cancel(job.tenant, job.job_id, None)], verdict)


def settling_against_a_slow_end(arena: Arena) -> Race:
    """The worker finishes after its lease has expired."""
    job, meeting = arena.submit(), Meeting(2, arena.moment_s)
    settler = meeting.opponent(lambda: arena.late.get(job.tenant, job.job_id))

    def verdict(came: Sequence[Any]) -> bool:
        return all(seen == arena.read(job) for seen in came)

    return Race([lambda: arena.run_pending(job, meeting.tool), settler, settler], verdict)


def cancel_against_settling(arena: Arena) -> Race:
    """The worker is lost; a client cancels the job while two settlers find its lease expired."""
    job = arena.submit()
    arena.hold(job)

    def verdict(came: Sequence[Any]) -> bool:
        after = arena.read(job)
        return after.error is not None and after.error.code == "worker_lost" and came[1] == after

    return Race(
        [
            lambda: arena.service.cancel(job.tenant, job.job_id, None),
            lambda: arena.late.settle(job.tenant, job.job_id, worker_gone=True),
            arena.late.settle_lapsed,
        ],
        verdict,
    )


def looking_after_what_never_started(arena: Arena) -> Race:
    """The execution was not started; two look after the job while a client cancels it."""
    job = arena.submit_unstarted()

    def verdict(came: Sequence[Any]) -> bool:
        return arena.read(job).status is JobStatus.CANCELLED and isinstance(came[2], Job)

    return Race(
        [
            arena.late.settle_lapsed,
            lambda: arena.late.get(job.tenant, job.job_id),
            lambda: arena.service.cancel(job.tenant, job.job_id, None),
        ],
        verdict,
    )


def one_key(arena: Arena) -> Race:
    """Requests under one idempotency key: one makes the job and runs it."""
    wanted = [arena.new_job() for _ in range(3)]

    def racer(job: Job) -> Racer:
        record = idempotency_record(job, wanted[0].job_id, INPUT)
        return lambda: arena.worker().run_now(job, arena.call(), deadline=Deadline.after(LIMIT_S), record=record)

    def verdict(came: Sequence[Any]) -> bool:
        winners = [one.job for one in came if isinstance(one, Finished)]
        claimed = {one.record.job_id for one in came if isinstance(one, KeyAlreadyUsed)}
        ran = [job for job in wanted if arena.runs[job.job_id]]
        return len(winners) == len(ran) == 1 and claimed == {winners[0].job_id} == {ran[0].job_id}

    return Race([racer(job) for job in wanted], verdict)
