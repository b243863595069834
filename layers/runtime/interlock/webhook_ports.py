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
        """Write a delivery until the subject expires, and return it as it is stored then.

        It is not written if a later round, the same or a later attempt, or the end of this round is stored. A success
        is written in any case, unless it is stored already or a later round is.
        """


class SigningSecretStore(Protocol):
    """The secrets of tenants that sign webhooks. Raises `ServiceUnavailable` like `JobStore`."""

    def get(self, tenant: str) -> SigningSecrets | None:
        """Read the secrets consistently."""

    def replace(self, tenant: str, before: SigningSecrets | None, after: SigningSecrets) -> SigningSecrets:
        """Write the secrets if those before are still stored, and return what is stored then."""


class DeliveryWorkflow(Protocol):
    """The workflow of deliveries. Raises `ServiceUnavailable` if it is down after the SDK's retries."""

    def start(self, step: Step) -> bool:
        """Start the execution of a delivery's round. Return false if it has already ended. A running one is left
        alone."""


SendMessage = Callable[[str, Mapping[str, str], bytes], Answer]
"""Sends a message to a URL, with headers and a body. Never raises for anything that the receiver does."""
