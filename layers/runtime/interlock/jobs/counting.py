"""Count jobs: add the changes of jobs to the counters of their tools and to the counts of their batches."""

import logging
from collections.abc import Callable
from functools import partial

from interlock.domain.counters import JobState, delta
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.stream import Batch
from interlock.ports import BatchName, CountedChange, CounterStore, ToolName

logger = logging.getLogger(__name__)


def count[Job: JobState](
    counters: CounterStore, batch: Batch[Job], stop_batch: Callable[[str, str], None]
) -> int | None:
    """Count a batch of changes. Return the sequence number from which it has to be repeated, None if all is counted.

    `stop_batch` is called with the tenant and id of each batch of jobs that has more failed jobs than it tolerates.
    """
    shard = batch.shard
    if shard is None:
        raise ValueError("the event has no shardId: the event source mapping needs TumblingWindowInSeconds")
    by_tool: dict[ToolName, list[CountedChange]] = {}
    by_batch: dict[BatchName, list[CountedChange]] = {}
    for change in batch.changes:
        added = delta(change.old, change.new)
        if added is not None:
            counted = CountedChange(change.sequence_number, added)
            by_tool.setdefault((change.new.plugin, change.new.tool), []).append(counted)
            if change.new.batch_id is not None:
                by_batch.setdefault((change.new.tenant, change.new.batch_id), []).append(counted)

    def add_to_batch(name: BatchName, changes: list[CountedChange]) -> None:
        # Even if another invocation counted the changes: it may have been killed before it stopped the batch.
        if counters.add_to_batch(name, shard, changes).over_tolerance:
            stop_batch(*name)

    left = [
        *((partial(counters.add, tool, shard, changes), changes) for tool, changes in by_tool.items()),
        *((partial(add_to_batch, name, changes), changes) for name, changes in by_batch.items()),
    ]
    while left:
        try:
            left[0][0]()
        except ServiceUnavailable:
            # Counters that were written before are not affected by the repetition.
            logger.exception("jobs were not counted yet", extra={"shard": batch.shard})
            return min(changes[0].sequence_number for _, changes in left)
        left.pop(0)
    return None
