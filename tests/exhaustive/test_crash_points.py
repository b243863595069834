"""Every crash point of the synchronous, the asynchronous and the cancel path."""

import itertools
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.exhaustive.cancel_paths import CancelledStubbornWorker
from tests.exhaustive.counts import Report
from tests.exhaustive.crash_path import BEAT
from tests.exhaustive.defects import DEFECTS_AT_A_FAULT, DefectCase
from tests.exhaustive.fault_runner import FaultRunner
from tests.exhaustive.injection import Fault
from tests.exhaustive.paths import PATHS
from tests.volume import volume

pytestmark = pytest.mark.timeout(600)  # guards against hangs; one test consists of many runs


SELECTED = volume(
    sample=list(zip(PATHS, itertools.cycle(Fault), strict=False)),
    full=list(itertools.product(PATHS, Fault)),
)
"""A sample takes one fault for each path, and the next fault for the next path."""

STEP = volume(sample=6, full=1)
"""A sample takes every sixth call of a path."""


def repeated(calls: Sequence[str]) -> set[int]:
    """Return the positions of calls that equal three others before and one after them: the schedule's many queries."""
    return {at for at in range(3, len(calls) - 1) if len(set(calls[at - 3 : at + 2])) == 1}


@pytest.mark.parametrize(("name", "fault"), SELECTED)
def test_fault_in_any_call_keeps_the_invariants(
    fault_runner: FaultRunner, report: Report, name: str, fault: Fault
) -> None:
    path, found, passed = PATHS[name], [], 0
    affected = fault.affected(path.calls)
    calls, alike = len(affected), repeated(affected)
    # Stop after the last call of the path. The number of heartbeats is not known in advance.
    while passed < calls or path.beats:
        if passed in alike or passed % STEP:
            passed += 1
            continue
        result = fault_runner.run(path, fault, passed + 1)
        found += [f"call {passed + 1} {fault}: {problem}" for problem in result.violations]
        if result.calls is not None and len(fault.affected(result.calls)) <= passed:
            break
        passed += 1
    assert not found, "\n".join(found)
    assert passed >= calls + path.beats
    report("crash points", name, len(range(0, passed, STEP)))


@pytest.mark.parametrize("name", PATHS)
def test_run_without_a_fault_keeps_the_invariants(fault_runner: FaultRunner, name: str) -> None:
    path = PATHS[name]
    result = fault_runner.run(path, Fault.REFUSED, at=0)
    calls = Counter(result.calls)
    assert not result.violations
    expected = Counter(path.calls)
    if path.beats:
        assert calls[BEAT] > expected[BEAT]
        calls[BEAT] = expected[BEAT]
    assert +calls == expected


def test_stubborn_tool_has_ended_before_its_cancel_is_written(fault_runner: FaultRunner) -> None:
    # Only without a fault, because the grace takes two seconds.
    result = fault_runner.run(CancelledStubbornWorker(), Fault.REFUSED, at=0)
    assert not result.violations
    assert [(job.status, job.cancel and job.cancel.outcome) for job in result.jobs] == [("cancelled", "killed")]


@pytest.mark.parametrize("case", DEFECTS_AT_A_FAULT, ids=lambda case: f"{case.defect.__name__}, {case.path.name}")
def test_planted_defect_is_found_by_some_fault(
    fault_runner: FaultRunner, monkeypatch: pytest.MonkeyPatch, case: DefectCase
) -> None:
    case.defect(monkeypatch.setattr)
    result = fault_runner.run(case.path, case.fault, case.at, defect=case.defect.__name__)
    assert result.violations


def test_number_of_crash_points_has_not_fallen() -> None:
    affected = [fault.affected(path.calls) for path in PATHS.values() for fault in Fault]
    least = sum(len(calls) - len(repeated(calls)) for calls in affected)
    least += sum(path.beats for path in PATHS.values()) * len(Fault)
    assert least >= 656
