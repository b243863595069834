"""Scenarios of actors on a job whose tool requests input, each with the complete set of permitted outcomes."""

from collections.abc import Callable, Sequence

from interlock.domain.job import Job
from tests.exhaustive.cluster import Cluster
from tests.exhaustive.orders import Actor
from tests.fakes.asking import asks

KEYS = ("first", "second")

type Scenario = Callable[[Cluster], Sequence[Actor]]
type Act = Callable[[Cluster, Job], object]


def _actors(cluster: Cluster, job: Job, acts: Sequence[Act]) -> list[Actor]:
    def actor(act: Act) -> Actor:
        return lambda: act(cluster, job)

    return [actor(act) for act in acts]


def _submitted(*acts: Act) -> Scenario:
    """The actors share a submitted job."""

    def scenario(cluster: Cluster) -> Sequence[Actor]:
        return _actors(cluster, cluster.submit_for_a_client(), acts)

    return scenario


def _parked(*acts: Act) -> Scenario:
    """The actors share a parked job."""

    def scenario(cluster: Cluster) -> Sequence[Actor]:
        job = cluster.submit_for_a_client()
        _ask(cluster, job)
        cluster.executions.finish(job.job_id)
        return _actors(cluster, job, acts)

    return scenario


def _answered(*acts: Act) -> Scenario:
    """The actors share a parked job to which its client has responded."""

    def scenario(cluster: Cluster) -> Sequence[Actor]:
        job = cluster.submit_for_a_client()
        _ask(cluster, job)
        cluster.executions.finish(job.job_id)
        cluster.respond(job, *KEYS)
        return _actors(cluster, job, acts)

    return scenario


def _ask(cluster: Cluster, job: Job) -> object:
    return cluster.run_pending(job, asks(*KEYS))


def _run(cluster: Cluster, job: Job) -> object:
    return cluster.run_pending(job)


def _first(cluster: Cluster, job: Job) -> object:
    return cluster.respond(job, "first")


def _second(cluster: Cluster, job: Job) -> object:
    return cluster.respond(job, "second")


def _both(cluster: Cluster, job: Job) -> object:
    return cluster.respond(job, *KEYS)


def _cancel(cluster: Cluster, job: Job) -> object:
    return cluster.service.cancel(job.tenant, job.job_id, "enough")


def _read_late(cluster: Cluster, job: Job) -> object:
    return cluster.late_service.get(job.tenant, job.job_id)


def _catch(cluster: Cluster, job: Job) -> object:
    return cluster.service.settle(job.tenant, job.job_id, worker_gone=True)


PREVENTED, STOPPED, TOO_LATE = "cancelled prevented", "cancelled stopped", "succeeded too_late"
LOST = "failed"

ASKING_SCENARIOS: dict[str, tuple[Scenario, set[str]]] = {
    "two responses meet": (_parked(_first, _second), {"succeeded"}),
    "two last responses and a worker meet": (_parked(_both, _both, _run), {"succeeded"}),
    "two responses meet a cancel": (_parked(_first, _second, _cancel), {STOPPED}),
    "a request for input meets a cancel": (_submitted(_ask, _cancel), {PREVENTED, STOPPED}),
    "a request for input meets a response": (_submitted(_ask, _both), {"succeeded"}),
    "a request for input meets the Catch and a late reader": (
        _submitted(_ask, _catch, _read_late),
        {"succeeded", LOST},
    ),
    "two claims meet after the response": (_answered(_run, _run), {"succeeded"}),
    "a claim after the response meets a cancel": (_answered(_run, _cancel), {"succeeded", TOO_LATE, STOPPED}),
    "a claim after the response meets a late reader": (_answered(_run, _read_late), {"succeeded", LOST}),
    "two cancels meet a parked job": (_parked(_cancel, _cancel), {STOPPED}),
    "the Catch meets a response": (_parked(_both, _catch), {"succeeded"}),
}
