"""The task that counts jobs: it consumes the table's stream."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from interlock.adapters.cloudwatch_emf import publish_unreadable_record
from interlock.adapters.dynamo.stream import stream_task
from interlock.adapters.dynamo.values import JOB, snapshot
from interlock.composition.core import Core
from interlock.domain.counters import JobSnapshot
from interlock.jobs.counting import count


def count_jobs_task(core: Core) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compose the task for events of the stream's event source mapping."""

    def stop_batch(tenant: str, batch_id: str) -> None:
        core.batch_service.stop_over_tolerance(tenant, batch_id)

    return stream_task(
        {JOB: partial(snapshot, JobSnapshot)},
        lambda batch: count(core.counters, batch, stop_batch),
        publish_unreadable_record,
    )
