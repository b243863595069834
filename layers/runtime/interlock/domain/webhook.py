"""Webhooks of jobs and batches, and the deliveries of their messages.

They follow Standard Webhooks, https://www.standardwebhooks.com.
"""

from copy import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self

from msgspec import Struct

from interlock.domain.job_status import CLAIMED, FINAL, JobStatus


class WebhookEvent(StrEnum):
    """An event of a job or batch about which a webhook gets a message. A batch has FINISHED only."""

    STARTED = "started"
    FINISHED = "finished"


class Webhook(Struct, frozen=True):
    """The URL to which messages about a job or batch are sent, and the events that cause a message."""

    url: str
    events: tuple[WebhookEvent, ...] = (WebhookEvent.FINISHED,)


class Subject(Struct, frozen=True):
    """The job or the batch that a message is about."""

    tenant: str
    id: str
    is_batch: bool = False

    @property
    def name(self) -> str:
        """A name that is unique among the jobs and batches of the tenant: both may have the same id, if both were
        created with the same idempotency key."""
        return f"batch-{self.id}" if self.is_batch else self.id


class Watched(Protocol):
    """The fields of a job that its events depend on."""

    @property
    def tenant(self) -> str: ...
    @property
    def job_id(self) -> str: ...
    @property
    def status(self) -> JobStatus: ...


class WatchedJob(Struct, frozen=True):
    """A `Watched` job with its webhook, without the rest of the job."""

    tenant: str
    job_id: str
    status: JobStatus
    webhook: Webhook | None = None

    @property
    def subject(self) -> Subject:
        return job_subject(self)

    def events_since(self, old: Self | None) -> tuple[WebhookEvent, ...]:
        """Return the events of a change."""
        return events_between(old, self)


def job_subject(job: Watched) -> Subject:
    """Return a job as the subject of messages."""
    return Subject(job.tenant, job.job_id)


def events_between(old: Watched | None, new: Watched) -> tuple[WebhookEvent, ...]:
    """Return the events of a change of a job. `old` is ignored if it was another job, which `new` has replaced."""
    before = old.status if old is not None and old.job_id == new.job_id else JobStatus.PENDING
    started = before is JobStatus.PENDING and new.status in CLAIMED
    finished = before not in FINAL and new.status in FINAL
    return (WebhookEvent.STARTED,) * started + (WebhookEvent.FINISHED,) * finished


class DeliveryState(StrEnum):
    """PENDING: an attempt is running or due. DELIVERED: the receiver has answered 2xx. FAILED: no attempt will
    follow."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryError(StrEnum):
    """Why the last attempt of a delivery failed.

    EXPIRED: the job or batch is not stored any more. FORBIDDEN_ADDRESS: the host has an address that is not public.
    """

    DNS = "dns"
    FORBIDDEN_ADDRESS = "forbidden_address"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    REDIRECT = "redirect"
    STATUS = "status"
    EXPIRED = "expired"


class Delivery(Struct, frozen=True):
    """The message about an event, and the attempts to deliver it.

    `round` counts how often the message was sent again on request. The attempts of each round are counted separately.
    """

    event: WebhookEvent
    round: int = 0
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    last_status: int | None = None
    last_error: DeliveryError | None = None
    next_attempt_at: datetime | None = None

    @property
    def over(self) -> bool:
        return self.state is not DeliveryState.PENDING

    def awaits(self, step: "Step") -> bool:
        """Return whether the attempt of a step is still to be made, according to this recorded delivery."""
        if self.round != step.round:
            return self.round < step.round
        return not self.over and self.attempts < step.attempt


class Step(Struct, frozen=True):
    """The next step of a delivery: send `attempt`, counted from 1, of this round."""

    subject: Subject
    event: WebhookEvent
    round: int = 0
    attempt: int = 1

    @property
    def name(self) -> str:
        """The name of the workflow execution: one for each event of a job or batch, and one for each further round."""
        return self.message_id + (f"-{self.round}" if self.round else "")

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the same on every attempt, also when the message is sent again, so that receivers recognize
        a message that they have already processed."""
        return f"{self.subject.name}-{self.event}"


class Answer(Struct, frozen=True):
    """How a receiver answered an attempt: its status, or the error if there was no answer.

    `retry_after` is the pause that its `Retry-After` header asks for.
    """

    status: int | None = None
    error: DeliveryError | None = None
    retry_after: timedelta = timedelta(0)

    @property
    def delivered(self) -> bool:
        return self.error is None

    @property
    def final(self) -> bool:
        """Whether no further attempt is made: the receiver is gone (410), or must not be called."""
        return self.delivered or self.status == 410 or self.error is DeliveryError.FORBIDDEN_ADDRESS


RETRIES = tuple(timedelta(seconds=seconds) for seconds in (5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600))
"""The pauses between attempts."""

JITTER = 0.1
"""Maximum share by which a pause is lengthened at random, to spread the retries after an outage of a receiver."""

LONGEST_PAUSE = timedelta(hours=24)
"""The longest pause that a receiver's `Retry-After` can ask for."""


def attempted(step: Step, answer: Answer, *, now: datetime, spread: float) -> Delivery:
    """Return a delivery after an attempt. `spread` is random, from 0 to 1."""
    done = Delivery(
        step.event,
        step.round,
        DeliveryState.DELIVERED if answer.delivered else DeliveryState.PENDING,
        step.attempt,
        answer.status,
        answer.error,
    )
    if answer.delivered:
        return done
    if answer.final or step.attempt > len(RETRIES):
        return replace(done, state=DeliveryState.FAILED)
    pause = RETRIES[step.attempt - 1] * (1 + JITTER * spread)
    return replace(done, next_attempt_at=now + max(pause, min(answer.retry_after, LONGEST_PAUSE)))
