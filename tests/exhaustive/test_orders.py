"""Actors on one job make their calls in every order, and each order keeps the invariants."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from interlock.domain.job import Job
from interlock.jobs import lease
from interlock.plugins.index import PluginIndex
from interlock.ports import KeyAlreadyUsed
from tests.exhaustive.asking_orders import ASKING_SCENARIOS
from tests.exhaustive.cluster import INPUT, Cluster, WatchedJobs
from tests.exhaustive.counts import Report
from tests.exhaustive.defects import DEFECTS_IN_AN_ORDER, Defect
from tests.exhaustive.invariants import counter_violations
from tests.exhaustive.ledger import deadline_violations, end_of, history_violations
from tests.exhaustive.orders import Actor, CallScheduler, every_order
from tests.volume import volume

pytestmark = pytest.mark.timeout(600)  # guards against hangs; one test consists of many runs

DEADLINE_S = 30
"""A deadline that is met by the runs of these tests, and has passed by the clock of late actors."""

type Scenario = Callable[[Cluster], Sequence[Actor]]


def run(cluster: Cluster, job: Job) -> Actor:
    return lambda: cluster.run_pending(job)


def cancel(cluster: Cluster, job: Job) -> Actor:
    return lambda: cluster.service.cancel(job.tenant, job.job_id, "enough")


def read_late(cluster: Cluster, job: Job) -> Actor:
    return lambda: cluster.late_service.get(job.tenant, job.job_id)


def catch(cluster: Cluster, job: Job) -> Actor:
    return lambda: cluster.service.settle(job.tenant, job.job_id, worker_gone=True)


def schedule(cluster: Cluster, _: Job) -> Actor:
    return cluster.late_service.settle_lapsed


def submitted(*actors: Callable[[Cluster, Job], Actor]) -> Scenario:
    """The actors share a submitted job."""

    def scenario(cluster: Cluster) -> Sequence[Actor]:
        job = cluster.submit()
        return [actor(cluster, job) for actor in actors]

    return scenario


def unstarted(*actors: Callable[[Cluster, Job], Actor]) -> Scenario:
    """The actors share a job without a started execution."""

    def scenario(cluster: Cluster) -> Sequence[Actor]:
        job = cluster.submit_unstarted()
        return [actor(cluster, job) for actor in actors]

    return scenario


def held(*actors: Callable[[Cluster, Job], Actor]) -> Scenario:
    """The actors share a job with a lost worker."""

    def scenario(cluster: Cluster) -> Sequence[Actor]:
        job = cluster.submit()
        cluster.claim_as_lost_worker(job)
        return [actor(cluster, job) for actor in actors]

    return scenario


def under_one_key(cluster: Cluster) -> Sequence[Actor]:
    """Three requests with one idempotency key: one runs the job synchronously, two submit it."""
    jobs = [cluster.new_job("key") for _ in range(3)]
    return [
        lambda: cluster.run_now(jobs[0]),
        lambda: cluster.service.submit(jobs[1], INPUT),
        lambda: cluster.service.submit(jobs[2], INPUT),
    ]


def join_and_cancel(cluster: Cluster) -> Sequence[Actor]:
    """Three requests have the same idempotency key: two are synchronous, and one is asynchronous. The second and third
    request cancel the job if another request has created it."""

    def request(first: Callable[[Job], object]) -> Actor:
        job = cluster.new_job("key")

        def actor() -> object:
            try:
                return first(job)
            except KeyAlreadyUsed as error:
                return cluster.service.cancel("acme", cluster.service.settle_expired(error.job).job_id, "enough")

        return actor

    return [
        lambda: cluster.run_now(cluster.new_job("key")),
        request(cluster.run_now),
        request(lambda job: cluster.service.submit(job, INPUT)),
    ]


def late_request_under_one_key(cluster: Cluster) -> Sequence[Actor]:
    """The worker of a keyed job is lost. A late request with its key settles it, another actor reads it, another
    cancels it."""
    lost = cluster.service.submit(cluster.new_job("key"), INPUT)
    cluster.claim_as_lost_worker(lost)

    def request() -> object:
        try:
            return cluster.service.submit(cluster.new_job("key"), INPUT)
        except KeyAlreadyUsed as error:
            return cluster.late_service.settle_expired(error.job)

    return [request, read_late(cluster, lost), cancel(cluster, lost)]


def claimed_late(*actors: Callable[[Cluster, Job], Actor]) -> Scenario:
    """The actors share a job whose synchronous run outlasts the claim delay."""

    def scenario(cluster: Cluster) -> Sequence[Actor]:
        job = cluster.new_job()
        worker = lambda: cluster.run_now(job, cluster.ends_after_its_claim)  # noqa: E731
        return [worker, *(actor(cluster, job) for actor in actors)]

    return scenario


def with_deadline(*actors: Callable[[Cluster, Job], Actor]) -> Scenario:
    """The actors share a submitted job with a deadline. For late actors, the deadline has passed."""

    def scenario(cluster: Cluster) -> Sequence[Actor]:
        job = cluster.submit(deadline_s=DEADLINE_S)
        return [actor(cluster, job) for actor in actors]

    return scenario


def run_late(cluster: Cluster, job: Job) -> Actor:
    return lambda: cluster.run_pending_late(job)


def catch_late(cluster: Cluster, job: Job) -> Actor:
    return lambda: cluster.late_service.settle(job.tenant, job.job_id, worker_gone=True)


def submit_and_run(cluster: Cluster) -> Sequence[Actor]:
    """The workflow runs the job while it is being submitted."""
    return [cluster.submit, cluster.run_started_executions]


PREVENTED, TOO_LATE = "cancelled prevented", "succeeded too_late"
LOST, LOST_TOO_LATE = "failed", "failed too_late"
OVERDUE = "timed_out"
ANY_END = {PREVENTED, TOO_LATE, "succeeded", LOST, LOST_TOO_LATE}

SCENARIOS: dict[str, tuple[Scenario, set[str]]] = {
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
    "a claim meets its deadline": (with_deadline(run, read_late), {"succeeded", OVERDUE, LOST}),
    "a late claim, a late reader and the schedule meet a deadline": (
        with_deadline(run_late, read_late, schedule),
        {OVERDUE},
    ),
    "a cancel and the late Catch meet a deadline": (with_deadline(cancel, catch_late), {PREVENTED, OVERDUE}),
    "a claim, a cancel and a late reader meet a deadline": (
        with_deadline(run, cancel, read_late),
        ANY_END | {OVERDUE},
    ),
    "requests under one key": (under_one_key, {"succeeded"}),
    "requests under one key join and cancel": (join_and_cancel, {"succeeded", TOO_LATE, PREVENTED}),
    "a late request under one key": (late_request_under_one_key, {LOST, LOST_TOO_LATE}),
    "a cancel meets a late claim": (claimed_late(cancel), {"succeeded", TOO_LATE}),
    "a late reader and a cancel meet a late claim": (claimed_late(cancel, read_late), ANY_END - {PREVENTED}),
    "two schedules meet a late claim": (claimed_late(schedule, schedule), {"succeeded", LOST}),
    **ASKING_SCENARIOS,
}
"""The actors of each scenario, and exactly the outcomes that its job may have."""

LONG_SCENARIOS = {
    "two cancels meet a run",
    "the schedule, a cancel and a slow worker",
    "a late reader, a cancel and a slow worker",
    "requests under one key join and cancel",
    "a late request under one key",
    "a claim, a cancel and a late reader meet a deadline",
}
SELECTED = volume(sample=[name for name in SCENARIOS if name not in LONG_SCENARIOS], full=list(SCENARIOS))
"""A sample leaves out the scenarios with hundreds of orders."""


@pytest.fixture(autouse=True)
def no_claim_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "CLAIM_DELAY_S", 0)


@dataclass
class OrderExplorer:
    """Run a scenario in every order, each time on a new store, until all jobs have finished."""

    scenario: Scenario
    index: PluginIndex
    ends: Counter[str] = field(default_factory=Counter)

    def run_every_order(self) -> int:
        """Run the scenario in every order. Return the number of orders."""
        orders = [tuple(order) for order in every_order(self.run_order)]
        assert len(set(orders)) == len(orders)
        return len(orders)

    def run_order(self, choices: Sequence[int]) -> list[list[int]]:
        scheduler, store = CallScheduler(), WatchedJobs()
        cluster = Cluster(store, self.index, interceptor=scheduler)
        results, options, steps = scheduler.run(self.scenario(cluster), choices)
        for _ in range(2):
            cluster.finish_all_jobs()
        histories = store.ledger.histories
        problems = [problem for history in histories.values() for problem in history_violations(history)]
        problems += [problem for job in store.all_jobs for problem in deadline_violations(job)]
        problems += counter_violations(store.all_jobs, {"echo": store.metrics("echo")})
        problems += [f"is still {job.status}" for job in store.all_jobs if not job.finished]
        problems += [f"ran too often: {job}" for job in store.all_jobs if cluster.runs[job.job_id] > job.attempt]
        problems += [f"has {job.attempt} attempts" for job in store.all_jobs if job.attempt > 1 + _asked(job)]
        problems += [f"raised {one!r}" for one in results if isinstance(one, Exception) and not _is_expected(one)]
        if len(store.all_jobs) != 1:
            problems.append(f"there are {len(store.all_jobs)} jobs")
        assert not problems, f"{problems} after {steps}, with the results {results}"
        self.ends.update(map(end_of, store.all_jobs))
        return options


def _asked(job: Job) -> int:
    """Return how often the job was parked, by its events."""
    return sum(event.fields.get("message", "").startswith("waits for input") for event in job.events.events)


def _is_expected(error: Exception) -> bool:
    return isinstance(error, KeyAlreadyUsed) or getattr(error, "code", None) == "already_finished"


@pytest.mark.parametrize("name", SELECTED)
def test_every_order_of_calls_keeps_the_invariants(index: PluginIndex, report: Report, name: str) -> None:
    scenario, ends = SCENARIOS[name]
    explorer = OrderExplorer(scenario, index)
    report("orders", name, explorer.run_every_order())
    assert set(explorer.ends) == ends, explorer.ends


@pytest.mark.parametrize(("defect", "name"), DEFECTS_IN_AN_ORDER, ids=lambda one: getattr(one, "__name__", one))
def test_planted_defect_is_found_in_some_order(
    index: PluginIndex, monkeypatch: pytest.MonkeyPatch, defect: Defect, name: str
) -> None:
    defect(monkeypatch.setattr)
    with pytest.raises(AssertionError):
        test_every_order_of_calls_keeps_the_invariants(index, lambda *_: None, name)
