"""Announce jobs and batches: start the deliveries of webhooks for the events in a part of the table's stream."""

import logging
from typing import Any, Protocol

from interlock.domain.errors import ServiceUnavailable
from interlock.domain.stream import Batch
from interlock.domain.webhook import Step, Subject, Webhook, WebhookEvent
from interlock.webhook_ports import DeliveryWorkflow

logger = logging.getLogger(__name__)


class Announced(Protocol):
    """A job or a batch (`WatchedJob`, `WatchedBatch`)."""

    @property
    def subject(self) -> Subject: ...
    @property
    def webhook(self) -> Webhook | None: ...
    def events_since(self, old: Any) -> tuple[WebhookEvent, ...]: ...


def announce(workflow: DeliveryWorkflow, batch: Batch[Announced]) -> int | None:
    """Start the deliveries. Return the sequence number from which the batch has to be repeated, or None if all
    deliveries were started. An execution is named after its event, so a repeated batch starts no delivery twice."""
    for change in batch.changes:
        try:
            _announce(workflow, change.old, change.new)
        except ServiceUnavailable:
            logger.exception("deliveries were not started yet", extra={"subject": change.new.subject.name})
            return change.sequence_number
    return None


def _announce(workflow: DeliveryWorkflow, old: Announced | None, new: Announced) -> None:
    if new.webhook is None:
        return
    for event in new.events_since(old):
        if event in new.webhook.events:
            workflow.start(Step(new.subject, event))
