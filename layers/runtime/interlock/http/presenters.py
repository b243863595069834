"""Present jobs, events, plugins and uploads as the response documents of the contract."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from interlock.domain.access import MCP_SCOPES
from interlock.domain.events import Event
from interlock.domain.job import Cancel, Job, Progress, Source
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.times import rfc3339
from interlock.domain.webhook import Delivery, Webhook
from interlock.domain.webhook_secret import SigningSecrets
from interlock.http import documents
from interlock.http.envelope import error_object
from interlock.jobs.uploads import NewUpload
from interlock.plugins.registry import ListedPlugin, PluginHealth


def job_document(job: Job, deliveries: Sequence[Delivery] | None = None) -> documents.Job:
    """Return a job as `GET /v1/jobs/{id}` shows it, with the deliveries of its webhook if they are known."""
    return {
        "job_id": job.job_id,
        "plugin": job.plugin,
        "tool": job.tool,
        "plugin_version": job.plugin_version,
        "status": job.status,
        "attempt": job.attempt,
        "progress": _progress(job.progress) if job.progress else None,
        "created_at": rfc3339(job.created_at),
        "started_at": _time(job.started_at),
        "completed_at": _time(job.completed_at),
        "updated_at": rfc3339(job.updated_at),
        "expires_at": rfc3339(job.expires_at),
        "execution_time_ms": job.execution_time_ms,
        "timeout_s": job.timeout_s,
        "deadline_at": _time(job.deadline_at),
        "rerun_of": job.rerun_of,
        "batch_id": job.batch_id,
        "key": job.item_key,
        "source": job.source or Source.HTTP,
        "client": {"name": job.client.name, "version": job.client.version} if job.client else None,
        "input_requests": _input_requests(job) if job.client_input else None,
        "webhook": webhook_document(job.webhook, deliveries) if job.webhook else None,
        "cancel": cancel_document(job.cancel) if job.cancel else None,
        "error": _job_error(job),
    }


def _input_requests(job: Job) -> dict[str, Any] | None:
    from interlock.domain.parking import outstanding  # noqa: PLC0415 - few jobs wait for a client

    return outstanding(job) or None


def _progress(progress: Progress) -> documents.Progress:
    return {"fraction": progress.fraction, "message": progress.message, "at": rfc3339(progress.at)}


def cancel_document(cancel: Cancel) -> documents.Cancel:
    """Return the cancel of a job or batch."""
    return {"requested_at": rfc3339(cancel.requested_at), "reason": cancel.reason, "outcome": cancel.outcome}


def webhook_document(webhook: Webhook, deliveries: Sequence[Delivery] | None) -> documents.Webhook:
    """Return the webhook of a job or batch, with its deliveries if they are known."""
    return {
        "url": webhook.url,
        "events": list(webhook.events),
        "deliveries": None if deliveries is None else [_delivery(delivery) for delivery in deliveries],
    }


def _delivery(delivery: Delivery) -> documents.Delivery:
    return {
        "event": delivery.event,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "next_attempt_at": _time(delivery.next_attempt_at),
    }


def webhook_secret_document(secrets: SigningSecrets, now: datetime) -> documents.WebhookSecret:
    """Return the secret that signs a tenant's webhooks."""
    previous = secrets.valid_previous(now)
    return {
        "secret": secrets.current,
        "created_at": rfc3339(secrets.created_at),
        "previous_expires_at": rfc3339(previous[0].expires_at) if previous else None,
    }


def _job_error(job: Job) -> documents.Error | None:
    if job.error is None:
        return None
    return error_object(job.error, plugin=job.plugin, tool=job.tool, job_id=job.job_id, at=job.completed_at)


def job_list(jobs: Iterable[Job], next_cursor: str | None) -> documents.JobList:
    """Return a page of jobs."""
    page = [job_document(job) for job in jobs]
    return {"jobs": page, "count": len(page), "next_cursor": next_cursor}


def finished_document(job: Job, result: Any) -> documents.FinishedJob:
    """Return a job that succeeded with its result, as a synchronous call returns it."""
    return cast("documents.FinishedJob", _finished(job, result))


def result_document(job: Job, result: Any) -> documents.JobResult:
    """Return a finished job with any outcome, as `GET /v1/jobs/{id}/result` shows it."""
    return cast("documents.JobResult", {**_finished(job, result), "error": _job_error(job)})


def _finished(job: Job, result: Any) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "plugin": job.plugin,
        "tool": job.tool,
        "status": job.status,
        "result": result,
        "execution_time_ms": job.execution_time_ms,
        "created_at": rfc3339(job.created_at),
        "started_at": _time(job.started_at),
        "completed_at": _time(job.completed_at),
    }


def events_document(events: Sequence[Event], after: int) -> documents.EventList:
    """Return events of a job, and the `after` that continues the list."""
    shown = [{"seq": event.seq, "at": rfc3339(event.at), "type": event.type, **event.fields} for event in events]
    return {"events": cast("list[documents.Event]", shown), "next": events[-1].seq if events else after}


def upload_document(new: NewUpload) -> documents.Upload:
    """Return an upload with the request that writes it."""
    return {
        "upload_id": new.upload.id,
        "method": "PUT",
        "url": new.request.url,
        "headers": dict(new.request.headers),
        "expires_at": rfc3339(new.expires_at),
    }


def plugin_list(plugins: Sequence[ListedPlugin]) -> documents.PluginList:
    """Return the list of plugins, with their number by state."""
    states = Counter(plugin.state for plugin in plugins)
    return {
        "plugins": [_plugin_summary(plugin) for plugin in plugins],
        "total": len(plugins),
        "available": sum(plugin.available for plugin in plugins),
        "failed": states[LifecycleState.FAILED],
        "unavailable": states[LifecycleState.UNAVAILABLE],
    }


def _plugin_summary(plugin: ListedPlugin) -> documents.PluginSummary:
    summary = plugin.summary
    return {
        "name": summary.name,
        "version": summary.version,
        "title": summary.title,
        "description": summary.description,
        "state": plugin.state,
        "reason": plugin.reason,
        **_fork_safety(plugin),
        "tools": list(summary.tools),
    }


def manifest_document(plugin: PluginHealth) -> documents.PluginManifest:
    """Return a plugin with its tools and their schemas."""
    return cast("documents.PluginManifest", {**plugin.manifest.public(), **_fork_safety(plugin)})


def _fork_safety(plugin: PluginHealth | ListedPlugin) -> documents.ForkSafety:
    return {"fork_safe": plugin.fork_unsafe_reason is None, "fork_unsafe_reason": plugin.fork_unsafe_reason}


def health_document(health: PluginHealth) -> documents.PluginHealth:
    """Return a plugin's state with its counters, together and by tool."""
    return {
        "name": health.manifest.name,
        "version": health.manifest.version,
        "state": health.state,
        "reason": health.reason,
        **_fork_safety(health),
        "as_of": _time(health.metrics.as_of),
        **_counters(health.metrics),
        "tools": {name: _counters(metrics) for name, metrics in health.tools.items()},
    }


def resource_metadata(resource: str, issuer: str) -> documents.ResourceMetadata:
    """Return the metadata that tells clients where to get tokens (RFC 9728, section 2)."""
    return {
        "resource": resource,
        "resource_name": "Interlock",
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": list(MCP_SCOPES),
    }


def _counters(metrics: ExecutionMetrics) -> documents.Counters:
    return {
        "success_count": metrics.succeeded,
        "error_count": metrics.failed,
        "cancelled_count": metrics.cancelled,
        "timed_out_count": metrics.timed_out,
        "last_execution_time_ms": metrics.last_ms,
        "avg_execution_time_ms": _rounded(metrics.average_ms),
        "p50_ms": _rounded(metrics.percentile_ms(0.50)),
        "p95_ms": _rounded(metrics.percentile_ms(0.95)),
        "p99_ms": _rounded(metrics.percentile_ms(0.99)),
        "last_used": _time(metrics.last_used),
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
