"""Webhooks of jobs and batches, and the secrets that sign them."""

from typing import Annotated, TypedDict

from interlock.domain.webhook import DeliveryError, DeliveryState, WebhookEvent
from interlock.http.documents.values import Count, Schema, Time


class Delivery(TypedDict):
    """The message about an event, and its attempts."""

    event: WebhookEvent
    state: DeliveryState
    attempts: Count
    """Number of attempts since the message was last requested again."""
    last_status: int | None
    """HTTP status of the last response, null if there was none."""
    last_error: DeliveryError | None
    next_attempt_at: Time | None
    """Time of the next attempt. Null before the first one and after the last."""


class Webhook(TypedDict):
    """The webhook of a job or batch."""

    url: Annotated[str, Schema(format="uri")]
    """URL to which messages are sent."""
    events: list[WebhookEvent]
    """Events that have a message."""
    deliveries: list[Delivery] | None
    """Delivery of each event. Null in lists and in messages."""


class WebhookSecret(TypedDict):
    """The secret that signs the tenant's webhooks."""

    secret: Annotated[str, Schema(pattern="^whsec_[A-Za-z0-9+/]+=*$")]
    """Secret in the format that verifiers of Standard Webhooks accept."""
    created_at: Time
    previous_expires_at: Time | None
    """Time until which messages are also signed with the previous secret. Null if there is none."""
