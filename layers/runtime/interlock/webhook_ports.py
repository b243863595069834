"""The interfaces that send webhooks. `interlock.adapters` implements them with AWS and HTTP, tests in memory."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from interlock.domain.webhook import Answer, Delivery, Step, Subject, WebhookEvent
from interlock.domain.webhook_secret import SigningSecrets


class DeliveryStore(Protocol):
    """The deliveries of webhooks. Raises `ServiceUnavailable` like `JobStore`."""

    def get(self, subject: Subject, event: WebhookEvent) -> Delivery | None:
        """Read a delivery consistently. None: no attempt was made yet."""

    def about(self, subject: Subject) -> Sequence[Delivery]:
        """Read the deliveries of a job or batch consistently."""

    def record(self, subject: Subject, delivery: Delivery, *, expires_at: datetime) -> Delivery:
        """Write a delivery, which is kept until the subject expires, and return the delivery that is then stored.

        It is not written if a later round, the same or a later attempt, or the end of this round is stored. A success
        is written unless a later round or the success of this round is stored.
        """


class SigningSecretStore(Protocol):
    """The secrets of tenants that sign webhooks. Raises `ServiceUnavailable` like `JobStore`."""

    def get(self, tenant: str) -> SigningSecrets | None:
        """Read the secrets consistently."""

    def replace(self, tenant: str, before: SigningSecrets | None, after: SigningSecrets) -> SigningSecrets:
        """Write the secrets if `before` is still stored, and return the secrets that are then stored."""


class DeliveryWorkflow(Protocol):
    """The workflow of deliveries. Raises `ServiceUnavailable` if it is down after the SDK's retries."""

    def start(self, step: Step) -> bool:
        """Start the execution of a delivery's round, unless it is running. Return false if it has already ended."""


SendMessage = Callable[[str, Mapping[str, str], bytes], Answer]
"""Sends a message to a URL, with headers and a body. Never raises for anything that the receiver does."""
