"""The task that starts the deliveries of webhooks: it consumes the table's stream."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from interlock.adapters.cloudwatch_emf import publish_unreadable_record
from interlock.adapters.dynamo.stream import stream_task
from interlock.adapters.dynamo.values import snapshot
from interlock.composition.core import Core
from interlock.domain.webhook import WatchedJob
from interlock.jobs.announcing import announce


def announce_jobs_task(core: Core) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compose the task for events of the stream's event source mapping."""
    workflow = core.delivery_workflow
    return stream_task(partial(snapshot, WatchedJob), partial(announce, workflow), publish_unreadable_record)
