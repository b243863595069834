"""Parties that act on one batch make their calls in every order: no item is lost or runs twice, and the batch ends in a
permitted status."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from interlock.domain.batch import Batch
from interlock.ports import StaleBatch
from tests.exhaustive.batch_system import INVALID, BatchSystem, without_threads
from tests.exhaustive.counts import Report
from tests.exhaustive.orders import Actor, CallScheduler, every_order
from tests.fakes.batches import MemoryBatches
from tests.fakes.world import Answer
from tests.volume import volume

pytestmark = pytest.mark.timeout(900)  # guards against hangs; one test consists of many runs

type Scenario = tuple[Callable[[BatchSystem], Sequence[Actor]], Sequence[Any], dict[str, Any]]


def prepare(system: BatchSystem) -> Actor:
    return lambda: system.world.prepare_batch(system.batch_id)


def run(number: int) -> Callable[[BatchSystem], Actor]:
    return lambda system: lambda: system.run_item(number)


def cancel(system: BatchSystem) -> Actor:
    return system.cancel


def finish(system: BatchSystem) -> Actor:
    return system.finish


def count(system: BatchSystem) -> Actor:
    return system.count


def schedule(system: BatchSystem) -> Actor:
    """Run the schedule a minute later, whether or not the execution still runs."""
    system.world.clock.advance(61)
    return system.schedule


def schedule_of_a_lost_execution(system: BatchSystem) -> Actor:
    system.world.batch_workflow.finish(system.batch)
    return schedule(system)


def submitted(*parties: Callable[[BatchSystem], Actor], texts: Sequence[Any] = "ab", **fields: Any) -> Scenario:
    def actors(system: BatchSystem) -> Sequence[Actor]:
        system.submitted()
        return [party(system) for party in parties]

    return actors, texts, fields


def prepared(*parties: Callable[[BatchSystem], Actor], texts: Sequence[Any] = "ab", **fields: Any) -> Scenario:
    def actors(system: BatchSystem) -> Sequence[Actor]:
        system.submitted().prepared()
        return [party(system) for party in parties]

    return actors, texts, fields


def over(*parties: Callable[[BatchSystem], Actor], **fields: Any) -> Scenario:
    """The actors share a batch whose items have all run."""

    def actors(system: BatchSystem) -> Sequence[Actor]:
        system.submitted().prepared().ran(0, 1)
        return [party(system) for party in parties]

    return actors, "ab", fields


def stopping(*parties: Callable[[BatchSystem], Actor]) -> Scenario:
    """The actors share a batch that is being stopped after one of its items has run."""

    def actors(system: BatchSystem) -> Sequence[Actor]:
        system.submitted().prepared().ran(0).cancel()
        return [party(system) for party in parties]

    return actors, "ab", {}


def submit_twice(system: BatchSystem) -> Sequence[Actor]:
    return [system.submit, system.submit]


def submit_and_retry_and_differ(system: BatchSystem) -> Sequence[Actor]:
    return [system.submit, lambda: system.submit(max_concurrency=3)]


SCENARIOS: dict[str, Scenario] = {
    "two submits with one key": (submit_twice, "a", {}),
    "two submits with one key and different bodies": (submit_and_retry_and_differ, "a", {}),
    "two invocations prepare": submitted(prepare, prepare, texts="a"),
    "prepare and cancel": submitted(prepare, cancel),
    "prepare and the schedule of a lost execution": submitted(prepare, schedule_of_a_lost_execution, texts="a"),
    "two runs of one item": prepared(run(0), run(0)),
    "run and cancel": prepared(run(0), cancel),
    "run and finish": prepared(run(0), finish, texts="a"),
    "run, finish and cancel": prepared(run(0), finish, cancel, texts="a"),
    "run and count too many failures": prepared(run(0), count, texts=["a", INVALID], tolerated_failures=0),
    "cancel and count too many failures": prepared(cancel, count, texts=["a", INVALID], tolerated_failures=0),
    "two cancels": prepared(cancel, cancel),
    "two finish": over(finish, finish),
    "finish and cancel": over(finish, cancel),
    "finish, finish and cancel": over(finish, finish, cancel),
    "finish and the schedule": over(finish, schedule),
    "two finish a batch that is being stopped": stopping(finish, finish),
    "run and finish a batch that is being stopped": stopping(run(1), finish),
    "run and two finish a batch that is being stopped": stopping(run(1), finish, finish),
    "finish a batch that is being stopped, cancel and schedule": stopping(finish, cancel, schedule),
}
LONG_SCENARIOS = {
    "two invocations prepare",
    "prepare and the schedule of a lost execution",
    "prepare and cancel",
    "run, finish and cancel",
    "finish, finish and cancel",
    "run and two finish a batch that is being stopped",
    "finish a batch that is being stopped, cancel and schedule",
}
SELECTED = volume(sample=[name for name in SCENARIOS if name not in LONG_SCENARIOS], full=list(SCENARIOS))


def run_order(folder: Path, scenario: Scenario, choices: Sequence[int]) -> list[list[int]]:
    actors, texts, fields = scenario
    scheduler = CallScheduler()
    system = BatchSystem(folder, scheduler, list(texts), **fields)
    results, options, steps = scheduler.run(actors(system), choices)
    try:
        assert [one for one in results if isinstance(one, Exception)] == []
        answers = [one for one in results if isinstance(one, Answer)]
        assert {one.status for one in answers} <= {200, 202, 409, 422}
        system.live()
        system.check()
    except AssertionError as error:
        raise AssertionError(f"{error} after {steps}, with the results {results}") from error
    return options


@pytest.mark.parametrize("name", SELECTED)
def test_every_order_of_calls_on_a_batch_keeps_the_invariants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report, name: str
) -> None:
    without_threads(monkeypatch.setattr)
    numbers = iter(range(10**6))
    orders = list(every_order(lambda choices: run_order(tmp_path / str(next(numbers)), SCENARIOS[name], choices)))
    assert len(orders) > 1
    report("orders", f"batches: {name}", len(orders))


def write_without_a_condition(plant: Callable[..., None]) -> None:
    """Write a batch even if it has changed since it was read."""
    change = MemoryBatches.change

    def changed(self: MemoryBatches, before: Batch, after: Batch) -> Batch:
        try:
            return change(self, before, after)
        except StaleBatch as stale:
            return change(self, stale.current or before, after)

    plant(MemoryBatches, "change", changed)


def test_order_with_a_planted_defect_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_without_a_condition(monkeypatch.setattr)
    with pytest.raises(AssertionError):
        test_every_order_of_calls_on_a_batch_keeps_the_invariants(
            tmp_path, monkeypatch, lambda *_: None, "finish and cancel"
        )
