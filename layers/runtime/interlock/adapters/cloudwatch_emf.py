"""Publish metrics of executions in CloudWatch's embedded metric format: as a log line, without a call.

The line has the fields of the log's records as well, so that it is found by job or tenant.

The dimensions are stack and plugin, and stack, plugin and tool; the names are those of the API's counters. Jobs that
ended without an execution (cancelled before they started, or with a lost worker) are counted by the API only, and so
are runs that requested input from their client.
"""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from interlock import log_fields
from interlock.domain.job_status import JobStatus
from interlock.domain.json_text import as_text
from interlock.domain.metrics import COUNTERS

NAMESPACE = "Interlock"
STACK_VARIABLE = "POWERTOOLS_SERVICE_NAME"
"""The environment variable with the stack's name, which is published as the dimension `service`."""

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
_DIRECTIVE = {
    "Namespace": NAMESPACE,
    "Dimensions": [["service", "plugin"], ["service", "plugin", "tool"]],
    "Metrics": [
        *({"Name": name, "Unit": "Count"} for name in COUNTERS.values()),
        {"Name": "execution_time_ms", "Unit": "Milliseconds"},
    ],
}

UNREADABLE = "unreadable_record_count"
"""Records of the table's stream that could not be read, so that no counter has them."""

QUEUE_WAIT = "queue_wait_ms"
"""Time of asynchronous jobs between their submission and their run."""

DELIVERED, GIVEN_UP = "webhook_delivered_count", "webhook_given_up_count"
"""Deliveries of webhooks that have ended, by their outcome."""


FAILED_BATCH = "batch_failed_count"


class EmbeddedMetrics:
    """`interlock.ports.MetricsSink` on CloudWatch EMF."""

    def execution(self, plugin: str, tool: str, status: JobStatus, elapsed_ms: float) -> None:
        _write(
            _DIRECTIVE,
            {
                **log_fields.current(),
                "plugin": plugin,
                "tool": tool,
                # Zeros too, so that an alarm on a rate has data points, and a ratio of two metrics has a denominator.
                **{name: [float(counted is status)] for counted, name in COUNTERS.items()},
                "execution_time_ms": [elapsed_ms],
            },
        )

    def wait(self, waited_ms: float) -> None:
        _write(_of_the_stack(QUEUE_WAIT, "Milliseconds"), {QUEUE_WAIT: [waited_ms]})


def publish_unreadable_record() -> None:
    """Publish that a record of the table's stream could not be read."""
    _publish_one(UNREADABLE)


def publish_delivery(delivered: bool) -> None:
    """Publish the end of the delivery of a webhook."""
    _publish_one(DELIVERED if delivered else GIVEN_UP)


def publish_failed_batch() -> None:
    """Publish that a batch has failed: more items failed than are tolerated, or its items could not be read."""
    _publish_one(FAILED_BATCH)


def _publish_one(name: str) -> None:
    _write(_of_the_stack(name, "Count"), {name: [1.0]})


def _of_the_stack(name: str, unit: str) -> Mapping[str, Any]:
    return {"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": [{"Name": name, "Unit": unit}]}


def _write(directive: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    line = {
        "_aws": {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [directive]},
        "service": os.environ.get(STACK_VARIABLE, "interlock"),
        **values,
    }
    sys.stdout.write(as_text(line) + "\n")
