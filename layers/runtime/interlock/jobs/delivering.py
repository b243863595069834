"""Deliver a message: one attempt, as a step of the workflow that pauses between attempts."""

import logging
import random
from collections.abc import Callable

from standardwebhooks import Webhook as Signer

from interlock.domain.job import Job
from interlock.domain.webhook import Answer, Delivery, DeliveryError, DeliveryState, Step, WebhookEvent, attempted
from interlock.jobs.signing import Signing
from interlock.ports import Clock, JobStore
from interlock.webhook_ports import DeliveryStore, SendMessage

logger = logging.getLogger(__name__)

type Compose = Callable[[WebhookEvent, Job], str]
"""Returns the message about an event of a job."""


class Delivering:
    """Makes the attempts of deliveries.

    An attempt is recorded once the receiver has answered. If this process ends before that, the workflow makes the same
    attempt again: nobody knows whether the message arrived.
    """

    def __init__(
        self,
        jobs: JobStore,
        deliveries: DeliveryStore,
        signing: Signing,
        send: SendMessage,
        compose: Compose,
        *,
        clock: Clock,
        user_agent: str,
    ) -> None:
        self._jobs = jobs
        self._deliveries = deliveries
        self._signing = signing
        self._send = send
        self._compose = compose
        self._clock = clock
        self._user_agent = user_agent

    def attempt(self, step: Step) -> Delivery:
        """Make the attempt of a step, and return the delivery as it is recorded then.

        An attempt is not sent if it is recorded already, or if a later round has begun.
        """
        job = self._jobs.get(step.tenant, step.job_id)
        if job is None or job.webhook is None:
            logger.warning("the job of a webhook has expired", extra={"event": step.event})
            return Delivery(step.event, step.round, DeliveryState.FAILED, last_error=DeliveryError.EXPIRED)
        stored = self._deliveries.get(step.tenant, step.job_id, step.event)
        if stored is not None and not stored.awaits(step):
            return stored
        answer = self._sent(step, job, job.webhook.url)
        spread = random.random()  # noqa: S311 - spreads load, protects nothing
        after = attempted(step, answer, now=self._clock(), spread=spread)
        # Neither the URL nor the response: both may contain secrets.
        logger.log(
            logging.WARNING if after.state is DeliveryState.FAILED else logging.INFO,
            "webhook given up" if after.state is DeliveryState.FAILED else "webhook attempt",
            extra={"event": step.event, "attempt": step.attempt, "status": answer.status, "error": answer.error},
        )
        return self._deliveries.record(job, after)

    def _sent(self, step: Step, job: Job, url: str) -> Answer:
        body, now = self._compose(step.event, job), self._clock()
        signatures = [
            Signer(secret).sign(step.message_id, now, body)
            for secret in self._signing.secrets(step.tenant).signing(now)
        ]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._user_agent,
            "webhook-id": step.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        return self._send(url, headers, body.encode())
