"""Deliveries of the stream make their calls in every order, and each order counts each change once."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from interlock.plugins.index import PluginIndex
from tests.exhaustive.cluster import Cluster
from tests.exhaustive.counted_stream import ALL, TABLE, Stream, StreamedJobs, counters_table
from tests.exhaustive.counts import Report
from tests.exhaustive.defects import count_without_a_checkpoint
from tests.exhaustive.invariants import counter_violations
from tests.exhaustive.orders import Actor, CallScheduler, every_order
from tests.service.states import assert_states_equal_counters
from tests.volume import volume

pytestmark = pytest.mark.timeout(600)  # guards against hangs; one test consists of many runs

type Scenario = Callable[[Cluster, Stream], Sequence[Actor]]


def after_runs(jobs: int, actors: Callable[[Stream], Sequence[Actor]]) -> Scenario:
    """The actors deliver the records of jobs that have run: three for each job, of which two are counted."""

    def scenario(cluster: Cluster, stream: Stream) -> Sequence[Actor]:
        for _ in range(jobs):
            cluster.run_pending(cluster.submit())
        return actors(stream)

    return scenario


def during_a_cancelled_run(cluster: Cluster, stream: Stream) -> Sequence[Actor]:
    """A job is run and cancelled while its records are delivered in two batches."""
    job = cluster.submit()
    return [
        lambda: cluster.run_pending(job),
        lambda: cluster.service.cancel(job.tenant, job.job_id, "enough"),
        stream.delivery(2, ALL),
    ]


def during_a_cancel(cluster: Cluster, stream: Stream) -> Sequence[Actor]:
    """A pending job is cancelled while two invocations deliver its records."""
    job = cluster.submit()
    return [
        lambda: cluster.service.cancel(job.tenant, job.job_id, "enough"),
        stream.delivery(1, ALL),
        stream.delivery(ALL),
    ]


SCENARIOS: dict[str, Scenario] = {
    "three deliveries of a batch": after_runs(1, lambda stream: [stream.delivery(ALL)] * 3),
    "a batch and its halves": after_runs(3, lambda stream: [stream.delivery(6), stream.delivery(3, 3)]),
    "halves of a batch, and its parts": after_runs(3, lambda stream: [stream.delivery(3, 3), stream.delivery(2, 2, 2)]),
    "a batch, its halves, and its parts": after_runs(
        3, lambda stream: [stream.delivery(6), stream.delivery(3, 3), stream.delivery(2, 2, 2)]
    ),
    "a batch of each shard, and parts of one": after_runs(
        2, lambda stream: [stream.delivery(ALL), stream.delivery(ALL, shard=1), stream.delivery(2, 1)]
    ),
    "deliveries meet a run and its cancel": during_a_cancelled_run,
    "deliveries meet a cancel": during_a_cancel,
}


LONG_SCENARIOS = {
    "halves of a batch, and its parts",
    "a batch, its halves, and its parts",
    "a batch of each shard, and parts of one",
    "deliveries meet a run and its cancel",
}
SELECTED = volume(sample=[name for name in SCENARIOS if name not in LONG_SCENARIOS], full=list(SCENARIOS))
"""A sample leaves out the scenarios that take more than a few seconds."""


@pytest.fixture(scope="module")
def counters() -> Iterator[Any]:
    with counters_table() as client:
        yield client


def run_order(scenario: Scenario, index: PluginIndex, client: Any, choices: Sequence[int]) -> list[list[int]]:
    """Run the actors, deliver everything once more, and assert that the counters equal the jobs."""
    scheduler, store = CallScheduler(), StreamedJobs(client)
    cluster = Cluster(store, index, interceptor=scheduler)
    stream = Stream(store, client, scheduler)
    results, options, steps = scheduler.run(scenario(cluster, stream), choices)
    cluster.finish_all_jobs()
    stream.count_all()
    problems = counter_violations(store.all_jobs, {"echo": store.metrics("echo")})
    problems += [f"is still {job.status}" for job in store.all_jobs if not job.finished]
    problems += [f"raised {one!r}" for one in results if getattr(one, "code", None) not in {None, "already_finished"}]
    problems += [f"raised {one!r}" for one in results if isinstance(one, AssertionError)]
    assert not problems, f"{problems} after {steps}, with the results {results}"
    assert_states_equal_counters(client, TABLE, "echo")
    return options


@pytest.mark.parametrize("name", SELECTED)
def test_every_order_of_deliveries_counts_each_change_once(
    index: PluginIndex, counters: Any, report: Report, name: str
) -> None:
    orders = list(every_order(lambda choices: run_order(SCENARIOS[name], index, counters, choices)))
    report("orders", name, len(orders))


@pytest.mark.parametrize("name", SCENARIOS)
def test_order_with_a_planted_defect_counts_a_change_twice(
    index: PluginIndex, counters: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    count_without_a_checkpoint(monkeypatch.setattr)
    with pytest.raises(AssertionError):
        test_every_order_of_deliveries_counts_each_change_once(index, counters, lambda *_: None, name)
