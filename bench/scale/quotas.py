"""Published limits of AWS in us-east-1, with their sources, and the numbers of Interlock's own design.

The limits were read in stored copies of the pages on `READ`; the pages carry no date of their own.
"""

from copy import replace
from dataclasses import dataclass

READ = "2026-11-29"
_DOCS = "https://docs.aws.amazon.com"
GATEWAY = f"{_DOCS}/apigateway/latest/developerguide/limits.html"
LAMBDA = f"{_DOCS}/lambda/latest/dg/gettingstarted-limits.html"
SCALING = f"{_DOCS}/lambda/latest/dg/scaling-behavior.html"
STREAM = f"{_DOCS}/lambda/latest/dg/services-ddb-params.html"
STEPS = f"{_DOCS}/step-functions/latest/dg/service-quotas.html"
SQS = f"{_DOCS}/lambda/latest/dg/services-sqs-scaling.html"
PARTITION = f"{_DOCS}/amazondynamodb/latest/developerguide/throttling-key-range-limit-exceeded-mitigation.html"
ON_DEMAND = "https://repost.aws/knowledge-center/on-demand-table-throttling-dynamodb"
TABLE = f"{_DOCS}/general/latest/gr/ddb.html"
S3 = f"{_DOCS}/AmazonS3/latest/userguide/optimizing-performance.html"


@dataclass(frozen=True, slots=True)
class Quota:
    """A published limit. `burst` is the size of the token bucket, if it is larger than the amount of one second."""

    name: str
    value: float
    unit: str
    source: str
    raised_by: str
    burst: float | None = None


GATEWAY_RATE = Quota("API Gateway, account", 10_000, "requests/s", GATEWAY, "quota increase", 5_000)
CONCURRENCY = Quota("Lambda, concurrent executions of the account", 1_000, "environments", LAMBDA, "quota increase")
PER_ENVIRONMENT = Quota("Lambda, requests of one environment", 10, "requests/s", LAMBDA, "cannot be raised")
SCALING_RATE = Quota(
    "Lambda, new environments of one function", 100, "environments/s", SCALING, "cannot be raised", 1_000
)
STARTS = Quota("Step Functions, StartExecution, Standard", 300, "calls/s", STEPS, "quota increase", 1_300)
TRANSITIONS = Quota("Step Functions, state transitions, Standard", 5_000, "transitions/s", STEPS, "quota increase")
WRITES = Quota("DynamoDB, writes to one partition", 1_000, "units/s", PARTITION, "cannot be raised")
READS = Quota("DynamoDB, reads from one partition", 3_000, "units/s", PARTITION, "cannot be raised")
NEW_TABLE = Quota("DynamoDB, new on-demand table", 4_000, "write units/s", ON_DEMAND, "warm throughput, or traffic")
TABLE_WRITES = Quota("DynamoDB, writes to one table or index", 40_000, "units/s", TABLE, "quota increase")
BATCH = Quota("Lambda, records of a stream's batch", 10_000, "records", STREAM, "cannot be raised")
PUTS = Quota("S3, PUT to one partitioned prefix", 3_500, "requests/s", S3, "S3 splits prefixes by traffic")
CHILDREN = Quota("Step Functions, children of a Map at a time", 10_000, "executions", STEPS, "cannot be raised")
QUEUE = Quota("Lambda, increase of invocations that read a queue", 300, "invocations/min", SQS, "cannot be raised")
GETS = Quota("S3, GET from one partitioned prefix", 5_500, "requests/s", S3, "S3 splits prefixes by traffic")

PUBLISHED = (
    *(GATEWAY_RATE, CONCURRENCY, PER_ENVIRONMENT, SCALING_RATE, STARTS, TRANSITIONS),
    *(CHILDREN, WRITES, READS, NEW_TABLE, TABLE_WRITES, BATCH, QUEUE, PUTS, GETS),
)

# Numbers of the design. A test compares them with the template and the code.
STAGE_RATE, STAGE_BURST = 500, 1_000
LIST_SHARDS, OPEN_PARTITIONS = 4, 64
BATCH_SIZE, WINDOW_S = 1_000, 1.0
MEMORY_MB = {
    "announce_jobs": 256,
    "authorize": 256,
    "batches": 512,
    "count_jobs": 256,
    "execute": 1769,
    "jobs": 512,
    "prepare_batch": 1769,
    "run_job": 1769,
    "send_webhook": 256,
}

# Sizes of a counter item in KB: the sums, and the checkpoints, of which a partition causes about eight in 30 hours.
COUNTER_KB, CHECKPOINT_KB, CHECKPOINTS = 0.6, 0.06, 8


@dataclass(frozen=True, slots=True)
class Setting:
    """An account and its use: the limits that can be raised, the partitions of the table, tenants and tools."""

    name: str
    stage: float = STAGE_RATE
    stage_burst: float = STAGE_BURST
    gateway: float = GATEWAY_RATE.value
    gateway_burst: float = GATEWAY_RATE.burst or 0
    concurrency: float = CONCURRENCY.value
    starts: float = STARTS.value
    starts_burst: float = STARTS.burst or 0
    transitions: float = TRANSITIONS.value
    table_writes: float = TABLE_WRITES.value
    partitions: int = int(NEW_TABLE.value / WRITES.value)
    tenants: int = 1
    tools: int = 10


DEFAULTS = Setting("defaults, one tenant")
RAISED = Setting(
    "raised, one tenant",
    stage=60_000,
    stage_burst=30_000,
    gateway=60_000,
    gateway_burst=30_000,
    concurrency=60_000,
    starts=15_000,
    starts_burst=15_000,
    transitions=30_000,
    table_writes=80_000,
    partitions=64,
)
TENANTS = replace(RAISED, name="raised, 1,000 tenants", tenants=1_000)
SETTINGS = (DEFAULTS, RAISED, TENANTS)
