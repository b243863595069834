"""The filters of the event source mappings, applied to changes of jobs: functions get the changes that they need."""

import json
from itertools import product
from typing import Any

import pytest

from interlock.adapters.dynamo.attributes import serialized
from interlock.adapters.dynamo.batch_items import batch_key, batch_to_item
from interlock.adapters.dynamo.values import job_key, job_to_item
from interlock.domain.batch import BATCH_FINAL, BatchStatus
from interlock.domain.job import Job
from interlock.domain.job_status import FINAL, TRANSITIONS, JobStatus
from interlock.domain.webhook import Webhook, events_between
from interlock_dev.aws.lambda_api.event_sources import Mapped, _matches
from tests.fakes.batches import a_batch
from tests.fakes.jobs import a_job
from tests.pure.repository.template import RESOURCES

type Json = dict[str, Any]

URL = Webhook("https://example.com/")
STEPS = [
    *((before, after) for before, following in TRANSITIONS.items() for after in following),
    # A synchronous run, which is created when it is claimed, has no webhook.
    *((None, status) for status in (JobStatus.PENDING, *sorted(FINAL))),
    *((status, status) for status in JobStatus),
]


def passes(source: str, record: Json) -> bool:
    filters = RESOURCES[source]["Properties"]["FilterCriteria"]["Filters"]
    return any(_matches(json.loads(one["Pattern"]), record) for one in filters)


def record(old: Job | None, new: Job) -> Json:
    body = {"Keys": serialized(job_key(new.tenant, new.job_id)), "NewImage": serialized(job_to_item(new))}
    if old is not None:
        body["OldImage"] = serialized(job_to_item(old))
    return {"eventName": "MODIFY" if old else "INSERT", "dynamodb": body}


@pytest.mark.parametrize(("step", "webhook"), list(product(STEPS, [None, URL])))
def test_changes_with_an_event_of_a_webhook_are_announced(
    step: tuple[JobStatus | None, JobStatus], webhook: Webhook | None
) -> None:
    before, after = step
    new = a_job(after, webhook=webhook)
    old = a_job(before, webhook=webhook, job_id=new.job_id) if before else None
    has_event = webhook is not None and events_between(old, new) != ()
    passed = passes("AnnounceJobsEventSource", record(old, new))
    assert passed or not has_event
    # Heartbeats and jobs without a webhook do not invoke the function.
    assert not passed or webhook is not None
    assert not passed or not (before is after is JobStatus.RUNNING)


@pytest.mark.parametrize("webhook", [None, URL])
@pytest.mark.parametrize("status", BatchStatus)
def test_ends_of_batches_with_a_webhook_are_announced(status: BatchStatus, webhook: Webhook | None) -> None:
    body = {
        "Keys": serialized(batch_key("acme", "BATCH")),
        "OldImage": {},
        "NewImage": serialized(batch_to_item(a_batch(status, webhook=webhook))),
    }
    ends = {"eventName": "MODIFY", "dynamodb": body}
    assert passes("AnnounceJobsEventSource", ends) == (webhook is not None and status in BATCH_FINAL)
    assert not passes("CountJobsEventSource", ends)


def test_every_change_of_a_job_is_counted_and_no_other_item() -> None:
    for before, after in STEPS:
        new = a_job(after)
        assert passes("CountJobsEventSource", record(a_job(before, job_id=new.job_id) if before else None, new))
    for partition in ("KEY#0", "WEBHOOK#acme", "DELIVERY#acme#JOB"):
        other = {"eventName": "INSERT", "dynamodb": {"Keys": serialized({"pk": partition, "sk": "SECRET"})}}
        assert not passes("CountJobsEventSource", other)
        assert not passes("AnnounceJobsEventSource", other)


def test_stream_has_no_more_readers_than_a_shard_supports() -> None:
    """At most two: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
    sources = [one for one in RESOURCES.values() if one["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert len(sources) == 2
    assert all(Mapped.of({**one["Properties"], "FunctionName": "f", "EventSourceArn": "a"}).patterns for one in sources)
