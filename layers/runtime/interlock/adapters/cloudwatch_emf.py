"""Publish metrics of executions in CloudWatch's embedded metric format: as a log line, without a call.

The dimensions are stack and plugin, and stack, plugin and tool; the names are those of the API's counters. Jobs that
ended without an execution (cancelled before they started, or with a lost worker) are counted by the API only.
"""

import os

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from interlock.domain.job_status import JobStatus
from interlock.domain.metrics import COUNTERS

NAMESPACE = "Interlock"
STACK_VARIABLE = "POWERTOOLS_SERVICE_NAME"
"""The environment variable with the stack's name. Powertools publishes it as the dimension `service`."""


class EmbeddedMetrics:
    """`interlock.ports.MetricsSink` on CloudWatch EMF."""

    def execution(self, plugin: str, tool: str, status: JobStatus, elapsed_ms: float) -> None:
        service = os.environ.get(STACK_VARIABLE, "interlock")
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
        metrics.add_dimension("plugin", plugin)
        metrics.add_dimensions(plugin=plugin, tool=tool, service=service)
        for counted, name in COUNTERS.items():
            # Zeros too: an alarm on a rate has its points, and a ratio of two of them its denominator.
            metrics.add_metric(name, MetricUnit.Count, int(counted is status))
        metrics.add_metric("execution_time_ms", MetricUnit.Milliseconds, elapsed_ms)
        metrics.flush_metrics()
