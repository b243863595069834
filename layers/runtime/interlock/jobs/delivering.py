"""Deliver a message: one attempt, as a step of the workflow that pauses between attempts."""

import logging
import random
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from standardwebhooks import Webhook as Signer

from interlock.domain.webhook import Answer, Delivery, DeliveryError, DeliveryState, Step, attempted
from interlock.jobs.signing import Signing
from interlock.ports import Clock
from interlock.webhook_ports import DeliveryStore, SendMessage

logger = logging.getLogger(__name__)


class Message(Struct, frozen=True):
    """A message and its receiver. `body` composes it. `expires_at` is when its subject is removed."""

    url: str
    body: Callable[[], str]
    expires_at: datetime


type FindMessage = Callable[[Step], Message | None]
"""Returns the message of a step, None if its job or batch is not stored any more."""


class Delivering:
    """Makes the attempts of deliveries.

    An attempt is recorded once the receiver has answered. If this process ends before that, the workflow makes the same
    attempt again: nobody knows whether the message arrived.
    """

    def __init__(
        self,
        find: FindMessage,
        deliveries: DeliveryStore,
        signing: Signing,
        send: SendMessage,
        *,
        clock: Clock,
        user_agent: str,
    ) -> None:
        self._find = find
        self._deliveries = deliveries
        self._signing = signing
        self._send = send
        self._clock = clock
        self._user_agent = user_agent

    def attempt(self, step: Step) -> Delivery:
        """Make the attempt of a step, and return the delivery as it is recorded then.

        An attempt is not sent if it is recorded already, or if a later round has begun.
        """
        message = self._find(step)
        if message is None:
            logger.warning("the job or batch of a webhook has expired", extra={"event": step.event})
            return Delivery(step.event, step.round, DeliveryState.FAILED, last_error=DeliveryError.EXPIRED)
        stored = self._deliveries.get(step.subject, step.event)
        if stored is not None and not stored.awaits(step):
            return stored
        answer = self._post(step, message)
        spread = random.random()  # noqa: S311 - spreads load, protects nothing
        after = attempted(step, answer, now=self._clock(), spread=spread)
        # Neither the URL nor the response: both may contain secrets.
        logger.log(
            logging.WARNING if after.state is DeliveryState.FAILED else logging.INFO,
            "webhook given up" if after.state is DeliveryState.FAILED else "webhook attempt",
            extra={"event": step.event, "attempt": step.attempt, "status": answer.status, "error": answer.error},
        )
        return self._deliveries.record(step.subject, after, expires_at=message.expires_at)

    def _post(self, step: Step, message: Message) -> Answer:
        body, now = message.body(), self._clock()
        signatures = [
            Signer(secret).sign(step.message_id, now, body)
            for secret in self._signing.secrets(step.subject.tenant).signing(now)
        ]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._user_agent,
            "webhook-id": step.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        return self._send(message.url, headers, body.encode())
