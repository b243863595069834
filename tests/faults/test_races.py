"""Races by the thousand: whoever wins, no job takes a step that is not allowed, and the counters are exact."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from interlock import job_runner
from interlock.adapters.dynamo_jobs import DynamoJobs
from interlock.domain.job import Job
from tests.faults import races
from tests.faults.arena import MOMENT_S, Arena, WatchedJobs, echo_index
from tests.faults.backend import Backend
from tests.faults.invariants import counter_violations
from tests.faults.ledger import history_violations
from tests.faults.races import Race, Track
from tests.faults.system import client

THOUSAND = 1000
SOME = 300
ON_A_TABLE = 100
PER_TABLE = 10
"""moto copies a table for each transaction."""

type Kind = Callable[[Arena], Race]
type Histories = Mapping[str, list[Job]]


@pytest.fixture
def track() -> Iterator[Track]:
    """Threads take turns more often than they would."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    track = Track()
    yield track
    track.close()
    sys.setswitchinterval(interval)


def run(kind: Kind, arena: Arena, track: Track, count: int) -> None:
    for _ in range(count):
        race = kind(arena)
        came = track.run(race, arena.moment_s)
        assert race.verdict(came), came
    arena.bring_to_rest()


def check(arena: Arena, histories: Histories) -> Counter[str]:
    """The invariants; returns how often each end came."""
    jobs = [history[-1] for history in histories.values()]
    found = [problem for history in histories.values() for problem in history_violations(history)]
    found += [f"{job.job_id} is still {job.status}" for job in jobs if not job.finished]
    found += [
        f"{job.job_id} ran {arena.runs[job.job_id]} times" for job in jobs if arena.runs[job.job_id] > job.attempt
    ]
    found += counter_violations(jobs, {"echo": arena.store.metrics("echo")})
    assert not found, "\n".join(found)
    return Counter(f"{job.status} {job.cancel.outcome if job.cancel else ''}".strip() for job in jobs)


@dataclass(frozen=True, slots=True)
class Series:
    """How many races of a kind, and the ends that come sooner or later."""

    kind: Kind
    count: int
    ends: frozenset[str]


COMPLETIONS = frozenset({"cancelled stopped", "succeeded too_late", "succeeded"})
IN_MEMORY = [
    Series(races.cancel_against_completion, THOUSAND, COMPLETIONS),
    Series(races.claims, THOUSAND, frozenset({"succeeded"})),
    Series(races.cancel_against_claim, SOME, frozenset({"cancelled prevented", "succeeded too_late", "succeeded"})),
    Series(races.settling_against_a_slow_end, SOME, frozenset({"succeeded", "failed"})),
    Series(races.cancel_against_settling, SOME, frozenset({"failed", "failed too_late"})),
    Series(races.looking_after_what_never_started, SOME, frozenset({"cancelled prevented"})),
    Series(races.one_key, SOME, frozenset({"succeeded"})),
]


@pytest.mark.parametrize("series", IN_MEMORY, ids=lambda series: series.kind.__name__)
def test_in_memory(tmp_path: Path, track: Track, monkeypatch: pytest.MonkeyPatch, series: Series) -> None:
    monkeypatch.setattr(job_runner, "HEARTBEAT_S", MOMENT_S / 4)
    store = WatchedJobs()
    arena = Arena(store, echo_index(tmp_path / "index"))
    run(series.kind, arena, track, series.count)
    came = check(arena, store.ledger.histories)
    assert came.total() == series.count
    assert set(came) == series.ends, came


ON_TABLES = [
    Series(races.cancel_against_completion, ON_A_TABLE, COMPLETIONS),
    Series(races.claims, ON_A_TABLE, frozenset({"succeeded"})),
]


@pytest.mark.parametrize("series", ON_TABLES, ids=lambda series: series.kind.__name__)
def test_on_a_table(
    tmp_path: Path, backend: Backend, track: Track, monkeypatch: pytest.MonkeyPatch, series: Series
) -> None:
    monkeypatch.setattr(job_runner, "HEARTBEAT_S", 5 * MOMENT_S)
    index = echo_index(tmp_path / "index")
    came: Counter[str] = Counter()
    for _ in range(series.count // PER_TABLE):
        table = backend.new_table(tmp_path / "record")
        arena = Arena(DynamoJobs(client("dynamodb", backend.url), table), index, moment_s=20 * MOMENT_S)
        run(series.kind, arena, track, PER_TABLE)
        came += check(arena, backend.ledger(table).histories)
        backend.drop_table(table)
    assert came.total() == series.count
    assert set(came) <= series.ends, came
