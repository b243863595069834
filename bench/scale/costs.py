"""The cost of a million jobs, by part."""

import math

from bench.scale import prices, quotas
from bench.scale.jobs import ASYNC, HEARTBEAT_UNITS, HEARTBEAT_UNITS_BEFORE, Kind
from bench.scale.limits import counter_units
from bench.scale.quotas import DEFAULTS, Setting

JOBS = 1_000_000
GB = 1e-6
"""One KB in GB."""

# KB per request and per run, assumed: the gateway's line, the functions' start, end and report, metrics, our own lines.
LOGGED_REQUEST_KB, LOGGED_RUN_KB = 1.2, 2.0
# KB of a job and of its two index entries, with the 100 bytes that DynamoDB adds to each, and days of both retentions.
STORED_KB, RETENTION_DAYS, LOG_DAYS, MONTH_DAYS = 2.0, 7, 30, 30
# The consumer, assumed: seconds of a batch, of each record, and of each update of a counter item.
BATCH_S, RECORD_S, UPDATE_S = 0.01, 0.0001, 0.01
STATE_UNITS = 1
TRANSITIONS = 1
DURABLE_OPERATIONS, DURABLE_KB, DURABLE_DAYS = 2, 1.0, 14
RECEIVES = 3
"""Requests of SQS for a message: send, receive, delete."""

DELIVERY_TRANSITIONS = 3
"""Transitions of a delivery at its first attempt: Send, IsOver, Over. Each further attempt adds Pause, Send, IsOver."""

# A delivery, assumed: seconds of a receiver's response with the table's calls, and of an announcement.
SEND_S, ANNOUNCE_S = 0.2, 0.05
DELIVERY_READS, DELIVERY_WRITES = 3, 1
"""Consistent reads of job, delivery and secret; the write of the outcome. Each item is below 1 KB."""

BUSY = 100.0
"""Jobs per second of the cost tables, all of one tool."""


def batches(kind: Kind, rate: float, setting: Setting = DEFAULTS) -> tuple[float, float]:
    """Return the consumer's batches per second, and the records in each, for jobs of one tool.

    A partition of the table is a shard of the stream. A batch ends after the window or when it is full; at low rates
    each record is a batch by itself.
    """
    per_shard = rate * kind.writes / setting.partitions
    each = min(quotas.BATCH_SIZE, max(1.0, per_shard * quotas.WINDOW_S))
    return per_shard / each * setting.partitions, each


def counter_share(kind: Kind, rate: float, setting: Setting = DEFAULTS) -> float:
    """Return the write units of counters per job, for jobs of one tool at a rate."""
    number, each = batches(kind, rate, setting)
    # A batch without a counted record updates nothing; that matters only while a batch is one record.
    counted = min(1.0, each * kind.counted / kind.writes)
    return number * counted / rate * counter_units(setting)


def state_share(kind: Kind, rate: float) -> float:
    """Return the write units of published states per job, for jobs of one tool at a rate.

    A state is written when the first job of a tool starts to run, and when the last one ends. Jobs that are written
    only when they end do not change the state. Other jobs arrive at random. With probability exp(-rate * time), no
    other job runs when one arrives. This is also the number of busy periods per job, each of which begins and ends once
    (M/G/∞ queue).
    """
    return STATE_UNITS * 2 * math.exp(-rate * kind.tool_s) if kind.claimed else 0.0


def _consumer(kind: Kind, rate: float) -> float:
    number, each = batches(kind, rate)
    per_job = number / rate
    gb_s = per_job * (BATCH_S + each * RECORD_S + UPDATE_S) * quotas.MEMORY_MB["count_jobs"] / 1024
    writes = prices.WRITE * (counter_share(kind, rate) + state_share(kind, rate))
    return (prices.INVOCATION * per_job + prices.COMPUTE * gb_s + writes) * JOBS


def starting() -> dict[str, float]:
    """Return what a million starts cost by each way to run a job asynchronously, beyond the function's own time."""
    express_s = math.ceil(ASYNC.invocations[2].seconds * 10) / 10
    stored = DURABLE_KB * GB * JOBS * DURABLE_DAYS / MONTH_DAYS
    durable = prices.DURABLE * (DURABLE_OPERATIONS * JOBS) + prices.DURABLE_WRITTEN * (DURABLE_KB * GB * JOBS)
    return {
        "Step Functions Standard": prices.TRANSITION * (TRANSITIONS * JOBS),
        "Step Functions Express": (prices.EXPRESS * 1 + prices.EXPRESS_TIME * (express_s * 64 / 1024)) * JOBS,
        "SQS and Lambda": prices.QUEUE * (RECEIVES * JOBS),
        "Lambda, asynchronous invocation": 0.0,
        "Lambda durable function": durable + prices.DURABLE_STORAGE * stored,
    }


def delivery() -> dict[str, float]:
    """Return what a million messages of webhooks cost, delivered at the first attempt and announced one by one."""
    sending = SEND_S * quotas.MEMORY_MB["send_webhook"] / 1024
    announcing = ANNOUNCE_S * quotas.MEMORY_MB["announce_jobs"] / 1024
    return {
        "workflow": prices.TRANSITION * (DELIVERY_TRANSITIONS * JOBS),
        "sender": (prices.INVOCATION * 1 + prices.COMPUTE * sending) * JOBS,
        "announcement": (prices.INVOCATION * 1 + prices.COMPUTE * announcing) * JOBS,
        "table writes": prices.WRITE * (DELIVERY_WRITES * JOBS),
        "table reads": prices.READ_UNIT * (DELIVERY_READS * JOBS),
    }


def parts(kind: Kind, *, before: bool = False) -> dict[str, float]:
    """Return the cost of a million jobs by part, in US dollars; `before` with seven indexes and counters in the job."""
    by_function = {one.function: one for one in kind.invocations}
    authorize = by_function.pop("authorize")
    units = kind.units_before if before else kind.units
    beats = kind.heartbeats * (HEARTBEAT_UNITS_BEFORE if before else HEARTBEAT_UNITS)
    logged = (kind.requests * LOGGED_REQUEST_KB + LOGGED_RUN_KB) * GB * JOBS
    stored = STORED_KB * GB * JOBS * RETENTION_DAYS / MONTH_DAYS
    return {
        "gateway": prices.GATEWAY * (kind.requests * JOBS),
        "authorizer": (prices.INVOCATION * authorize.count + prices.COMPUTE * authorize.gb_s) * JOBS,
        "Lambda, invocations": sum(prices.INVOCATION * one.count for one in by_function.values()) * JOBS,
        "Lambda, time": sum(prices.COMPUTE * one.gb_s for one in by_function.values()) * JOBS,
        "table writes": prices.WRITE * ((units + beats) * JOBS),
        "table reads": prices.READ_UNIT * (kind.reads * JOBS),
        "stream consumer": 0.0 if before else _consumer(kind, BUSY),
        "workflow": starting()["Step Functions Standard"] if kind.workflow else 0.0,
        "logs": prices.LOGS * logged + prices.LOG_STORAGE * (logged * LOG_DAYS / MONTH_DAYS),
        "storage": prices.TABLE_STORAGE * stored + prices.RECOVERY * stored,
    }
