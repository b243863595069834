"""Races: the participants of each, its starting state, and its permitted outcomes."""

import random
import select
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from interlock.domain.errors import AlreadyFinished, NotFound
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.jobs.runner import Finished
from interlock.ports import KeyAlreadyUsed
from interlock.sandbox import Cancelled, Ending
from tests.exhaustive.cluster import INPUT, Cluster
from tests.fakes.sandbox import Run, answered

MAX_RACERS = 3
PATIENCE_S = 60

type Racer = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Race:
    """The racers, and a function that returns whether their results or exceptions are permitted."""

    racers: Sequence[Racer]
    verdict: Callable[[Sequence[Any]], bool]


class RaceRunner:
    """A thread pool that starts racers at random times within a short interval, so that each may be first."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MAX_RACERS)

    def run(self, race: Race, jitter_s: float) -> list[Any]:
        """Run the race and return the result or exception of each racer."""
        start = threading.Barrier(len(race.racers))

        def go(racer: Racer) -> Any:
            start.wait(PATIENCE_S)
            wait_random_time(jitter_s)
            try:
                return racer()
            except Exception as error:
                return error

        return list(self._pool.map(go, race.racers, timeout=PATIENCE_S))

    def close(self) -> None:
        self._pool.shutdown()


def wait_random_time(jitter_s: float) -> None:
    """Wait a random time of at most `jitter_s`."""
    threading.Event().wait(random.random() * jitter_s)


class Rendezvous:
    """A script of a tool that waits at its end for its opponents, so that all of them act at the same time."""

    def __init__(self, opponents: int, jitter_s: float) -> None:
        self._start = threading.Barrier(1 + opponents)
        self._jitter_s = jitter_s

    def tool(self, run: Run) -> Ending:
        """End after a random time, unless the tool was stopped by then."""
        self._start.wait(PATIENCE_S)
        stopped, _, _ = select.select([run.cancel.fileno()], [], [], random.random() * self._jitter_s)
        return Cancelled(pid=1, how="stopped") if stopped else answered("succeeded", INPUT)

    def opponent(self, racer: Racer) -> Racer:
        def go() -> Any:
            self._start.wait(PATIENCE_S)
            wait_random_time(self._jitter_s)
            return racer()

        return go


def cancel_against_completion(cluster: Cluster) -> Race:
    job, rendezvous = cluster.submit(), Rendezvous(1, cluster.jitter_s)

    def verdict(results: Sequence[Any]) -> bool:
        after, (worker, canceller) = cluster.read(job), results
        if isinstance(canceller, AlreadyFinished):
            return after.status is JobStatus.SUCCEEDED and after.cancel is None and worker == after
        outcome = "stopped" if after.status is JobStatus.CANCELLED else "too_late"
        return worker == after and after.cancel is not None and after.cancel.outcome == outcome

    canceller = rendezvous.opponent(lambda: cluster.service.cancel(job.tenant, job.job_id, "enough"))
    return Race([lambda: cluster.run_pending(job, rendezvous.tool), canceller], verdict)


def claims(cluster: Cluster) -> Race:
    """One of two claims of a job wins, and the other changes nothing."""
    job = cluster.submit()

    def verdict(results: Sequence[Any]) -> bool:
        attempts = {one.attempt for one in results}
        return attempts == {1} and cluster.runs[job.job_id] == 1 and cluster.read(job).status is JobStatus.SUCCEEDED

    return Race([lambda: cluster.run_pending(job)] * 2, verdict)


def cancel_against_claim(cluster: Cluster) -> Race:
    job = cluster.submit()

    def verdict(results: Sequence[Any]) -> bool:
        after, canceller = cluster.read(job), results[1]
        if after.status is JobStatus.CANCELLED and after.attempt == 0:
            return cluster.runs[job.job_id] == 0 and canceller == after
        answered_correctly = isinstance(canceller, AlreadyFinished) or canceller.status is JobStatus.CANCELLING
        return cluster.runs[job.job_id] == 1 and after.attempt == 1 and answered_correctly

    return Race(
        [lambda: cluster.run_pending(job), lambda: cluster.service.cancel(job.tenant, job.job_id, None)], verdict
    )


def settling_against_a_slow_end(cluster: Cluster) -> Race:
    """The worker finishes after its lease has expired."""
    job, rendezvous = cluster.submit(), Rendezvous(2, cluster.jitter_s)
    settler = rendezvous.opponent(lambda: cluster.late_service.get(job.tenant, job.job_id))

    def verdict(results: Sequence[Any]) -> bool:
        return all(seen == cluster.read(job) for seen in results)

    return Race([lambda: cluster.run_pending(job, rendezvous.tool), settler, settler], verdict)


def cancel_against_settling(cluster: Cluster) -> Race:
    """The worker is lost; a client cancels the job while two settlers find its lease expired."""
    job = cluster.submit()
    cluster.claim_as_lost_worker(job)

    def verdict(results: Sequence[Any]) -> bool:
        after = cluster.read(job)
        return after.error is not None and after.error.code == "worker_lost" and results[1] == after

    return Race(
        [
            lambda: cluster.service.cancel(job.tenant, job.job_id, None),
            lambda: cluster.late_service.settle(job.tenant, job.job_id, worker_gone=True),
            cluster.late_service.settle_lapsed,
        ],
        verdict,
    )


def settling_an_unstarted_job(cluster: Cluster) -> Race:
    """The execution was not started; two settlers restart the job while a client cancels it."""
    job = cluster.submit_unstarted()

    def verdict(results: Sequence[Any]) -> bool:
        return cluster.read(job).status is JobStatus.CANCELLED and isinstance(results[2], Job)

    return Race(
        [
            cluster.late_service.settle_lapsed,
            lambda: cluster.late_service.get(job.tenant, job.job_id),
            lambda: cluster.service.cancel(job.tenant, job.job_id, None),
        ],
        verdict,
    )


def one_key(cluster: Cluster) -> Race:
    """Send three requests with one idempotency key: exactly one creates the job and runs it."""
    wanted = _under_one_key(cluster)

    def verdict(results: Sequence[Any]) -> bool:
        winners = [one.job for one in results if isinstance(one, Finished)]
        joined = {one.job.job_id for one in results if isinstance(one, KeyAlreadyUsed)}
        runs = sum(cluster.runs[job_id] for job_id in {job.job_id for job in wanted})
        return len(winners) == runs == 1 and joined == {winners[0].job_id}

    return Race([partial(cluster.run_now, job) for job in wanted], verdict)


def one_key_in_both_modes(cluster: Cluster) -> Race:
    """Send one synchronous and two asynchronous requests with one idempotency key: exactly one creates the job."""
    now, *later = _under_one_key(cluster)

    def verdict(results: Sequence[Any]) -> bool:
        made = [one.job if isinstance(one, Finished) else one for one in results if not isinstance(one, KeyAlreadyUsed)]
        joined = {one.job.job_id for one in results if isinstance(one, KeyAlreadyUsed)}
        return len(made) == 1 and joined == {made[0].job_id}

    submits = [partial(cluster.service.submit, job, INPUT) for job in later]
    return Race([partial(cluster.run_now, now), *submits], verdict)


def _under_one_key(cluster: Cluster) -> list[Job]:
    """Return three jobs of requests with the same, unused idempotency key."""
    key = cluster.new_job().job_id
    return [cluster.new_job(key) for _ in range(3)]


def cancel_against_a_late_claim(cluster: Cluster) -> Race:
    """A synchronous run outlasts the claim delay while a client cancels it."""
    job, rendezvous = cluster.new_job(), Rendezvous(1, cluster.jitter_s)

    def verdict(results: Sequence[Any]) -> bool:
        after, (worker, canceller) = cluster.read(job), results
        if isinstance(canceller, (AlreadyFinished, NotFound)):
            return after.status is JobStatus.SUCCEEDED and after.cancel is None and worker.job == after
        outcome = "stopped" if after.status is JobStatus.CANCELLED else "too_late"
        return worker.job == after and after.cancel is not None and after.cancel.outcome == outcome

    canceller = rendezvous.opponent(lambda: cluster.service.cancel(job.tenant, job.job_id, "enough"))
    return Race([lambda: cluster.run_now(job, rendezvous.tool), canceller], verdict)


def settling_against_a_late_claim(cluster: Cluster) -> Race:
    """A synchronous run outlasts the claim delay, and ends after its lease has expired."""
    job, rendezvous = cluster.new_job(), Rendezvous(2, cluster.jitter_s)
    settler = rendezvous.opponent(lambda: cluster.late_service.get(job.tenant, job.job_id))

    def verdict(results: Sequence[Any]) -> bool:
        worker, *settlers = results
        seen = [worker.job, *(one for one in settlers if not isinstance(one, NotFound))]
        return all(one == cluster.read(job) for one in seen)

    return Race([lambda: cluster.run_now(job, rendezvous.tool), settler, settler], verdict)


def deliveries_of_one_batch(cluster: Cluster) -> Race:
    """Three invocations of `count_jobs` count the same records."""
    cluster.run_pending(cluster.submit())
    return Race([_delivery(cluster)] * 3, _without_an_exception)


def deliveries_against_a_run(cluster: Cluster) -> Race:
    """Two invocations of `count_jobs` count the same records while another job of the tool runs."""
    cluster.run_pending(cluster.submit())
    delivery, job = _delivery(cluster), cluster.submit()
    return Race([delivery, delivery, lambda: cluster.run_pending(job)], _without_an_exception)


def _delivery(cluster: Cluster) -> Racer:
    """Return a delivery of the records written so far. Later ones are delivered when the counters are read."""
    events = list(cluster.consumer.take())

    def deliver() -> None:
        for event in events:
            cluster.consumer.deliver(event)

    return deliver


def _without_an_exception(results: Sequence[Any]) -> bool:
    return not any(isinstance(one, Exception) for one in results)
