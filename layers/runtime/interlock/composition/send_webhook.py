"""The task of the workflow of deliveries: makes one attempt, and returns the next step."""

import math
from collections.abc import Callable, Mapping
from copy import replace
from functools import partial
from typing import Any

import interlock
from interlock import log_fields
from interlock.adapters.cloudwatch_emf import publish_delivery
from interlock.adapters.step_functions import step_from_state, step_to_state
from interlock.adapters.webhook_http import WebhookSender
from interlock.composition.core import Core
from interlock.domain.webhook import DeliveryState, Step
from interlock.http.webhook_messages import batch_message, job_message
from interlock.jobs.delivering import Delivering, Message
from interlock.webhook_ports import SendMessage


def send_webhook_task(core: Core, send: SendMessage | None = None) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compose the task, whose events are the state of an execution. The task returns the next state: `over` is true
    if the execution ends, otherwise `wait_s` has the seconds until the next attempt."""
    delivering = Delivering(
        partial(_message, core),
        core.delivery_store,
        core.signing,
        send or WebhookSender(core.url_rules),
        clock=core.clock,
        user_agent=f"Interlock/{interlock.__version__}",
    )
    log_fields.install()

    def send_webhook(event: Mapping[str, Any]) -> dict[str, Any]:
        step = step_from_state(event)
        subject = step.subject
        log_fields.begin(tenant=subject.tenant, **{"batch_id" if subject.is_batch else "job_id": subject.id})
        delivery = delivering.attempt(step)
        # A later round has its own execution.
        if delivery.over and delivery.round == step.round:
            publish_delivery(delivery.state is DeliveryState.DELIVERED)
        following = step_to_state(replace(step, attempt=delivery.attempts + 1))
        if delivery.round != step.round or delivery.next_attempt_at is None:
            return {**following, "over": True}
        left = (delivery.next_attempt_at - core.clock()).total_seconds()
        return {**following, "over": False, "wait_s": max(0, math.ceil(left))}

    return send_webhook


def _message(core: Core, step: Step) -> Message | None:
    subject = step.subject
    if subject.is_batch:
        batch = core.batch_store.get(subject.tenant, subject.id)
        if batch is None or batch.webhook is None or batch.subject != subject:
            return None
        return Message(batch.webhook.url, partial(batch_message, batch), batch.expires_at)
    job = core.store.get(subject.tenant, subject.id)
    if job is None or job.webhook is None:
        return None
    return Message(job.webhook.url, partial(job_message, step.event, job), job.expires_at)
