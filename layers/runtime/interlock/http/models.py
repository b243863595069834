"""Requests as models, jobs and plugins as the documents that the contract shows."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from interlock.domain.deadline import MIN_TIMEOUT_S
from interlock.domain.events import Event
from interlock.domain.job import Job
from interlock.domain.metrics import COUNTERS, ExecutionMetrics
from interlock.domain.times import rfc3339
from interlock.domain.upload_id import CONTENT_TYPE, MAX_CONTENT_TYPE, MAX_UPLOAD_BYTES, is_content_type
from interlock.http.responses import error_object
from interlock.jobs.uploads import NewUpload
from interlock.plugins.registry import PluginHealth

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ExecuteRequest(_Request):
    """What to run, and on what."""

    plugin: Name = Field(description="Name of the plugin.", examples=["ocr"])
    tool: Name | None = Field(
        default=None,
        description="Name of the tool; left out: the first of the plugin's manifest.",
        examples=["analyze"],
    )
    input: dict[str, Any] = Field(
        description="The tool's input, by the input_schema of its manifest. A file in it is base64 text, a data: "
        'URL or {"upload_id": "..."}.'
    )
    timeout_s: Annotated[float, Field(ge=MIN_TIMEOUT_S, le=870, allow_inf_nan=False)] | None = Field(
        default=None, description="Shortens the tool's own limit, in seconds.", examples=[20]
    )


class CancelRequest(_Request):
    """Why a job is cancelled."""

    reason: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        default=None, description="For a human.", examples=["not needed any more"]
    )


def _media_type(text: str) -> str:
    if not is_content_type(text):
        raise PydanticCustomError("media_type", "must be a media type such as image/png")
    return text


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 7.0 is an integer as JSON Schema has it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class UploadRequest(_Request):
    """What is to be uploaded. The upload has to be of exactly this type and size."""

    content_type: Annotated[
        str, StringConstraints(min_length=1, max_length=MAX_CONTENT_TYPE), AfterValidator(_media_type)
    ] = Field(
        description="Media type of the file (RFC 9110, section 8.3.1), in ASCII.",
        examples=["image/png"],
        json_schema_extra={"pattern": f"^{CONTENT_TYPE.pattern}$"},
    )
    size: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES), BeforeValidator(_whole)] = Field(
        description="Size of the file in bytes, at most 100 MiB.", examples=[31457280]
    )


def upload_document(new: NewUpload) -> dict[str, Any]:
    """An upload with the request that brings it."""
    return {
        "upload_id": new.upload.id,
        "method": "PUT",
        "url": new.request.url,
        "headers": dict(new.request.headers),
        "expires_at": rfc3339(new.expires_at),
    }


def job_document(job: Job) -> dict[str, Any]:
    """A job as `GET /v1/jobs/{id}` shows it."""
    return {
        "job_id": job.job_id,
        "plugin": job.plugin,
        "tool": job.tool,
        "plugin_version": job.plugin_version,
        "status": job.status.value,
        "attempt": job.attempt,
        "progress": job.progress
        and {
            "fraction": job.progress.fraction,
            "message": job.progress.message,
            "at": rfc3339(job.progress.at),
        },
        "created_at": rfc3339(job.created_at),
        "started_at": job.started_at and rfc3339(job.started_at),
        "completed_at": job.completed_at and rfc3339(job.completed_at),
        "updated_at": rfc3339(job.updated_at),
        "expires_at": rfc3339(job.expires_at),
        "execution_time_ms": job.execution_time_ms,
        "timeout_s": job.timeout_s,
        "cancel": job.cancel
        and {
            "requested_at": rfc3339(job.cancel.requested_at),
            "reason": job.cancel.reason,
            "outcome": job.cancel.outcome and job.cancel.outcome.value,
        },
        "error": job_error(job),
    }


def job_error(job: Job) -> dict[str, Any] | None:
    """The envelope's inner object of a job that did not succeed."""
    if job.error is None:
        return None
    return error_object(job.error, plugin=job.plugin, tool=job.tool, job_id=job.job_id, at=job.completed_at)


def finished_document(job: Job, result: Any) -> dict[str, Any]:
    """A finished job with its result, as a synchronous call answers."""
    return {
        "job_id": job.job_id,
        "plugin": job.plugin,
        "tool": job.tool,
        "status": job.status.value,
        "result": result,
        "execution_time_ms": job.execution_time_ms,
        "created_at": rfc3339(job.created_at),
        "started_at": job.started_at and rfc3339(job.started_at),
        "completed_at": job.completed_at and rfc3339(job.completed_at),
    }


def result_document(job: Job, result: Any) -> dict[str, Any]:
    """A finished job of whatever outcome, as `GET /v1/jobs/{id}/result` shows it."""
    return {**finished_document(job, result), "error": job_error(job)}


def events_document(events: Sequence[Event], after: int) -> dict[str, Any]:
    """Events of a job, and the `after` to ask with for those that come next."""
    return {
        "events": [
            {"seq": event.seq, "at": rfc3339(event.at), "type": event.type.value, **event.said} for event in events
        ],
        "next": events[-1].seq if events else after,
    }


def plugin_document(health: PluginHealth) -> dict[str, Any]:
    """A plugin's line in the list."""
    manifest = health.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "title": manifest.title,
        "description": manifest.description,
        "state": health.state.value,
        "reason": health.reason,
        "tools": [tool.name for tool in manifest.tools],
    }


def health_document(health: PluginHealth) -> dict[str, Any]:
    """A plugin's health with its counters, together and by tool."""
    return {
        "name": health.manifest.name,
        "version": health.manifest.version,
        "state": health.state.value,
        "reason": health.reason,
        **_counters(health.metrics),
        "tools": {name: _counters(metrics) for name, metrics in health.tools.items()},
    }


def _counters(metrics: ExecutionMetrics) -> Mapping[str, Any]:
    return {
        **{name: metrics.count(status) for status, name in COUNTERS.items()},
        "last_execution_time_ms": metrics.last_ms,
        "avg_execution_time_ms": _rounded(metrics.average_ms),
        "p50_ms": _rounded(metrics.percentile_ms(0.50)),
        "p95_ms": _rounded(metrics.percentile_ms(0.95)),
        "p99_ms": _rounded(metrics.percentile_ms(0.99)),
        "last_used": metrics.last_used and rfc3339(metrics.last_used),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
