"""The task that starts the deliveries of webhooks: it consumes the table's stream."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from interlock.adapters.cloudwatch_emf import publish_unreadable_record
from interlock.adapters.dynamo.batch_items import BATCH
from interlock.adapters.dynamo.stream import stream_task
from interlock.adapters.dynamo.values import JOB, snapshot
from interlock.composition.core import Core
from interlock.domain.batch import WatchedBatch
from interlock.domain.webhook import WatchedJob
from interlock.jobs.announcing import Announced, announce


def announce_jobs_task(core: Core) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compose the task for events of the stream's event source mapping."""
    readers: Mapping[str, Callable[[Mapping[str, Any]], Announced]] = {
        JOB: partial(snapshot, WatchedJob),
        BATCH: partial(snapshot, WatchedBatch),
    }
    return stream_task(readers, partial(announce, core.delivery_workflow), publish_unreadable_record)
