"""Actors on one job may call in any order: each order is tried, and each keeps the invariants."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.job import Job
from interlock.plugins.index import PluginIndex
from interlock.ports import KeyAlreadyUsed
from tests.exhaustive.arena import INPUT, LIMIT_S, Arena, WatchedJobs
from tests.exhaustive.counts import Report
from tests.exhaustive.defects import DEFECTS_IN_AN_ORDER, Defect
from tests.exhaustive.invariants import counter_violations
from tests.exhaustive.ledger import end_of, history_violations
from tests.exhaustive.orders import Actor, Gate, every_order
from tests.fakes.jobs import idempotency_record
from tests.volume import volume

pytestmark = pytest.mark.timeout(600)  # against hanging; a test is many runs

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
    """The actors share a submitted job."""

    def cast(arena: Arena) -> Sequence[Actor]:
        job = arena.submit()
        return [actor(arena, job) for actor in actors]

    return cast


def unstarted(*actors: Callable[[Arena, Job], Actor]) -> Cast:
    """The actors share a job without a started execution."""

    def cast(arena: Arena) -> Sequence[Actor]:
        job = arena.submit_unstarted()
        return [actor(arena, job) for actor in actors]

    return cast


def held(*actors: Callable[[Arena, Job], Actor]) -> Cast:
    """The actors share a job with a lost worker."""

    def cast(arena: Arena) -> Sequence[Actor]:
        job = arena.submit()
        arena.hold(job)
        return [actor(arena, job) for actor in actors]

    return cast


def under_one_key(arena: Arena) -> Sequence[Actor]:
    """One runs it now, one submits it, and one is late."""
    jobs = [arena.new_job() for _ in range(3)]
    claims = [idempotency_record(job, "key", INPUT) for job in jobs]
    return [
        lambda: arena.worker().run_now(jobs[0], arena.call(), deadline=Deadline.after(LIMIT_S), record=claims[0]),
        lambda: arena.service.submit(jobs[1], INPUT, claims[1]),
        lambda: arena.service.submit(jobs[2], INPUT, claims[2]),
    ]


def submit_and_run(arena: Arena) -> Sequence[Actor]:
    """The engine is quick."""
    return [arena.submit, arena.run_started]


PREVENTED, TOO_LATE = "cancelled prevented", "succeeded too_late"
LOST, LOST_TOO_LATE = "failed", "failed too_late"
ANY_END = {PREVENTED, TOO_LATE, "succeeded", LOST, LOST_TOO_LATE}

CASTS: dict[str, tuple[Cast, set[str]]] = {
    "a submit meets its execution": (submit_and_run, {"succeeded"}),
    "a cancel meets a run": (submitted(run, cancel), {"succeeded", TOO_LATE, PREVENTED}),
    "two cancels meet a run": (submitted(run, cancel, cancel), {"succeeded", TOO_LATE, PREVENTED}),
    "three claims": (submitted(run, run, run), {"succeeded"}),
    "the Catch meets a worker that is well": (submitted(run, catch), {"succeeded", LOST}),
    "a late reader meets a slow worker": (submitted(run, read_late), {"succeeded", LOST}),
    "the schedule, a cancel and a slow worker": (submitted(run, cancel, schedule), ANY_END),
    "a late reader, a cancel and a slow worker": (submitted(run, cancel, read_late), ANY_END),
    "two settlers and a cancel": (held(schedule, read_late, cancel), {LOST, LOST_TOO_LATE}),
    "three settlers": (held(schedule, read_late, catch), {LOST}),
    "two start what was not started": (unstarted(schedule, read_late), {"succeeded"}),
    "two start what was not started, and one cancels it": (unstarted(schedule, read_late, cancel), {PREVENTED}),
    "requests under one key": (under_one_key, {"succeeded"}),
}
"""The actors of each scenario, and exactly the outcomes that its job may have."""

HUNDREDS = {
    "two cancels meet a run",
    "the schedule, a cancel and a slow worker",
    "a late reader, a cancel and a slow worker",
}
SELECTED = volume(sample=[name for name in CASTS if name not in HUNDREDS], full=list(CASTS))
"""A sample leaves out the scenarios with hundreds of orders."""


@dataclass
class Theatre:
    """Play a scenario in an order, each time on a new store, and let it come to rest."""

    cast: Cast
    index: PluginIndex
    ends: Counter[str] = field(default_factory=Counter)

    def play_all(self) -> int:
        """Returns in how many orders."""
        orders = [tuple(order) for order in every_order(self.play)]
        assert len(set(orders)) == len(orders)
        return len(orders)

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
        self.ends.update(map(end_of, store.all_jobs))
        return options


def _may_be_told(error: Exception) -> bool:
    return isinstance(error, KeyAlreadyUsed) or getattr(error, "code", None) == "already_finished"


@pytest.mark.parametrize("name", SELECTED)
def test_every_order_of_calls_keeps_the_invariants(index: PluginIndex, report: Report, name: str) -> None:
    cast, ends = CASTS[name]
    theatre = Theatre(cast, index)
    report("orders", name, theatre.play_all())
    assert set(theatre.ends) == ends, theatre.ends


@pytest.mark.parametrize(("defect", "name"), DEFECTS_IN_AN_ORDER, ids=lambda one: getattr(one, "__name__", one))
def test_planted_defect_is_found_in_some_order(
    index: PluginIndex, monkeypatch: pytest.MonkeyPatch, defect: Defect, name: str
) -> None:
    defect(monkeypatch.setattr)
    with pytest.raises(AssertionError):
        test_every_order_of_calls_keeps_the_invariants(index, lambda *_: None, name)
