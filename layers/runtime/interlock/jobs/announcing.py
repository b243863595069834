"""Announce jobs: start the deliveries of webhooks for the events in a batch of changes."""

import logging

from interlock.domain.errors import ServiceUnavailable
from interlock.domain.stream import Batch, Change
from interlock.domain.webhook import Step, WatchedJob, events_between
from interlock.webhook_ports import DeliveryWorkflow

logger = logging.getLogger(__name__)


def announce(workflow: DeliveryWorkflow, batch: Batch[WatchedJob]) -> int | None:
    """Start the deliveries. Return the sequence number from which the batch has to be repeated, None if all are
    started. An execution is named after its event, so a repetition starts none twice."""
    for change in batch.changes:
        try:
            _announce(workflow, change)
        except ServiceUnavailable:
            logger.exception("deliveries were not started yet", extra={"job_id": change.new.job_id})
            return change.sequence_number
    return None


def _announce(workflow: DeliveryWorkflow, change: Change[WatchedJob]) -> None:
    job = change.new
    if job.webhook is None:
        return
    for event in events_between(change.old, job):
        if event in job.webhook.events:
            workflow.start(Step(job.tenant, job.job_id, event))
