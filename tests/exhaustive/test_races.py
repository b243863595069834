"""Races: whichever racer is first, every job makes permitted transitions only and the counters are exact."""

import itertools
import statistics
import sys
import timeit
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from interlock.domain.job import Job
from interlock.jobs import lease
from interlock.plugins.index import PluginIndex
from interlock.ports import JobFilter
from tests.exhaustive import races
from tests.exhaustive.backend import Backend
from tests.exhaustive.cluster import JITTER_S, Cluster, WatchedJobs
from tests.exhaustive.counts import Report
from tests.exhaustive.invariants import counter_violations
from tests.exhaustive.ledger import Ledger, end_of, history_violations
from tests.exhaustive.races import Race, RaceRunner
from tests.exhaustive.system import client
from tests.service import clients, dynamodb_local
from tests.service.stream import CountedJobs, StreamConsumer
from tests.volume import volume

pytestmark = pytest.mark.timeout(600)  # guards against hangs; one test consists of many runs

MANY = volume(sample=100, full=1000)
SOME = volume(sample=50, full=400)
ON_MOTO = volume(sample=10, full=50)

ON_DYNAMODB_LOCAL = volume(sample=10, full=100)
"""Number of races of each series. Each takes 30 ms or more."""

MOST = 20
"""Limit of additional races, as a multiple of the planned number, that are run until each outcome has occurred."""

JITTERS = (1, 4)
"""Multiples of the jitter with which additional races are run: on a busy machine, calls take longer."""

CALLS_PER_JITTER = 24

type Kind = Callable[[Cluster], Race]


@pytest.fixture
def race_runner() -> Iterator[RaceRunner]:
    """A race runner, with threads that switch more often than usual."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    runner = RaceRunner()
    yield runner
    runner.close()
    sys.setswitchinterval(interval)


@dataclass(frozen=True, slots=True)
class Series:
    """Races of a kind, their minimum number, the outcomes that must occur, and the number of jobs in each race."""

    kind: Kind
    count: int
    ends: frozenset[str]
    jobs: int = 1

    def run(
        self, cluster: Cluster, race_runner: RaceRunner, count: int, ledger: Callable[[], Ledger] | None = None
    ) -> int:
        """Run `count` races, and more until each outcome has occurred. Return their number."""
        jitter_s, jitters = cluster.jitter_s, itertools.cycle(JITTERS)
        for ran in itertools.count(1):
            if ran % count == 1:
                cluster.jitter_s = jitter_s * next(jitters)
            race = self.kind(cluster)
            results = race_runner.run(race, cluster.jitter_s)
            assert race.verdict(results), results
            if ran % count == 0:
                cluster.finish_all_jobs()
                ends = self.check(cluster, ledger() if ledger else None)
                assert ends.total() == ran * self.jobs
                assert set(ends) <= self.ends, ends
                if set(ends) == self.ends or ran >= count * MOST:
                    break
        assert set(ends) == self.ends, ends
        return ran

    def check(self, cluster: Cluster, ledger: Ledger | None = None) -> Counter[str]:
        """Assert the invariants, and return how often each outcome has occurred."""
        jobs = all_jobs(cluster)
        found = [f"{job.job_id} is still {job.status}" for job in jobs if not job.finished]
        found += [f"{job.job_id} ran too often" for job in jobs if cluster.runs[job.job_id] > job.attempt]
        found += counter_violations(jobs, {"echo": cluster.store.metrics("echo")})
        if ledger is not None:
            assert ledger.histories.keys() == {job.job_id for job in jobs}
            found += [problem for history in ledger.histories.values() for problem in history_violations(history)]
        assert not found, "\n".join(found)
        return Counter(map(end_of, jobs))


def all_jobs(cluster: Cluster) -> list[Job]:
    jobs: list[Job] = []
    before_id = None
    while True:
        page, before_id = cluster.store.page(JobFilter("acme"), limit=100, before_id=before_id)
        jobs += page
        if before_id is None:
            return jobs


COMPLETIONS = frozenset({"cancelled stopped", "succeeded too_late", "succeeded"})
ALSO_ON_TABLES = [
    Series(races.cancel_against_completion, MANY, COMPLETIONS),
    Series(races.claims, MANY, frozenset({"succeeded"})),
]
ON_TABLES = [
    *ALSO_ON_TABLES,
    Series(races.deliveries_of_one_batch, MANY, frozenset({"succeeded"})),
    Series(races.deliveries_against_a_run, MANY, frozenset({"succeeded"}), jobs=2),
]
OTHERS = [
    Series(races.cancel_against_claim, SOME, frozenset({"cancelled prevented", "succeeded too_late", "succeeded"})),
    Series(races.settling_against_a_slow_end, SOME, frozenset({"succeeded", "failed"})),
    Series(races.cancel_against_settling, SOME, frozenset({"failed", "failed too_late"})),
    Series(races.settling_an_unstarted_job, SOME, frozenset({"cancelled prevented"})),
    Series(races.one_key, SOME, frozenset({"succeeded"})),
    Series(races.one_key_in_both_modes, SOME, frozenset({"succeeded"})),
    Series(races.cancel_against_a_late_claim, SOME, COMPLETIONS),
    Series(races.settling_against_a_late_claim, SOME, frozenset({"succeeded", "failed"})),
]


def name(series: Series) -> str:
    return series.kind.__name__


@pytest.mark.parametrize("series", ALSO_ON_TABLES + OTHERS, ids=name)
def test_races_in_memory_keep_the_invariants(
    index: PluginIndex, race_runner: RaceRunner, monkeypatch: pytest.MonkeyPatch, report: Report, series: Series
) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_S", JITTER_S / 4)
    monkeypatch.setattr(lease, "CLAIM_DELAY_S", 0)
    store = WatchedJobs()
    cluster = Cluster(store, index)
    report("races", f"{name(series)} in memory", series.run(cluster, race_runner, series.count, lambda: store.ledger))


@pytest.fixture(scope="session")
def dynamodb_local_url() -> Iterator[str]:
    with dynamodb_local.running() as url:
        yield url


@pytest.fixture
def on_a_table(index: PluginIndex, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Cluster]:
    """Create a cluster on a table at a URL. Its jitter is the measured duration of a few calls."""

    def cluster(url: str, table: str) -> Cluster:
        dynamodb = client("dynamodb", url)
        consumer = StreamConsumer(dynamodb, client("dynamodbstreams", url), table)
        store = CountedJobs(dynamodb, table, consumer)
        call_s = statistics.median(timeit.repeat(lambda: store.get("acme", "none"), number=1, repeat=9))
        monkeypatch.setattr(lease, "HEARTBEAT_S", call_s)
        return Cluster(store, index, jitter_s=CALLS_PER_JITTER * call_s, consumer=consumer)

    return cluster


@pytest.mark.parametrize("series", ON_TABLES, ids=name)
def test_races_on_moto_keep_the_invariants(
    backend: Backend, on_a_table: Callable[[str, str], Cluster], race_runner: RaceRunner, report: Report, series: Series
) -> None:
    table = backend.new_table(Path("no plugin runs here"))
    ran = series.run(on_a_table(backend.url, table), race_runner, ON_MOTO, lambda: backend.ledger(table))
    report("races", f"{name(series)} on moto", ran)


# Run in one process, so that only one Java virtual machine is started. DynamoDB Local has AWS's own implementation of
# conditions and transactions, and handles many requests at a time.
if not dynamodb_local.missing():

    @pytest.mark.xdist_group("dynamodb-local")
    @pytest.mark.parametrize("series", ON_TABLES, ids=name)
    def test_races_on_dynamodb_local_keep_the_invariants(
        dynamodb_local_url: str,
        on_a_table: Callable[[str, str], Cluster],
        race_runner: RaceRunner,
        report: Report,
        series: Series,
    ) -> None:
        clients.create_table(client("dynamodb", dynamodb_local_url), name(series))
        cluster = on_a_table(dynamodb_local_url, name(series))
        report("races", f"{name(series)} on DynamoDB Local", series.run(cluster, race_runner, ON_DYNAMODB_LOCAL))
