"""Webhooks over stores in memory, with faults at every call: the stream, the workflow's engine, senders and receivers.

`tests/service/test_deliveries.py` compares the stores with those of a table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from standardwebhooks import Webhook as Verifier

from interlock.adapters.step_functions import step_to_state
from interlock.composition.core import Core
from interlock.composition.send_webhook import send_webhook_task
from interlock.domain import job as jobs
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.domain.stream import Batch, Change
from interlock.domain.webhook import (
    Answer,
    Delivery,
    DeliveryError,
    DeliveryState,
    Subject,
    WatchedJob,
    Webhook,
    WebhookEvent,
    job_subject,
)
from interlock.jobs.announcing import announce
from interlock.jobs.lease import LEASE
from tests.exhaustive.cluster import WatchedJobs
from tests.exhaustive.injection import CallInterceptor, Faults, intercepted
from tests.fakes.jobs import a_job
from tests.fakes.outside import (
    ManualClock,
    MemoryDeliveries,
    MemoryDeliveryWorkflow,
    MemorySigningSecrets,
    MemoryWorkflow,
)
from tests.fakes.world import SETTINGS

EVENTS = (WebhookEvent.STARTED, WebhookEvent.FINISHED)
MOST_INVOCATIONS = 100
"""More than any execution needs."""


def watched(job: Job) -> WatchedJob:
    return WatchedJob(job.tenant, job.job_id, job.status, job.webhook)


class Killed(BaseException):
    """A function was killed."""


class LocalFaults(Faults):
    """Faults in this process: a function that is killed ends with an exception that it cannot handle."""

    late_name = ""
    """The call that takes effect at the end."""

    def call(self, name: str, action: Callable[[], Any]) -> Any:
        was_late = self.late is not None
        try:
            return super().call(name, action)
        finally:
            self.late_name = self.late_name if was_late or self.late is None else name

    def _kill(self) -> None:
        raise Killed


@dataclass
class Happenings:
    """The events of a run, in order: messages that arrived, recorded deliveries, and requests to send again."""

    entries: list[Any] = field(default_factory=list)

    def note_late_message(self) -> None:
        """Permit a message that arrives late to arrive after a recorded success."""
        self.entries += [("again", event) for event in EVENTS]

    def violations(self, job: Job) -> list[str]:
        """Return the messages that were sent although their delivery was recorded, and those that never arrived."""
        found = []
        for event in EVENTS:
            delivered, arrived = False, False
            for entry in self.entries:
                match entry:
                    case ("arrived", message_id, status) if message_id == f"{job.job_id}-{event}":
                        found += [f"{event} was sent after its success was recorded"] if delivered else []
                        arrived = arrived or status < 300
                    case Delivery(event=recorded, state=state) if recorded is event:
                        delivered = delivered or state is DeliveryState.DELIVERED
                    case ("again", requested) if requested is event:
                        delivered = False
            found += [] if arrived else [f"{event} never arrived"]
        return found


class RecordedDeliveries(MemoryDeliveries):
    """Deliveries that note each write."""

    def __init__(self, happenings: Happenings) -> None:
        super().__init__()
        self._happenings = happenings

    def record(self, subject: Subject, delivery: Delivery, *, expires_at: datetime) -> Delivery:
        before = self.get(subject, delivery.event)
        stored = super().record(subject, delivery, expires_at=expires_at)
        if before is not None and before.state is DeliveryState.DELIVERED and stored.round == before.round:
            assert stored == before, "a recorded success was overwritten"
        if stored != before:
            self._happenings.entries.append(stored)
        return stored


class StreamedJobs(WatchedJobs):
    """Jobs with a stream of their changes."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change[Job]] = []

    def _write(self, old: Job | None, new: Job) -> None:
        super()._write(old, new)
        self.changes.append(Change(len(self.changes) + 1, old, new))


class WebhookSystem:
    """The functions around webhooks. `answers` are the receiver's first statuses; all later ones are 204."""

    def __init__(self, interceptor: CallInterceptor, answers: Sequence[int] = ()) -> None:
        self.happenings = Happenings()
        self.store = StreamedJobs()
        self.stored = RecordedDeliveries(self.happenings)
        self.executions = MemoryDeliveryWorkflow()
        self.secrets = MemorySigningSecrets()
        self.clock = ManualClock()
        self._interceptor = interceptor
        self._answers = list(answers)
        self._workflow = intercepted(interceptor, "workflow", self.executions)
        self.core = Core(
            SETTINGS,
            store=intercepted(interceptor, "store", self.store),
            workflow=MemoryWorkflow(),
            delivery_workflow=self._workflow,
            delivery_store=intercepted(interceptor, "deliveries", self.stored),
            signing_secrets=intercepted(interceptor, "secrets", self.secrets),
            clock=self.clock,
        )
        self.send_webhook = send_webhook_task(self.core, self._receive)

    def _receive(self, _url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Receive a message. An injected fault is a network error, because `SendMessage` never raises."""

        def arrive() -> Answer:
            [secret] = self.secrets.stored.values()
            sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
            signed = Verifier(secret.current).sign(headers["webhook-id"], sent_at, body.decode())
            assert headers["webhook-signature"] == signed
            status = self._answers.pop(0) if self._answers else 204
            self.happenings.entries.append(("arrived", headers["webhook-id"], status))
            return Answer(status, None if status < 300 else DeliveryError.STATUS)

        try:
            found: Answer = self._interceptor.call("receiver.send", arrive)
        except ServiceUnavailable:
            return Answer(error=DeliveryError.TIMEOUT)
        return found

    def run_job(self) -> Job:
        """Submit a job, claim it and end it."""
        now = self.clock()
        job = a_job(JobStatus.PENDING, webhook=Webhook("https://example.com/", EVENTS))
        self.store.create(job)
        claimed = jobs.claimed(job, worker_id="worker", now=now, lease_expires_at=now + LEASE)
        self.store.change(job, claimed)
        ended = jobs.ended(claimed, Outcome.succeeded({}), now=now, result=None, progress=None)
        self.store.settle(claimed, ended)
        return ended

    def announce(self) -> None:
        """Deliver the stream as Lambda does: a batch is repeated from the first record that was not processed."""
        left = [
            Change(one.sequence_number, None if one.old is None else watched(one.old), watched(one.new))
            for one in self.store.changes
        ]
        for _ in range(MOST_INVOCATIONS):
            try:
                repeat_from = announce(self._workflow, Batch(None, left))
            except Killed:
                continue
            if repeat_from is None:
                return
            left = [change for change in left if change.sequence_number >= repeat_from]
        raise AssertionError("the batch was never processed")

    def run_executions(self) -> None:
        """Run all executions to their end, as Step Functions does: a function that fails is invoked again."""
        for step in list(self.executions.running):
            state: dict[str, Any] = step_to_state(step)
            for _ in range(MOST_INVOCATIONS):
                try:
                    state = self.send_webhook(state)
                except (Killed, ServiceUnavailable):
                    continue
                if state["over"]:
                    break
                self.clock.now += timedelta(seconds=state["wait_s"])
            self.executions.finish(step)

    def redeliver(self, job: Job, event: WebhookEvent) -> None:
        """Ask for a message again, until the request is answered."""
        for _ in range(MOST_INVOCATIONS):
            self.happenings.entries.append(("again", event))
            try:
                self.core.redelivery(job, event)
            except (Killed, ServiceUnavailable):
                continue
            return

    def violations(self, job: Job) -> list[str]:
        """Return the violations once all executions have ended."""
        states = {one.event: one.state for one in self.stored.about(job_subject(job))}
        found = [f"{event} is {states.get(event)}" for event in EVENTS if states.get(event) != DeliveryState.DELIVERED]
        return found + self.happenings.violations(job)


type Path = Callable[[WebhookSystem], Job]


def delivered_at_once(system: WebhookSystem) -> Job:
    job = system.run_job()
    system.announce()
    system.run_executions()
    return job


def announced_twice(system: WebhookSystem) -> Job:
    job = delivered_at_once(system)
    system.announce()
    system.run_executions()
    return job


def sent_again(system: WebhookSystem) -> Job:
    job = delivered_at_once(system)
    system.redeliver(job, WebhookEvent.FINISHED)
    system.run_executions()
    return job


def sent_again_before_it_is_announced(system: WebhookSystem) -> Job:
    job = system.run_job()
    system.redeliver(job, WebhookEvent.FINISHED)
    system.announce()
    system.run_executions()
    return job


PATHS: Mapping[str, tuple[Path, Sequence[int]]] = {
    "delivered at the first attempt": (delivered_at_once, ()),
    "delivered after failures": (delivered_at_once, (500, 503, 204, 429)),
    "announced twice": (announced_twice, (500,)),
    "sent again": (sent_again, (500,)),
    "sent again before it is announced": (sent_again_before_it_is_announced, (500,)),
}
