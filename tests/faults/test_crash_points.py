"""Every crash point of the synchronous, the asynchronous and the cancel path."""

from collections import Counter

import pytest

from tests.faults.counts import Report
from tests.faults.injection import Fault
from tests.faults.paths import PATHS, CancelledStubbornWorker
from tests.faults.runs import Laboratory

BEAT = "store.heartbeat"


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("name", PATHS)
def test_every_call_may_go_wrong(
    laboratory: Laboratory, quick_heart: None, report: Report, name: str, fault: Fault
) -> None:
    path, found, at = PATHS[name], [], 0
    while True:
        at += 1
        went = laboratory.run(path, fault, at)
        found += [f"call {at} {fault}: {problem}" for problem in went.violations]
        if went.calls is not None and len(went.calls) < at:
            break  # it had no such call: nothing went wrong any more
    assert not found, "\n".join(found)
    assert Counter(call for call in went.calls if call != BEAT) == Counter(path.calls)
    assert at - 1 >= len(path.calls) + path.beats
    assert (BEAT in went.calls) or not path.beats
    report("crash points", name, at - 1)


def test_a_stubborn_tool_is_gone_when_its_cancel_is_written(laboratory: Laboratory, quick_heart: None) -> None:
    # Without a fault: every path passes, and this one takes its two seconds.
    went = laboratory.run(CancelledStubbornWorker(), Fault.REFUSED, at=0)
    assert not went.violations
    assert [(job.status, job.cancel and job.cancel.outcome) for job in went.jobs] == [("cancelled", "killed")]


def test_there_are_as_many_crash_points_as_there_were() -> None:
    least = sum(len(path.calls) + path.beats for path in PATHS.values()) * len(Fault)
    assert least >= 440
