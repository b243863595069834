"""Webhooks with a fault at every call, and in every order: none is lost, or sent after its success was recorded."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from interlock.adapters.step_functions import step_to_state
from interlock.domain.job import Job
from interlock.domain.stream import Batch
from interlock.domain.webhook import Delivery, DeliveryState, Step, WebhookEvent, job_subject
from interlock.jobs import announcing, delivering
from interlock.jobs.delivering import Message
from tests.exhaustive import webhook_system
from tests.exhaustive.counts import Report
from tests.exhaustive.injection import Fault
from tests.exhaustive.orders import Actor, CallScheduler, every_order
from tests.exhaustive.webhook_system import PATHS, LocalFaults, WebhookSystem
from tests.volume import volume

FINISHED = WebhookEvent.FINISHED


def violations(path: str, fault: Fault, at: int) -> tuple[list[str], LocalFaults]:
    """Run a path with a fault, then the call that arrives late, if any. Return the violations."""
    drive, answers = PATHS[path]
    faults = LocalFaults(fault, at)
    system = WebhookSystem(faults, answers)
    job = drive(system)
    if faults.late is not None:
        if faults.late_name == "receiver.send":
            system.happenings.note_late_message()
        faults.late()
        system.run_executions()
    return system.violations(job), faults


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("path", PATHS)
def test_no_event_is_lost_with_a_fault_at_any_call(path: str, fault: Fault, report: Report) -> None:
    calls = violations(path, fault, 0)[1].calls
    points = len(fault.affected(calls))
    assert points > 5
    for at in range(1, points + 1):
        found, faults = violations(path, fault, at)
        assert found == [], f"call {at} {fault}: {found} in {faults.calls}"
    report("crash points", f"webhooks {path}", points)


# --- Defects ---------------------------------------------------------------------------------------------------------


def announce_carelessly(plant: Callable[..., None]) -> None:
    """Do not repeat a batch whose deliveries could not be started."""

    def careless(workflow: Any, batch: Batch[Any]) -> None:
        announcing.announce(workflow, batch)

    plant(webhook_system, "announce", careless)


def send_without_a_look(plant: Callable[..., None]) -> None:
    """Send a message without checking whether its attempt was recorded."""
    plant(Delivery, "awaits", lambda *_: True)


def record_before_sending(plant: Callable[..., None]) -> None:
    """Record a success before the message is sent."""
    send = delivering.Delivering._post

    def sent(self: Any, step: Step, message: Message) -> Any:
        delivered = Delivery(step.event, step.round, DeliveryState.DELIVERED, step.attempt)
        self._deliveries.record(step.subject, delivered, expires_at=message.expires_at)
        return send(self, step, message)

    plant(delivering.Delivering, "_post", sent)


def start_under_a_new_name(plant: Callable[..., None]) -> None:
    """Make each start of a delivery a new execution, and ignore recorded attempts."""
    names = iter(range(10**6))
    plant(Step, "name", property(lambda step: f"{step.subject.name}-{next(names)}"))
    plant(Delivery, "awaits", lambda *_: True)


DEFECTS = (announce_carelessly, send_without_a_look, record_before_sending, start_under_a_new_name)


@pytest.mark.parametrize("defect", DEFECTS)
def test_planted_defect_is_detected(defect: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch.setattr)
    with pytest.raises(AssertionError):
        _every_fault()


def _every_fault() -> None:
    for path in PATHS:
        for fault in Fault:
            test_no_event_is_lost_with_a_fault_at_any_call(path, fault, lambda *_: None)


# --- Orders ----------------------------------------------------------------------------------------------------------

type Scenario = Callable[[WebhookSystem, Job], Sequence[Actor]]


def attempt(system: WebhookSystem, job: Job, number: int = 0) -> Actor:
    """Start the execution of a round, and return the sender's invocation for its first attempt."""
    step = Step(job_subject(job), FINISHED, number)
    system.executions.start(step)
    state = step_to_state(step)
    return lambda: system.send_webhook(state)


def again(system: WebhookSystem, job: Job) -> Actor:
    return lambda: system.core.redelivery(job, FINISHED)


SCENARIOS: dict[str, Scenario] = {
    "two invocations for one attempt": lambda system, job: [attempt(system, job)] * 2,
    "an attempt and a request to send again": lambda system, job: [attempt(system, job), again(system, job)],
    "two requests to send again": lambda system, job: [again(system, job)] * 2,
    "attempts of two rounds": lambda system, job: [attempt(system, job), attempt(system, job, 1)],
    "two attempts and a request to send again": lambda system, job: [
        attempt(system, job),
        attempt(system, job, 1),
        again(system, job),
    ],
}


LONG_SCENARIO = "two attempts and a request to send again"
SELECTED = volume(sample=[name for name in SCENARIOS if name != LONG_SCENARIO], full=list(SCENARIOS))


def run_order(scenario: Scenario, choices: Sequence[int], answers: Sequence[int]) -> list[list[int]]:
    scheduler = CallScheduler()
    system = WebhookSystem(scheduler, answers)
    job = system.run_job()
    actors = scenario(system, job)
    results, options, steps = scheduler.run(actors, choices)
    system.announce()
    system.run_executions()
    assert not [one for one in results if isinstance(one, Exception)], (results, steps)
    last = system.stored.get(job_subject(job), FINISHED)
    assert last is not None, steps
    assert last.state is DeliveryState.DELIVERED, (last, steps)
    return options


@pytest.mark.parametrize("answers", [(), (500,)], ids=["accepted", "refused once"])
@pytest.mark.parametrize("name", SELECTED)
def test_every_order_ends_with_a_delivery(name: str, answers: Sequence[int], report: Report) -> None:
    orders = list(every_order(lambda choices: run_order(SCENARIOS[name], choices, answers)))
    assert len(orders) > 1
    report("orders", f"webhooks: {name}", len(orders))
