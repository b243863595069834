"""Batches with a fault at any call: no item is lost or runs twice, counts add up, a final status is written once, only
when no job is unfinished, and announced."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from interlock.domain.errors import InterlockError
from interlock.jobs import batches, finishing
from interlock.ports import JobExists, StaleBatch, StaleJob
from tests.exhaustive.batch_system import INVALID, BatchSystem, retried, without_threads
from tests.exhaustive.counts import Report
from tests.exhaustive.injection import Fault
from tests.exhaustive.webhook_system import LocalFaults
from tests.volume import volume

type CancelAt = Literal["never", "submitted", "prepared", "between items", "run"]

STEP = volume(sample=9, full=1)
"""Number of calls from one crash point of a path to the next."""

PATHS: dict[str, tuple[CancelAt, list[Any], dict[str, Any]]] = {
    "all items run": ("never", ["a", "b", "c"], {}),
    "cancelled once submitted": ("submitted", ["a", "b"], {}),
    "cancelled once prepared": ("prepared", ["a", "b"], {}),
    "cancelled between items": ("between items", ["a", "b", "c"], {}),
    "cancelled once run": ("run", ["a", "b"], {}),
    "more failures than tolerated": ("never", ["a", INVALID, INVALID, "d"], {"tolerated_failures": 1}),
    "cancelled with too many failures": ("prepared", ["a", INVALID], {"tolerated_failures": 0}),
}


def run(folder: Path, path: str, fault: Fault, at: int) -> LocalFaults:
    """Run a path with a fault, then the call that arrives late, if any, and check the invariants."""
    cancel_at, texts, fields = PATHS[path]
    faults = LocalFaults(fault, at)
    system = BatchSystem(folder, faults, texts, **fields).submitted()
    left = [cancel_at]

    def cancel(moment: str) -> None:
        if left == [moment]:
            left.clear()
            assert retried(system.cancel).status in {200, 202, 409}

    cancel("submitted")
    system.live(cancel)
    if faults.late is not None:
        with suppress(StaleBatch, StaleJob, JobExists, InterlockError):
            faults.late()
        system.live()
    system.check()
    return faults


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("path", PATHS)
def test_fault_in_any_call_of_a_batch_keeps_the_invariants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report, path: str, fault: Fault
) -> None:
    without_threads(monkeypatch.setattr)
    points = len(fault.affected(run(tmp_path / "0", path, fault, 0).calls))
    assert points > 20
    tried = range(1 + len(path) % STEP, points + 1, STEP)
    for at in tried:
        try:
            calls = run(tmp_path / str(at), path, fault, at).calls
        except AssertionError as error:
            raise AssertionError(f"call {at} {fault}: {error}") from error
        assert len(calls) >= at
    report("crash points", f"batches: {path}", len(tried))


# --- Defects ---------------------------------------------------------------------------------------------------------


def leave_unfinished_jobs(plant: Callable[..., None]) -> None:
    """Let the last task leave unfinished jobs unfinished."""
    plant(finishing.FinishBatch, "_end", lambda *_: None)


def leave_lost_executions(plant: Callable[..., None]) -> None:
    """Let the schedule ignore batches."""
    plant(batches.BatchService, "restart_lapsed", lambda _: 0)


DEFECTS = (leave_unfinished_jobs, leave_lost_executions)


@pytest.mark.parametrize("defect", DEFECTS)
def test_planted_defect_in_batches_is_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: Callable[..., None]
) -> None:
    defect(monkeypatch.setattr)
    without_threads(monkeypatch.setattr)
    with pytest.raises(AssertionError):
        _every_kill(tmp_path)


def _every_kill(folder: Path) -> None:
    for at in range(1, 40):
        run(folder / str(at), "cancelled between items", Fault.KILLED_AFTER, at)
