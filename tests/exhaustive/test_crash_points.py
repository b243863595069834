"""Every crash point of the synchronous, the asynchronous and the cancel path."""

import itertools
from collections import Counter

import pytest

from tests.exhaustive.cancel_paths import CancelledStubbornWorker
from tests.exhaustive.counts import Report
from tests.exhaustive.crash_path import BEAT
from tests.exhaustive.defects import DEFECTS_AT_A_FAULT, Shows
from tests.exhaustive.injection import Fault
from tests.exhaustive.paths import PATHS
from tests.exhaustive.runs import Laboratory
from tests.volume import volume

pytestmark = pytest.mark.timeout(600)  # against hanging; a test is many runs


SELECTED = volume(
    sample=list(zip(PATHS, itertools.cycle(Fault), strict=False)),
    full=list(itertools.product(PATHS, Fault)),
)
"""A sample takes one fault for each path, and the next fault for the next path."""


@pytest.mark.parametrize(("name", "fault"), SELECTED)
def test_fault_in_any_call_keeps_the_invariants(
    laboratory: Laboratory, report: Report, name: str, fault: Fault
) -> None:
    path, found, passed = PATHS[name], [], 0
    calls = len(fault.among(path.calls))
    # Until there is no such call any more. How many heartbeats there are is not known before.
    while passed < calls or path.beats:
        went = laboratory.run(path, fault, passed + 1)
        found += [f"call {passed + 1} {fault}: {problem}" for problem in went.violations]
        if went.calls is not None and len(fault.among(went.calls)) <= passed:
            break
        passed += 1
    assert not found, "\n".join(found)
    assert passed >= calls + path.beats
    report("crash points", name, passed)


@pytest.mark.parametrize("name", PATHS)
def test_run_without_a_fault_keeps_the_invariants(laboratory: Laboratory, name: str) -> None:
    path = PATHS[name]
    went = laboratory.run(path, Fault.REFUSED, at=0)
    calls = Counter(went.calls)
    assert not went.violations
    assert not path.beats or calls.pop(BEAT)
    assert calls == Counter(path.calls)


def test_stubborn_tool_has_ended_before_its_cancel_is_written(laboratory: Laboratory) -> None:
    # Without a fault alone: it takes its two seconds.
    went = laboratory.run(CancelledStubbornWorker(), Fault.REFUSED, at=0)
    assert not went.violations
    assert [(job.status, job.cancel and job.cancel.outcome) for job in went.jobs] == [("cancelled", "killed")]


@pytest.mark.parametrize("shows", DEFECTS_AT_A_FAULT, ids=lambda shows: f"{shows.defect.__name__}, {shows.path.name}")
def test_planted_defect_is_found_by_some_fault(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, shows: Shows
) -> None:
    shows.defect(monkeypatch.setattr)
    went = laboratory.run(shows.path, shows.fault, shows.at, defect=shows.defect.__name__)
    assert went.violations


def test_number_of_crash_points_has_not_fallen() -> None:
    least = sum(len(fault.among(path.calls)) + path.beats for path in PATHS.values() for fault in Fault)
    assert least >= 476
