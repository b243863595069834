"""Count jobs: add the changes of jobs to the counters of their tools."""

import logging

from interlock.domain.counters import JobState, delta
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.stream import Batch
from interlock.ports import CountedChange, CounterStore, ToolName

logger = logging.getLogger(__name__)


def count[Job: JobState](counters: CounterStore, batch: Batch[Job]) -> int | None:
    """Count a batch of changes. Return the sequence number from which it has to be repeated, None if all is counted."""
    if batch.shard is None:
        raise ValueError("the event has no shardId: the event source mapping needs TumblingWindowInSeconds")
    by_tool: dict[ToolName, list[CountedChange]] = {}
    for change in batch.changes:
        added = delta(change.old, change.new)
        if added is not None:
            tool = (change.new.plugin, change.new.tool)
            by_tool.setdefault(tool, []).append(CountedChange(change.sequence_number, added))
    left = list(by_tool.items())
    while left:
        try:
            counters.add(left[0][0], batch.shard, left[0][1])
        except ServiceUnavailable:
            # Counters that were written before are not affected by the repetition.
            logger.exception("jobs were not counted yet", extra={"shard": batch.shard})
            return min(changes[0].sequence_number for _, changes in left)
        left.pop(0)
    return None
