"""Who meets on a job may do so in any order of their calls: each order is tried, and each leaves the invariants."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from interlock.domain.job import Job
from interlock.plugin_index import PluginIndex
from interlock.ports import AlreadyClaimed
from tests.faults.arena import INPUT, LIMIT_S, Arena, WatchedJobs, echo_index
from tests.faults.counts import Report
from tests.faults.invariants import counter_violations
from tests.faults.ledger import history_violations
from tests.faults.orders import Actor, Gate, every_order

LEAST = 9
"""In fewer orders no two actors meet."""

type Cast = Callable[[Arena], Sequence[Actor]]


def run(arena: Arena, job: Job) -> Actor:
    return lambda: arena.run_pending(job)


def cancel(arena: Arena, job: Job) -> Actor:
    return lambda: arena.service.cancel(job.tenant, job.job_id, "enough")


def read_late(arena: Arena, job: Job) -> Actor:
    return lambda: arena.late.get(job.tenant, job.job_id)


def catch(arena: Arena, job: Job) -> Actor:
    return lambda: arena.service.settle(job.tenant, job.job_id, worker_gone=True)


def schedule(arena: Arena, _: Job) -> Actor:
    return arena.late.settle_lapsed


def submitted(*actors: Callable[[Arena, Job], Actor]) -> Cast:
    """They meet on a job that was submitted."""

    def cast(arena: Arena) -> Sequence[Actor]:
        job = arena.submit()
        return [actor(arena, job) for actor in actors]

    return cast


def unstarted(*actors: Callable[[Arena, Job], Actor]) -> Cast:
    """They meet on a job whose execution was not started."""

    def cast(arena: Arena) -> Sequence[Actor]:
        job = arena.submit_unstarted()
        return [actor(arena, job) for actor in actors]

    return cast


def held(*actors: Callable[[Arena, Job], Actor]) -> Cast:
    """They meet on a job whose worker is gone."""

    def cast(arena: Arena) -> Sequence[Actor]:
        job = arena.submit()
        arena.hold(job)
        return [actor(arena, job) for actor in actors]

    return cast


def under_one_key(arena: Arena) -> Sequence[Actor]:
    """One runs it now, one submits it, and one is late."""
    jobs = [arena.new_job() for _ in range(3)]
    claims = [arena.service.claim(job, "key", INPUT) for job in jobs]
    return [
        lambda: arena.worker().run_now(jobs[0], arena.call(), limit_s=LIMIT_S, once=claims[0]),
        lambda: arena.service.submit(jobs[1], INPUT, claims[1]),
        lambda: arena.service.submit(jobs[2], INPUT, claims[2]),
    ]


CASTS: dict[str, Cast] = {
    "a cancel meets a run": submitted(run, cancel),
    "two cancels meet a run": submitted(run, cancel, cancel),
    "three claims": submitted(run, run, run),
    "the Catch meets a worker that is well": submitted(run, catch),
    "a late reader meets a slow worker": submitted(run, read_late),
    "the schedule, a cancel and a slow worker": submitted(run, cancel, schedule),
    "a late reader, a cancel and a slow worker": submitted(run, cancel, read_late),
    "two settlers and a cancel": held(schedule, read_late, cancel),
    "three settlers": held(schedule, read_late, catch),
    "two start what was not started": unstarted(schedule, read_late),
    "two start what was not started, and one cancels it": unstarted(schedule, read_late, cancel),
    "requests under one key": under_one_key,
}


@dataclass
class Theatre:
    """Plays a cast in an order, each time on a store of its own, and then lets it come to rest."""

    cast: Cast
    index: PluginIndex
    plays: int = 0

    def play(self, choices: Sequence[int]) -> list[list[int]]:
        gate, store = Gate(), WatchedJobs()
        arena = Arena(store, self.index, passage=gate)
        came, options, steps = gate.run(self.cast(arena), choices)
        for _ in range(2):
            arena.bring_to_rest()
        histories = store.ledger.histories
        problems = [problem for history in histories.values() for problem in history_violations(history)]
        problems += counter_violations(store.all_jobs, {"echo": store.metrics("echo")})
        problems += [f"is still {job.status}" for job in store.all_jobs if not job.finished]
        problems += [f"ran {count} times" for count in arena.runs.values() if count > 1]
        problems += [f"raised {one!r}" for one in came if isinstance(one, Exception) and not _may_be_told(one)]
        if len(store.all_jobs) != 1:
            problems.append(f"there are {len(store.all_jobs)} jobs")
        assert not problems, f"{problems} after {steps}, which came to {came}"
        self.plays += 1
        return options


def _may_be_told(error: Exception) -> bool:
    return isinstance(error, AlreadyClaimed) or getattr(error, "code", None) == "already_finished"


@pytest.mark.parametrize("name", CASTS)
def test_in_every_order(tmp_path: Path, report: Report, name: str) -> None:
    theatre = Theatre(CASTS[name], echo_index(tmp_path / "index"))
    orders = {tuple(order) for order in every_order(theatre.play)}
    assert len(orders) == theatre.plays >= LEAST
    report("orders", name, len(orders))
