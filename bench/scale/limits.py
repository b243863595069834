"""The arithmetic: the rate of jobs at which each limit is met."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.scale import quotas
from bench.scale.jobs import Kind
from bench.scale.quotas import Setting

STAGE, ACCOUNT = "stage", "API Gateway, account"
CONCURRENCY, SCALING = "Lambda concurrency", "Lambda scaling rate"
PARTITIONS, TABLE = "table partitions", "table quota"
TENANT, OPEN = "tenant's index partitions", "OPEN partitions"
STARTS, TRANSITIONS = "StartExecution", "state transitions"
COUNTERS = "counter items"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, the jobs per second that it permits, what happens beyond, and what raises it."""

    name: str
    rate: float
    beyond: str
    raised_by: str


def counter_units(setting: Setting) -> int:
    """Return the write units of one update of a counter item."""
    return math.ceil(quotas.COUNTER_KB + quotas.CHECKPOINTS * quotas.CHECKPOINT_KB * setting.partitions)


def limits(kind: Kind, setting: Setting) -> list[Limit]:
    """Return all limits of a kind of job, in the order in which they are met."""
    return sorted(_limits(kind, setting), key=lambda limit: limit.rate)


def first(kind: Kind, setting: Setting) -> Limit:
    """Return the limit that is met first."""
    return limits(kind, setting)[0]


def _limits(kind: Kind, setting: Setting) -> Iterator[Limit]:
    """Yield the limits. Counters assume that DynamoDB has not split the partition of the counter items."""
    partition = quotas.WRITES.value
    occupied = [invocation.occupied_s for invocation in kind.invocations]
    batches = partition / counter_units(setting) / setting.tools
    yield Limit(STAGE, setting.stage / kind.requests, "429", "`StageRateLimit`")
    yield Limit(ACCOUNT, setting.gateway / kind.requests, "429", quotas.GATEWAY_RATE.raised_by)
    yield Limit(CONCURRENCY, setting.concurrency / sum(occupied), "503", quotas.CONCURRENCY.raised_by)
    at_once = quotas.SCALING_RATE.burst or 0
    yield Limit(SCALING, at_once / max(occupied), "503 until scaled", "a slower increase, provisioned concurrency")
    yield Limit(PARTITIONS, setting.partitions * partition / kind.writes, "waits, 503", quotas.NEW_TABLE.raised_by)
    yield Limit(TABLE, setting.table_writes / kind.writes, "waits, 503", quotas.TABLE_WRITES.raised_by)
    shards = setting.tenants * quotas.LIST_SHARDS * partition
    yield Limit(TENANT, shards / kind.steps, "waits, 503", "`LIST_SHARDS`, more tenants")
    if kind.indexes > 2:
        yield Limit(OPEN, quotas.OPEN_PARTITIONS * partition / kind.steps, "waits, 503", "`OPEN_PARTITIONS`")
    if kind.workflow:
        yield Limit(STARTS, setting.starts, "jobs wait", quotas.STARTS.raised_by)
        yield Limit(TRANSITIONS, setting.transitions, "jobs wait", quotas.TRANSITIONS.raised_by)
    rate = batches * quotas.BATCH_SIZE / kind.writes
    yield Limit(COUNTERS, rate, "counters late", "`BatchSize`, a split of the partition")
