"""The deliveries of a job's webhook: read them, and send messages again."""

from collections.abc import Sequence
from dataclasses import replace

from interlock.domain.errors import InvalidRequest, NotFinished, NotFound
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.problems import problem
from interlock.domain.webhook import Delivery, Step, WebhookEvent
from interlock.webhook_ports import DeliveryStore, DeliveryWorkflow


class Deliveries:
    """Reads deliveries. An event without an attempt has a delivery that is pending."""

    def __init__(self, store: DeliveryStore) -> None:
        self._store = store

    def of(self, job: Job) -> Sequence[Delivery]:
        """Return the deliveries of a job, one for each event of its webhook. Only a job with one costs a read."""
        if job.webhook is None:
            return ()
        # A pending job has not been announced.
        read = () if job.status is JobStatus.PENDING else self._store.of_job(job.tenant, job.job_id)
        stored = {delivery.event: delivery for delivery in read}
        return [stored.get(event, Delivery(event)) for event in job.webhook.events]


class Redelivery:
    """Sends messages again, in a further round of attempts."""

    def __init__(self, deliveries: Deliveries, store: DeliveryStore, workflow: DeliveryWorkflow) -> None:
        self._deliveries = deliveries
        self._store = store
        self._workflow = workflow

    def __call__(self, job: Job, event: WebhookEvent | None) -> Sequence[Delivery]:
        """Send the message about an event again, or those about all events that have happened. Return the deliveries.

        Raises `InvalidRequest` if the job's webhook does not have the event, and `NotFinished` if nothing has happened
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
        """Start the next round. Requests at the same time start one: its execution has the same name.

        The execution comes first. If this process ends before the write, the first attempt of the round writes it.
        """
        step = Step(job.tenant, job.job_id, last.event, last.round + 1)
        while not self._workflow.start(step):
            # The execution of this round has ended without recording an attempt.
            step = replace(step, round=step.round + 1)
        return self._store.record(job, Delivery(step.event, step.round))


def with_webhook(job: Job) -> Job:
    """Return the job. Raises `NotFound` if it has no webhook."""
    if job.webhook is None:
        raise NotFound("The job has no webhook.").of(plugin=job.plugin, tool=job.tool, job_id=job.job_id)
    return job
