"""Metrics of single executions as CloudWatch's embedded metric format: a line of log, no call."""

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from interlock.domain.job_status import JobStatus

NAMESPACE = "Interlock"


class EmbeddedMetrics:
    """`interlock.ports.MetricsSink` on CloudWatch EMF."""

    def execution(self, plugin: str, tool: str, status: JobStatus, elapsed_ms: float) -> None:
        metrics = EphemeralMetrics(namespace=NAMESPACE, service="interlock")
        metrics.add_dimension("plugin", plugin)
        metrics.add_dimension("tool", tool)
        metrics.add_dimension("status", status)
        metrics.add_metric("Executions", MetricUnit.Count, 1)
        metrics.add_metric("ExecutionTime", MetricUnit.Milliseconds, elapsed_ms)
        metrics.flush_metrics()
