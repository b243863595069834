"""The cost and time of many items: as a batch, as separate asynchronous jobs, and from a queue."""

import math
from collections.abc import Callable, Mapping

from bench.scale import costs, limits, prices, quotas
from bench.scale.jobs import ASYNC, AUTHORIZE_S, OWN_S, SUBMIT_S
from bench.scale.quotas import DEFAULTS

ITEMS = (10_000, 1_000_000)
BATCH_ITEMS, BATCH_CONCURRENCY, DEFAULT_CONCURRENCY = 10_000, 1_000, 10
"""Items of a batch, items that run at the same time at most, and without `max_concurrency`."""

ITEM_TRANSITIONS = 3
"""Transitions of an item: RunJob, IsPending, Done."""

REQUESTS = 20
"""Requests about a batch, assumed: its submission, looks at it, and its results."""

# Seconds of the first and of the last task for 10,000 items, assumed after their calls: writes of 10 ms, ten at a time,
# a hundred reads of 30 ms, and the results.
PREPARE_S, FINISH_S = 10.0, 5.0
ITEM_READS = 3
"""Consistent reads: job and batch before the claim, job for the results."""

QUEUE_POLLS, QUEUE_SCALING = 5, quotas.QUEUE.value / 60
"""Concurrent invocations with which Lambda starts to read a queue, and how many it adds each second."""


def _run() -> dict[str, float]:
    """Return what a million runs and their items in the table cost, however they are started."""
    run = next(one for one in ASYNC.invocations if one.function == "run_job")
    logged = costs.LOGGED_RUN_KB * costs.GB * costs.JOBS
    whole = costs.parts(ASYNC)
    return {
        "runs": (prices.INVOCATION * run.count + prices.COMPUTE * run.gb_s) * costs.JOBS,
        "table writes": whole["table writes"],
        "stream consumer": whole["stream consumer"],
        "logs of runs": prices.LOGS * logged + prices.LOG_STORAGE * (logged * costs.LOG_DAYS / costs.MONTH_DAYS),
        "storage": whole["storage"],
    }


def as_batches() -> dict[str, float]:
    """Return the cost of a million items in batches of 10,000 by part."""
    number = costs.JOBS / BATCH_ITEMS
    tasks_gb_s = (PREPARE_S + FINISH_S) * quotas.MEMORY_MB["prepare_batch"] / 1024
    requests_gb_s = REQUESTS * (
        SUBMIT_S * quotas.MEMORY_MB["batches"] / 1024 + AUTHORIZE_S * quotas.MEMORY_MB["authorize"] / 1024
    )
    return {
        **_run(),
        "table reads": prices.READ_UNIT * (ITEM_READS * costs.JOBS),
        "start": prices.TRANSITION * (ITEM_TRANSITIONS * costs.JOBS),
        "requests": (prices.GATEWAY * REQUESTS + prices.COMPUTE * requests_gb_s) * number,
        "first and last task": prices.COMPUTE * (tasks_gb_s * number),
    }


def as_jobs() -> dict[str, float]:
    """Return the cost of a million asynchronous jobs, submitted and polled one by one, by the same parts."""
    whole, run = costs.parts(ASYNC), _run()
    rest = sum(whole.values()) - sum(run.values()) - whole["table reads"] - whole["workflow"]
    return {**run, "table reads": whole["table reads"], "start": whole["workflow"], "requests": rest}


def as_messages() -> dict[str, float]:
    """Return the cost of a million messages of SQS that run the same function on the same table, by the same parts."""
    return {
        **_run(),
        "table reads": prices.READ_UNIT * costs.JOBS,
        "start": costs.starting()["SQS and Lambda"],
    }


def _rate(concurrency: float) -> float:
    """Return how many items per second this number of concurrent runs completes."""
    return concurrency / (ASYNC.tool_s + OWN_S)


def batches_s(items: int, concurrency: int = BATCH_CONCURRENCY) -> float:
    """Return the seconds of batches that are submitted together. Each runs `concurrency` items at the same time."""
    number = math.ceil(items / BATCH_ITEMS)
    together = min(number * concurrency, quotas.CONCURRENCY.value)
    rate = min(_rate(together), quotas.STARTS.value, quotas.TRANSITIONS.value / ITEM_TRANSITIONS)
    return PREPARE_S + items / rate + FINISH_S


def jobs_s(items: int) -> float:
    """Return the seconds of asynchronous jobs, submitted and polled at the first limit of the defaults."""
    return items / limits.first(ASYNC, DEFAULTS).rate


def messages_s(items: int) -> float:
    """Return the seconds of messages in a queue, which more and more invocations read."""
    most = quotas.CONCURRENCY.value
    ramp_s = (most - QUEUE_POLLS) / QUEUE_SCALING

    def done(seconds: float) -> float:
        return _rate(QUEUE_POLLS * seconds + QUEUE_SCALING * seconds**2 / 2)

    if items > done(ramp_s):
        return ramp_s + (items - done(ramp_s)) / _rate(most)
    left = 2 * items / _rate(1) / QUEUE_SCALING
    start = QUEUE_POLLS / QUEUE_SCALING
    return math.sqrt(start**2 + left) - start


WAYS: Mapping[str, tuple[Callable[[], Mapping[str, float]], Callable[[int], float]]] = {
    "batches": (as_batches, batches_s),
    "asynchronous jobs": (as_jobs, jobs_s),
    "SQS and Lambda": (as_messages, messages_s),
}
