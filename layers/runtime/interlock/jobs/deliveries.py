"""The deliveries of webhooks: read them, and send messages again."""

from collections.abc import Sequence
from copy import replace

from interlock.domain.batch import Batch
from interlock.domain.errors import InvalidRequest, NotFinished, NotFound
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.problems import problem
from interlock.domain.webhook import Delivery, Step, Subject, Webhook, WebhookEvent, job_subject
from interlock.webhook_ports import DeliveryStore, DeliveryWorkflow


class Deliveries:
    """Reads deliveries. An event without an attempt has a delivery that is pending."""

    def __init__(self, store: DeliveryStore) -> None:
        self._store = store

    def of(self, job: Job) -> Sequence[Delivery]:
        """Return the deliveries of a job, one for each event of its webhook. Only a job with a webhook costs a read."""
        return self._of(job_subject(job), job.webhook, announced=job.status is not JobStatus.PENDING)

    def of_batch(self, batch: Batch) -> Sequence[Delivery]:
        """Return the deliveries of a batch in the same way."""
        return self._of(batch.subject, batch.webhook, announced=batch.finished)

    def _of(self, subject: Subject, webhook: Webhook | None, *, announced: bool) -> Sequence[Delivery]:
        if webhook is None:
            return ()
        stored = {delivery.event: delivery for delivery in (self._store.about(subject) if announced else ())}
        return [stored.get(event, Delivery(event)) for event in webhook.events]


class Redelivery:
    """Sends messages again, in a further round of attempts."""

    def __init__(self, deliveries: Deliveries, store: DeliveryStore, workflow: DeliveryWorkflow) -> None:
        self._deliveries = deliveries
        self._store = store
        self._workflow = workflow

    def __call__(self, job: Job, event: WebhookEvent | None) -> Sequence[Delivery]:
        """Send the message about an event again, or those about all events that have happened. Return the deliveries.

        Raise `InvalidRequest` if the job's webhook does not have the event, and `NotFinished` if nothing has happened
        yet.
        """
        events = job.webhook.events if job.webhook else ()
        if event is not None and event not in events:
            message = f"The job's webhook has no messages about {event!r}."
            raise InvalidRequest(message, errors=[problem(("event",), message)])
        happened = {
            WebhookEvent.STARTED: job.started_at is not None,
            WebhookEvent.FINISHED: job.finished,
        }
        wanted = [one for one in events if happened[one] and event in {None, one}]
        if not wanted:
            error = NotFinished(f"The job is {job.status}: there is no message to send again.", status=job.status.value)
            raise error.of(plugin=job.plugin, tool=job.tool, job_id=job.job_id)
        return [self._again(job, one) if one.event in wanted else one for one in self._deliveries.of(job)]

    def _again(self, job: Job, last: Delivery) -> Delivery:
        """Start the next round. Simultaneous requests start only one round, because its execution has the same name.

        The execution is started before the delivery is written. If this process ends in between, the first attempt of
        the round writes the delivery.
        """
        step = Step(job_subject(job), last.event, last.round + 1)
        while not self._workflow.start(step):
            # The execution of this round has ended without recording an attempt.
            step = replace(step, round=step.round + 1)
        return self._store.record(step.subject, Delivery(step.event, step.round), expires_at=job.expires_at)


def with_webhook(job: Job) -> Job:
    """Return the job. Raise `NotFound` if it has no webhook."""
    if job.webhook is None:
        raise NotFound("The job has no webhook.").of(plugin=job.plugin, tool=job.tool, job_id=job.job_id)
    return job
