"""Races: whichever side wins, every job takes allowed steps only and the counters are exact."""

import itertools
import statistics
import sys
import timeit
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.domain.job import Job
from interlock.jobs import runner as job_runner
from interlock.plugins.index import PluginIndex
from interlock.ports import JobFilter
from tests.exhaustive import races
from tests.exhaustive.arena import MOMENT_S, Arena, WatchedJobs
from tests.exhaustive.backend import Backend
from tests.exhaustive.counts import Report
from tests.exhaustive.invariants import counter_violations
from tests.exhaustive.ledger import Ledger, end_of, history_violations
from tests.exhaustive.races import Race, Track
from tests.exhaustive.system import client
from tests.service import clients, dynamodb_local
from tests.volume import volume

pytestmark = pytest.mark.timeout(600)  # against hanging; a test is many runs

MANY = volume(sample=100, full=1000)
SOME = volume(sample=50, full=400)
ON_MOTO = volume(sample=10, full=50)

ON_DYNAMODB_LOCAL = volume(sample=10, full=100)
"""Each takes 30 ms and more."""

MOST = 10
"""How many times as many races are run at most, until each end has come."""

CALLS_OF_A_MOMENT = 24

type Kind = Callable[[Arena], Race]


@pytest.fixture
def track() -> Iterator[Track]:
    """Threads take turns more often than they would."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    track = Track()
    yield track
    track.close()
    sys.setswitchinterval(interval)


@dataclass(frozen=True, slots=True)
class Series:
    """Races of a kind, their minimum number, and the outcomes that must occur."""

    kind: Kind
    count: int
    ends: frozenset[str]

    def run(self, arena: Arena, track: Track, count: int, ledger: Callable[[], Ledger] | None = None) -> int:
        """Runs that many, and more while an end has not come: who is first is the machine's affair, and on a busy one
        seldom everybody. Returns how many."""
        for ran in itertools.count(1):
            race = self.kind(arena)
            came = track.run(race, arena.moment_s)
            assert race.verdict(came), came
            if ran % count == 0:
                arena.bring_to_rest()
                ends = self.check(arena, ledger() if ledger else None)
                assert ends.total() == ran
                assert set(ends) <= self.ends, ends
                if set(ends) == self.ends or ran >= count * MOST:
                    break
        assert set(ends) == self.ends, ends
        return ran

    def check(self, arena: Arena, ledger: Ledger | None = None) -> Counter[str]:
        """The invariants; returns how often each end came."""
        jobs = all_jobs(arena)
        found = [f"{job.job_id} is still {job.status}" for job in jobs if not job.finished]
        found += [f"{job.job_id} ran too often" for job in jobs if arena.runs[job.job_id] > job.attempt]
        found += counter_violations(jobs, {"echo": arena.store.metrics("echo")})
        if ledger is not None:
            assert ledger.histories.keys() == {job.job_id for job in jobs}
            found += [problem for history in ledger.histories.values() for problem in history_violations(history)]
        assert not found, "\n".join(found)
        return Counter(map(end_of, jobs))


def all_jobs(arena: Arena) -> list[Job]:
    jobs: list[Job] = []
    before_id = None
    while True:
        page, before_id = arena.store.page(JobFilter("acme"), limit=100, before_id=before_id)
        jobs += page
        if before_id is None:
            return jobs


COMPLETIONS = frozenset({"cancelled stopped", "succeeded too_late", "succeeded"})
THE_TWO = [
    Series(races.cancel_against_completion, MANY, COMPLETIONS),
    Series(races.claims, MANY, frozenset({"succeeded"})),
]
OTHERS = [
    Series(races.cancel_against_claim, SOME, frozenset({"cancelled prevented", "succeeded too_late", "succeeded"})),
    Series(races.settling_against_a_slow_end, SOME, frozenset({"succeeded", "failed"})),
    Series(races.cancel_against_settling, SOME, frozenset({"failed", "failed too_late"})),
    Series(races.looking_after_what_never_started, SOME, frozenset({"cancelled prevented"})),
    Series(races.one_key, SOME, frozenset({"succeeded"})),
]


def name(series: Series) -> str:
    return series.kind.__name__


@pytest.mark.parametrize("series", THE_TWO + OTHERS, ids=name)
def test_races_in_memory_keep_the_invariants(
    index: PluginIndex, track: Track, monkeypatch: pytest.MonkeyPatch, report: Report, series: Series
) -> None:
    monkeypatch.setattr(job_runner, "HEARTBEAT_S", MOMENT_S / 4)
    store = WatchedJobs()
    arena = Arena(store, index)
    report("races", f"{name(series)} in memory", series.run(arena, track, series.count, lambda: store.ledger))


@pytest.fixture(scope="session")
def dynamodb_local_url() -> Iterator[str]:
    with dynamodb_local.running() as url:
        yield url


@pytest.fixture
def on_a_table(index: PluginIndex, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Arena]:
    """An arena on this table at this URL. There a moment is as long as a few calls take, on this machine as it is."""

    def arena(url: str, table: str) -> Arena:
        store = DynamoJobs(client("dynamodb", url), table)
        call_s = statistics.median(timeit.repeat(lambda: store.get("acme", "none"), number=1, repeat=9))
        monkeypatch.setattr(job_runner, "HEARTBEAT_S", call_s)
        return Arena(store, index, moment_s=CALLS_OF_A_MOMENT * call_s)

    return arena


@pytest.mark.parametrize("series", THE_TWO, ids=name)
def test_races_on_moto_keep_the_invariants(
    backend: Backend, on_a_table: Callable[[str, str], Arena], track: Track, report: Report, series: Series
) -> None:
    table = backend.new_table(Path("no plugin runs here"))
    ran = series.run(on_a_table(backend.url, table), track, ON_MOTO, lambda: backend.ledger(table))
    report("races", f"{name(series)} on moto", ran)


# In one process, so that one Java machine is started. Its conditions and transactions are AWS's own, and it answers
# many requests at a time.
if not dynamodb_local.missing():

    @pytest.mark.xdist_group("dynamodb-local")
    @pytest.mark.parametrize("series", THE_TWO, ids=name)
    def test_races_on_dynamodb_local_keep_the_invariants(
        dynamodb_local_url: str, on_a_table: Callable[[str, str], Arena], track: Track, report: Report, series: Series
    ) -> None:
        clients.create_table(client("dynamodb", dynamodb_local_url), name(series))
        arena = on_a_table(dynamodb_local_url, name(series))
        report("races", f"{name(series)} on DynamoDB Local", series.run(arena, track, ON_DYNAMODB_LOCAL))
