"""The OpenAPI 3.1 document of the HTTP contract, built from the tables in this module.

Codes, statuses and states come from the domain, and examples from the functions that write the real answers, so that
none of them can drift. The service serves the document as it was written at build time:

    python -m interlock.http.openapi > layers/runtime/interlock/http/openapi.json
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic.json_schema import models_json_schema

import interlock
from interlock.domain import errors, job_status, lifecycle
from interlock.domain import job as jobs
from interlock.domain.access import Scope
from interlock.domain.errors import ERROR_TYPES, ErrorCode, ErrorInfo
from interlock.domain.job import CancelOutcome, Job, Progress
from interlock.domain.job_status import FINAL, STATUS_ALIASES, JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.manifest import PluginManifest, PluginSource, ToolManifest
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.outcome import Outcome
from interlock.domain.times import rfc3339
from interlock.http import models
from interlock.http.requests import MAX_WAIT_S
from interlock.http.responses import RETRY_AFTER_S, STATUS_BY_CODE, error_object
from interlock.http.routes_jobs import DEFAULT_LIMIT, MAX_LIMIT, MAX_NAME
from interlock.plugin_registry import PluginHealth

type Json = dict[str, Any]

JOB_ID = r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
RFC_3339 = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"
COMMON_LOG_TIME = r"^\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}$"


# --- Schemas ---------------------------------------------------------------------------------------------------------


def _ref(name: str, kind: str = "schemas") -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _refs(names: Iterable[str], kind: str) -> Json:
    return {name: _ref(name, kind) for name in names}


def _or_null(schema: Json) -> Json:
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _text(description: str, **more: Any) -> Json:
    return {"type": "string", "description": description, **more}


def _count(description: str) -> Json:
    return {"type": "integer", "minimum": 0, "description": description}


def _number(description: str) -> Json:
    return {"type": "number", "minimum": 0, "description": description}


def _list(items: Json, description: str) -> Json:
    return {"type": "array", "items": items, "description": description}


def _enum(values: Iterable[str], description: str) -> Json:
    return {"type": "string", "enum": [str(value) for value in values], "description": description}


def _object(description: str, /, **properties: Json) -> Json:
    """An object whose fields are all there. Its readers must expect fields that are new to them."""
    return {"type": "object", "description": description, "properties": properties, "required": [*properties]}


def _steps(transitions: Mapping[Any, frozenset[Any]], states: type[StrEnum]) -> str:
    """A transition table in words, one line a state."""
    following = {one: [f"`{to}`" for to in states if to in transitions[one]] for one in states}
    return "\n".join(f"- `{one}` → {' | '.join(names) or 'final'}" for one, names in following.items())


def _codes_by_type() -> str:
    codes: dict[str, list[str]] = {}
    for code, error_type in ERROR_TYPES.items():
        codes.setdefault(error_type, []).append(f"`{code}`")
    return "\n".join(f"- `{error_type}`: {', '.join(several)}" for error_type, several in codes.items())


_TIME = _ref("Time")
_TIME_OR_NULL = _or_null(_TIME)
_PLUGIN_NAME = _text("Name of the plugin.")
_TOOL_NAME = _text("Name of the tool.")
_VERSION = _text("Version of the plugin.")
_TITLE = _text("Name for a human.")
_PURPOSE = _text("What it is for.")
_REASON = _or_null(_text("Why the plugin is `UNAVAILABLE`."))
_ELAPSED_OR_NULL = _or_null(_number("Wall clock of the tool; null if it did not run to an end."))

_ERROR = _object(
    "What went wrong.",
    type=_ref("ErrorType"),
    code=_ref("ErrorCode"),
    message=_text("For a human, and not to be parsed."),
    details=_ref("ErrorDetails"),
    plugin=_or_null(_text("The plugin that it is about.")),
    tool=_or_null(_text("The tool that it is about.")),
    job_id=_or_null(_text("The job that it is about.")),
    retryable={"type": "boolean", "description": "The same request, sent again, may well succeed."},
    timestamp={
        "description": "When. RFC 3339, but for what the gateway refuses by itself.",
        "anyOf": [_TIME, _ref("GatewayTime")],
    },
)

_ERROR_DETAILS: Json = {
    "type": "object",
    "description": "More of it, by `code`. No field of it is always there.",
    "properties": {
        "errors": _list(_ref("FieldError"), "Field by field: `invalid_request`, `invalid_input`, `invalid_output`."),
        "exception": _text("Name of the exception's class: `plugin_exception`."),
        "signal": {"type": "integer", "description": "The signal that ended the process: `plugin_crashed`."},
        "exit_code": {"type": ["integer", "null"], "description": "What the process exited with: `plugin_crashed`."},
        "reason": _text("Why the plugin could not be loaded: `plugin_unavailable`."),
        "timeout_s": _number("The limit in seconds: `timeout`."),
        "memory_mb": _count("The limit in MiB: `memory_exceeded`."),
        "size_bytes": _count("Size of the result: `output_too_large`."),
        "limit_bytes": _count("The limit: `output_too_large`."),
        "status": {"$ref": "#/components/schemas/JobStatus", "description": "`not_finished`, `already_finished`."},
        "scope": _enum(Scope, "What the key lacks: `forbidden`."),
        "allow": _list({"type": "string"}, "The methods that the route takes: `invalid_request` with status 405."),
        "service": _text("What is down: `unavailable`."),
    },
}

_JOB = _object(
    "A job, without its result.",
    job_id=_ref("JobId"),
    plugin=_PLUGIN_NAME,
    tool=_TOOL_NAME,
    plugin_version=_text("Version of the plugin when the job was made."),
    status=_ref("JobStatus"),
    attempt=_count("How often a worker has taken the job."),
    progress=_or_null(_ref("Progress")),
    created_at=_TIME,
    started_at=_TIME_OR_NULL,
    completed_at=_TIME_OR_NULL,
    updated_at=_TIME,
    expires_at=_TIME,
    execution_time_ms=_ELAPSED_OR_NULL,
    timeout_s=_number("Limit of its run in seconds."),
    cancel=_or_null(_ref("Cancel")),
    error=_or_null(_ref("Error")),
)

_FINISHED: Json = {
    "job_id": _ref("JobId"),
    "plugin": _PLUGIN_NAME,
    "tool": _TOOL_NAME,
    "status": _enum([JobStatus.SUCCEEDED], "How the job ended."),
    "result": _ref("ToolResult"),
    "execution_time_ms": _number("Wall clock of the tool."),
    "created_at": _TIME,
    "started_at": _TIME,
    "completed_at": _TIME,
}

_OF_ANY_OUTCOME: Json = {
    "status": _enum([status for status in JobStatus if status in FINAL], "How the job ended."),
    "execution_time_ms": _ELAPSED_OR_NULL,
    "started_at": _TIME_OR_NULL,
    "error": _or_null(_ref("Error")),
}

_COUNTERS: Json = {
    "success_count": _count("Jobs that succeeded."),
    "error_count": _count("Jobs that failed."),
    "cancelled_count": _count("Jobs that were cancelled."),
    "timed_out_count": _count("Jobs that ran over their limit."),
    "last_execution_time_ms": _or_null(_number("Of the latest execution.")),
    "avg_execution_time_ms": _or_null(_number("Mean of all executions.")),
    "p50_ms": _or_null(_number("Median. Percentiles are within 4 %.")),
    "p95_ms": _or_null(_number("95th percentile.")),
    "p99_ms": _or_null(_number("99th percentile.")),
    "last_used": _TIME_OR_NULL,
}

SCHEMAS: Json = {
    "Time": _text("RFC 3339 in UTC with milliseconds.", format="date-time", pattern=RFC_3339),
    "GatewayTime": _text(
        "Common Log Format, `22/Nov/2026:10:11:12 +0000`: how Amazon API Gateway writes the time of what it refuses "
        "before the service is asked.",
        pattern=COMMON_LOG_TIME,
    ),
    "JobId": _text("A ULID: ids sort by creation.", pattern=JOB_ID),
    "JobStatus": _enum(
        JobStatus, "Where a job stands. The only transitions:\n\n" + _steps(job_status.TRANSITIONS, JobStatus)
    ),
    "CancelOutcome": _enum(
        CancelOutcome,
        "What a cancel came to. `prevented`: the tool never started. `stopped`: it yielded to SIGTERM. `killed`: it "
        "needed SIGKILL. `too_late`: the job ended otherwise first.",
    ),
    "LifecycleState": _enum(
        LifecycleState,
        "Where a plugin stands. `LOADED`: not run yet. `INITIALIZED`: its last run was good. `RUNNING`: a run is on. "
        "`FAILED`: its last run ended by its own fault. `UNAVAILABLE`: it cannot be loaded. The only transitions:\n\n"
        + _steps(lifecycle.TRANSITIONS, LifecycleState),
    ),
    "ErrorType": _enum(dict.fromkeys(ERROR_TYPES.values()), "The coarse kind of an error."),
    "ErrorCode": _enum(ErrorCode, "The exact code of an error: what to switch on. By `type`:\n\n" + _codes_by_type()),
    "ErrorEnvelope": _object("The body of every error.", error=_ref("Error")),
    "Error": _ERROR,
    "ErrorDetails": _ERROR_DETAILS,
    "FieldError": _object(
        "What is wrong with one field.",
        path=_text("JSON Pointer (RFC 6901); empty: the whole."),
        message=_text("For a human."),
    ),
    "Job": _JOB,
    "Progress": _object(
        "How far a running tool says it is.",
        fraction={"type": "number", "minimum": 0, "maximum": 1, "description": "From 0 to 1."},
        message=_text("For a human."),
        at=_TIME,
    ),
    "Cancel": _object(
        "That the job was asked to stop, and what came of it.",
        requested_at=_TIME,
        reason=_or_null(_text("What the caller gave.")),
        outcome=_or_null(_ref("CancelOutcome")),
    ),
    "JobList": _object(
        "A page of jobs, newest first.",
        jobs={**_list(_ref("Job"), "The page."), "maxItems": MAX_LIMIT},
        count={**_count("How many there are in the page."), "maximum": MAX_LIMIT},
        next_cursor=_or_null(_text("The `cursor` of the next page; null: this is the last.")),
    ),
    "ToolResult": {
        "description": "What the tool returned, by the `output_schema` of its manifest, or where to fetch it.",
        "anyOf": [{"title": "Inline", "description": "The result itself."}, _ref("Download")],
    },
    "Download": _object(
        "A result that is too large for an answer (over 5 MB).",
        download_url=_text("Where to GET the result as JSON, without a key.", format="uri"),
        size=_count("Its size in bytes."),
        expires_at=_TIME,
    ),
    "FinishedJob": _object("A job that succeeded, with its result.", **_FINISHED),
    "JobResult": _object(
        "A finished job: `error` is null if it succeeded, `result` if it did not.", **_FINISHED | _OF_ANY_OUTCOME
    ),
    "PluginList": _object(
        "All plugins, broken ones included.",
        plugins=_list(_ref("PluginSummary"), "In alphabetical order."),
        total=_count("How many there are."),
        available=_count(
            "Of them " + ", ".join(f"`{one}`" for one in LifecycleState if one in lifecycle.AVAILABLE) + "."
        ),
        failed=_count("Of them `FAILED`."),
        unavailable=_count("Of them `UNAVAILABLE`."),
    ),
    "PluginSummary": _object(
        "A plugin in the list.",
        name=_PLUGIN_NAME,
        version=_VERSION,
        title=_TITLE,
        description=_PURPOSE,
        state=_ref("LifecycleState"),
        reason=_REASON,
        tools=_list(_TOOL_NAME, "The first is the default."),
    ),
    "PluginManifest": _object(
        "A plugin with its tools.",
        name=_PLUGIN_NAME,
        version=_VERSION,
        title=_TITLE,
        description=_PURPOSE,
        tools=_list(_ref("Tool"), "The first is the default. Empty if the plugin could not be loaded."),
    ),
    "Tool": _object(
        "A tool with its schemas.",
        name=_TOOL_NAME,
        title=_TITLE,
        description=_PURPOSE,
        timeout_s=_number("Limit of one run in seconds of wall clock."),
        memory_mb=_count("Limit of its resident memory in MiB."),
        input_schema={"type": "object", "description": "JSON Schema 2020-12 of `input`."},
        output_schema={"type": "object", "description": "JSON Schema 2020-12 of `result`."},
    ),
    "PluginHealth": _object(
        "A plugin's state and counters.",
        name=_PLUGIN_NAME,
        version=_VERSION,
        state=_ref("LifecycleState"),
        reason=_REASON,
        **_COUNTERS,
        tools={"type": "object", "description": "The same by tool.", "additionalProperties": _ref("Counters")},
    ),
    "Counters": _object(
        "Sums over the finished jobs of the whole fleet; times are null before the first.", **_COUNTERS
    ),
    "ServiceHealth": _object("The service answers.", status=_enum(["ok"], "Always."), version=_text("Of the service.")),
    "OpenApi": _object(
        "An OpenAPI document.", openapi={"type": "string"}, info={"type": "object"}, paths={"type": "object"}
    ),
}


def _request_schemas() -> Json:
    """The schemas of the models that requests are read with."""
    wanted: Any = [(models.ExecuteRequest, "validation"), (models.CancelRequest, "validation")]
    _, found = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    schemas: Json = found["$defs"]
    return schemas


# --- Examples: real values, through the functions that write the answers ---------------------------------------------

_AT = datetime(2026, 11, 22, 10, 11, 12, 345000, tzinfo=UTC)
_ID = "01KY4QJ3HS0123456789ABCDEF"
_WHY = "not needed any more"
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGynq7wAAAABJRU5ErkJggg=="
_RESULT = {"text": "Let us begin.", "words": [], "mean_confidence": 0.96, "language": "eng", "width": 9, "height": 5}
_DOWNLOAD = {
    "download_url": f"https://interlock-bucket.s3.amazonaws.com/jobs/acme/{_ID}/result-1.json",
    "size": 7340032,
    "expires_at": rfc3339(_AT + timedelta(minutes=15)),
}


def _later(seconds: float) -> datetime:
    return _AT + timedelta(seconds=seconds)


_PENDING = Job(
    tenant="acme", job_id=_ID, plugin="ocr", tool="analyze", plugin_version="1.0.0", timeout_s=20.0,
    status=JobStatus.PENDING, created_at=_AT, updated_at=_AT, expires_at=_AT + timedelta(days=7),
)  # fmt: skip
_RUNNING = replace(
    jobs.claimed(_PENDING, worker_id="", now=_later(0.2), lease_expires_at=_later(15)),
    progress=Progress(0.4, "page 2 of 5", _later(1.2)),
)
_CANCELLING = jobs.cancel_requested(_RUNNING, reason=_WHY, now=_later(2))
_PREVENTED = jobs.cancel_requested(_PENDING, reason=_WHY, now=_later(0.1))


def _ended(outcome: Outcome) -> Job:
    return jobs.ended(_RUNNING, replace(outcome, execution_time_ms=1741.2), result=None, progress=None, now=_later(2))


_SUCCEEDED = _ended(Outcome.succeeded(_RESULT))
_FAILED = _ended(Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, "no text found", exception="ValueError"))

_TOOL = ToolManifest(
    "analyze", "Analyze", "Reads the text in an image.", 20.0, 512,
    {"type": "object", "properties": {"image": {"type": "string"}}, "required": ["image"]},
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)  # fmt: skip
_OCR = PluginManifest("ocr", "1.0.0", "Character recognition", "Reads printed text.", PluginSource("", ""), (_TOOL,))
_BROKEN = PluginManifest("speech", "0", "speech", "", PluginSource("", ""), reason="needs torch: not installed")
_METRICS = ExecutionMetrics(
    succeeded=3, failed=1, executed=4, total_ms=180.4, last_ms=41.2, last_used=_AT, buckets={106: 4}
)
_GOOD = PluginHealth(_OCR, LifecycleState.INITIALIZED, _METRICS, {"analyze": _METRICS})
_BAD = PluginHealth(_BROKEN, LifecycleState.UNAVAILABLE, ExecutionMetrics(), {})
_PLUGINS = [models.plugin_document(_GOOD), models.plugin_document(_BAD)]
_NO_PLUGIN = "There is no plugin 'orc'. There are: ocr, speech."


# --- Errors ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """An error as it is answered, with what it is about."""

    code: ErrorCode
    message: str
    details: Json
    plugin: str | None = None
    tool: str | None = None
    job_id: str | None = None

    def document(self) -> Json:
        error = ErrorInfo(self.code, self.message, self.details)
        return {"error": error_object(error, plugin=self.plugin, tool=self.tool, job_id=self.job_id, at=_AT)}


def _of_job(code: ErrorCode, message: str, **details: Any) -> Example:
    return Example(code, message, details, "ocr", "analyze", _ID)


def _of(error: errors.InterlockError, **about: str) -> Example:
    return Example(error.code, str(error), error.details, **about)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer, with an example for each of its codes."""

    description: str
    examples: tuple[Example, ...]
    headers: tuple[str, ...] = ()
    status: int | None = None

    @property
    def number(self) -> int:
        """The HTTP status that the responses' own table gives to the code, unless a route gives another."""
        return self.status or STATUS_BY_CODE.get(self.examples[0].code, 400)

    def document(self) -> Json:
        headers = [*self.headers, *(["Retry-After"] if self.examples[0].code in RETRY_AFTER_S else [])]
        examples = {str(one.code): {"value": one.document()} for one in self.examples}
        return {
            "description": f"{self.description} `code`: {', '.join(f'`{code}`' for code in examples)}.",
            **({"headers": _refs(headers, "headers")} if headers else {}),
            "content": {"application/json": {"schema": _ref("ErrorEnvelope"), "examples": examples}},
        }


_NOT_EXECUTED = (
    Example(
        ErrorCode.INVALID_REQUEST,
        "The body is not a valid request: /inputs: Extra inputs are not permitted.",
        {"errors": [{"path": "/inputs", "message": "Extra inputs are not permitted"}]},
    ),
    Example(
        ErrorCode.INVALID_INPUT,
        "The input does not fit the schema of ocr.analyze: /image is required.",
        {"errors": [{"path": "/image", "message": "is required"}]},
        "ocr",
        "analyze",
    ),
    Example(ErrorCode.UNKNOWN_PLUGIN, _NO_PLUGIN, {}, "orc"),
    Example(ErrorCode.UNKNOWN_TOOL, "Plugin 'ocr' has no tool 'read'. It has: analyze.", {}, "ocr", "read"),
    _of_job(ErrorCode.PLUGIN_EXCEPTION, "no text found", exception="ValueError"),
    _of_job(ErrorCode.PLUGIN_CRASHED, "The process of plugin 'ocr' was ended by signal 11.", signal=11),
    _of_job(
        ErrorCode.INVALID_OUTPUT,
        "The result of ocr.analyze does not fit its output schema.",
        errors=[{"path": "/text", "message": "is required"}],
    ),
    _of_job(
        ErrorCode.OUTPUT_TOO_LARGE,
        "The result of ocr.analyze is over the limit of 67108864 bytes.",
        size_bytes=67108865,
        limit_bytes=67108864,
    ),
    Example(
        ErrorCode.PLUGIN_UNAVAILABLE,
        "Plugin 'speech' could not be loaded: needs torch: not installed.",
        {"reason": "needs torch: not installed"},
        "speech",
    ),
    _of_job(ErrorCode.TIMEOUT, "The tool ran over its limit of 20 s.", timeout_s=20.0),
    _of_job(ErrorCode.MEMORY_EXCEEDED, "The tool used more memory than its limit of 512 MiB.", memory_mb=512),
    _of_job(ErrorCode.CANCELLED, "The job was cancelled."),
    _of_job(ErrorCode.WORKER_LOST, "The worker of this job vanished before it could tell how it ended."),
)

REFUSALS: Mapping[str, Refusal] = {
    "NotExecuted": Refusal(
        "The request or its input was refused, and nothing was started; or, with a `job_id`, the job failed.",
        _NOT_EXECUTED,
        headers=("Idempotency-Replayed",),
    ),
    "InvalidRequest": Refusal(
        "The body, the query or a header is malformed.",
        (Example(ErrorCode.INVALID_REQUEST, "Unknown query parameter 'page'. There are: plugin, tool.", {}),),
    ),
    "Unauthorized": Refusal("The key is missing, unknown or expired.", (_of(errors.Unauthorized()),)),
    "Forbidden": Refusal("The key lacks the scope.", (_of(errors.Forbidden(scope=Scope.EXECUTE.value)),)),
    "JobNotFound": Refusal(
        "There is no such job, it is another tenant's, or it has expired.",
        (_of(errors.NotFound(f"There is no job {_ID!r}.")),),
    ),
    "PluginNotFound": Refusal("There is no such plugin.", (_of(errors.NotFound(_NO_PLUGIN)),)),
    "MethodNotAllowed": Refusal(
        "What other methods of this path answer.",
        (Example(ErrorCode.INVALID_REQUEST, "This route takes GET.", {"allow": ["GET"]}),),
        headers=("Allow",),
        status=405,
    ),
    "NotFinished": Refusal(
        "The job has not finished.", (_of(errors.NotFinished("The job is running.", status="running"), job_id=_ID),)
    ),
    "AlreadyFinished": Refusal(
        "The job ended before, and not as cancelled.",
        (_of(errors.AlreadyFinished("The job has already succeeded.", status="succeeded"), job_id=_ID),),
    ),
    "PayloadTooLarge": Refusal("The body is too large.", (_of(errors.PayloadTooLarge()),)),
    "IdempotencyMismatch": Refusal("The key stands for another request.", (_of(errors.IdempotencyMismatch()),)),
    "TooManyRequests": Refusal(
        "Requests come too fast.", (Example(ErrorCode.RATE_LIMITED, "Too many requests. Try again shortly.", {}),)
    ),
    "Unavailable": Refusal(
        "A service that Interlock stands on is down.", (_of(errors.ServiceUnavailable(service="table")),)
    ),
}


# --- Headers, parameters, links --------------------------------------------------------------------------------------


def _header(description: str, schema: Json, example: Any, *, required: bool = True) -> Json:
    return {"description": description, "required": required, "schema": schema, "example": example}


HEADERS: Json = {
    "Location": _header(
        "Path of the job below the URL of the server.", {"type": "string", "format": "uri-reference"}, f"/v1/jobs/{_ID}"
    ),
    "Preference-Applied": _header(
        "The preference that was honoured (RFC 7240, section 3).", {"type": "string"}, "respond-async", required=False
    ),
    "Idempotency-Replayed": _header(
        "`true`: the job is that of an earlier request under this Idempotency-Key.",
        {"type": "string", "enum": ["true"]},
        "true",
        required=False,
    ),
    "Retry-After": _header(
        "Seconds after which to try again (RFC 9110, section 10.2.3).", {"type": "integer", "minimum": 1}, 1
    ),
    "Allow": _header("The methods of the path (RFC 9110, section 10.2.1).", {"type": "string"}, "GET, DELETE"),
}


def _parameter(where: str, name: str, description: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": where, "description": description, "schema": schema, **more}


_WORD = {"type": "string", "minLength": 1}
_NAME = {**_WORD, "maxLength": MAX_NAME}
_ALIASES = ", ".join(f"`{word}` for `{status}`" for word, status in STATUS_ALIASES.items())

PARAMETERS: Json = {
    "job_id": _parameter("path", "job_id", "Id of the job.", _ref("JobId"), required=True, example=_ID),
    "name": _parameter("path", "name", "Name of the plugin.", _WORD, required=True, example="ocr"),
    "Prefer": _parameter(
        "header",
        "Prefer",
        "RFC 7240. `respond-async`: answer 202 with the pending job. `respond-async, wait=N`, N at most "
        f"{MAX_WAIT_S} seconds: answer as soon as the job has ended, and 202 if it has not by then. Other preferences "
        "are ignored.",
        {"type": "string"},
        examples={"at once": {"value": "respond-async"}, "with a wait": {"value": "respond-async, wait=10"}},
    ),
    "Idempotency-Key": _parameter(
        "header",
        "Idempotency-Key",
        "1 to 255 printable ASCII characters. Of all requests of a tenant under one key the tool runs once: the others "
        "join its job, or get it finished.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        example="8e03978e-40d5-43dd-bc93-6894a57f9324",
    ),
    "plugin": _parameter("query", "plugin", "Jobs of this plugin.", _NAME, example="ocr"),
    "tool": _parameter("query", "tool", "Jobs of tools of this name.", _NAME, example="analyze"),
    "status": _parameter(
        "query",
        "status",
        f"Jobs that stand there; repeated: in any of these places. Other words are taken too: {_ALIASES}.",
        {"type": "array", "items": _enum([*JobStatus, *STATUS_ALIASES], "A status.")},
        style="form",
        explode=True,
        example=["running", "queued"],
    ),
    "limit": _parameter(
        "query",
        "limit",
        "How many jobs a page holds at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    "cursor": _parameter("query", "cursor", "`next_cursor` of the page before, with the same filters.", _WORD),
}


def _link(operation: str, parameter: str, field: str, description: str) -> Json:
    parameters = {parameter: f"$response.body#/{field}"}
    return {"operationId": operation, "parameters": parameters, "description": description}


LINKS: Json = {
    "getJob": _link("getJob", "job_id", "job_id", "The job as it stands."),
    "getResult": _link("getResult", "job_id", "job_id", "Its result, once it has finished."),
    "cancelJob": _link("cancelJob", "job_id", "job_id", "Stops it."),
    "nextPage": _link("listJobs", "cursor", "next_cursor", "The next page, with the same filters."),
    "getPlugin": _link("getPlugin", "name", "name", "Its tools and their schemas."),
    "getPluginHealth": _link("getPluginHealth", "name", "name", "Its state and counters."),
}


# --- Operations ------------------------------------------------------------------------------------------------------


def _json_content(schema: str, examples: Mapping[str, Any]) -> Json:
    values = {name: {"value": value} for name, value in examples.items()}
    return {"application/json": {"schema": _ref(schema), "examples": values}}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers when all is well."""

    description: str
    schema: str
    examples: Mapping[str, Any]
    headers: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    def document(self) -> Json:
        return {
            "description": self.description,
            **({"headers": _refs(self.headers, "headers")} if self.headers else {}),
            "content": _json_content(self.schema, self.examples),
            **({"links": _refs(self.links, "links")} if self.links else {}),
        }


@dataclass(frozen=True, slots=True)
class Body:
    """What an operation takes."""

    schema: str
    examples: Mapping[str, Any]
    required: bool = True

    def document(self) -> Json:
        return {"required": self.required, "content": _json_content(self.schema, self.examples)}


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. `refusals` and `parameters` are those besides what its path and its scope bring along."""

    id: str
    route: str
    scope: Scope | None
    summary: str
    description: str
    answers: Mapping[int, Answer]
    refusals: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    body: Body | None = None

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0].lower()

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]

    def document(self) -> Json:
        parameters = [*re.findall(r"{(\w+)}", self.path), *self.parameters]
        key = f"Needs the scope `{self.scope}`." if self.scope else "Needs no key."
        area = self.path.split("/")[2]
        return {
            "operationId": self.id,
            "tags": [area if area in TAGS else "service"],
            "summary": self.summary,
            "description": f"{self.description} {key}",
            "security": [{"ApiKey": [str(self.scope)]}] if self.scope else [],
            **({"parameters": [_ref(name, "parameters") for name in parameters]} if parameters else {}),
            **({"requestBody": self.body.document()} if self.body else {}),
            "responses": self._responses(),
        }

    def _responses(self) -> Json:
        refusals = [*self.refusals, "MethodNotAllowed", "TooManyRequests", "Unavailable"]
        refusals += ["Unauthorized", "Forbidden"] if self.scope else []
        refusals += ["PayloadTooLarge"] if self.body else []
        found = {status: answer.document() for status, answer in self.answers.items()}
        found |= {REFUSALS[name].number: _ref(name, "responses") for name in refusals}
        return {str(status): found[status] for status in sorted(found)}


TAGS = {
    "execute": "Run tools.",
    "jobs": "Read, list and cancel jobs. A job belongs to the tenant of the key that made it.",
    "plugins": "What there is to run, and how it fares.",
    "service": "The service itself.",
}

_CANCEL: Mapping[int, Answer] = {
    200: Answer(
        "The job is cancelled: it never started, or was cancelled before.",
        "Job",
        {"prevented": models.job_document(_PREVENTED)},
        links=("getJob", "getResult"),
    ),
    202: Answer(
        "The job is being stopped. It is `cancelling` until its process is gone.",
        "Job",
        {"cancelling": models.job_document(_CANCELLING)},
        links=("getJob", "getResult"),
    ),
}
_CANCEL_BODY = Body("CancelRequest", {"with a reason": {"reason": _WHY}}, required=False)
_CANCEL_REFUSALS = ("InvalidRequest", "JobNotFound", "AlreadyFinished")

OPERATIONS = (
    Operation(
        "execute",
        "POST /v1/execute",
        Scope.EXECUTE,
        "Run a tool, now or as an asynchronous job",
        "Without `Prefer` the tool runs now, for at most 25 s, and the answer has its result. With `Prefer: "
        "respond-async` the answer is a pending job. Input that does not fit the tool's schema is refused before "
        "anything is started, and leaves no job.",
        {
            200: Answer(
                "The job has succeeded.",
                "FinishedJob",
                {
                    "inline": models.finished_document(_SUCCEEDED, _RESULT),
                    "large": models.finished_document(_SUCCEEDED, _DOWNLOAD),
                },
                headers=("Idempotency-Replayed",),
                links=("getJob", "getResult"),
            ),
            202: Answer(
                "The job has not finished yet.",
                "Job",
                {"pending": models.job_document(_PENDING)},
                headers=("Location", "Preference-Applied", "Idempotency-Replayed"),
                links=("getJob", "getResult", "cancelJob"),
            ),
        },
        refusals=("NotExecuted", "IdempotencyMismatch"),
        parameters=("Prefer", "Idempotency-Key"),
        body=Body(
            "ExecuteRequest",
            {
                "the first tool": {"plugin": "ocr", "input": {"image": _PNG}},
                "within 5 s": {"plugin": "ocr", "tool": "analyze", "input": {"image": _PNG}, "timeout_s": 5},
            },
        ),
    ),
    Operation(
        "listJobs",
        "GET /v1/jobs",
        Scope.JOBS_READ,
        "List jobs, newest first",
        "However many pages, each job is in one of them, also while new ones arrive.",
        {
            200: Answer(
                "A page.",
                "JobList",
                {
                    "the last page": {"jobs": [models.job_document(_SUCCEEDED)], "count": 1, "next_cursor": None},
                    "there is more": {
                        "jobs": [models.job_document(_RUNNING)],
                        "count": 1,
                        "next_cursor": "MDFLWTRRSjNIUzAxMjM0NTY3ODlBQkNERUYuMGYxZTJkM2M0YjVhNjk3OA",
                    },
                },
                links=("nextPage",),
            )
        },
        refusals=("InvalidRequest",),
        parameters=("plugin", "tool", "status", "limit", "cursor"),
    ),
    Operation(
        "getJob",
        "GET /v1/jobs/{job_id}",
        Scope.JOBS_READ,
        "Read a job",
        "How it stands, without its result.",
        {
            200: Answer(
                "The job.",
                "Job",
                {
                    "running": models.job_document(_RUNNING),
                    "succeeded": models.job_document(_SUCCEEDED),
                    "failed": models.job_document(_FAILED),
                },
                links=("getResult", "cancelJob"),
            )
        },
        refusals=("JobNotFound",),
    ),
    Operation(
        "deleteJob",
        "DELETE /v1/jobs/{job_id}",
        Scope.JOBS_CANCEL,
        "Cancel a job",
        "The same as `cancelJob`. The job stays readable until it expires.",
        _CANCEL,
        refusals=_CANCEL_REFUSALS,
        body=_CANCEL_BODY,
    ),
    Operation(
        "getResult",
        "GET /v1/jobs/{job_id}/result",
        Scope.JOBS_READ,
        "Read the result of a finished job",
        "Whatever its outcome: what the tool returned, or why it did not.",
        {
            200: Answer(
                "The job has finished.",
                "JobResult",
                {
                    "succeeded": models.result_document(_SUCCEEDED, _RESULT),
                    "failed": models.result_document(_FAILED, None),
                    "prevented": models.result_document(_PREVENTED, None),
                },
                links=("getJob",),
            )
        },
        refusals=("JobNotFound", "NotFinished"),
    ),
    Operation(
        "cancelJob",
        "POST /v1/jobs/{job_id}/cancel",
        Scope.JOBS_CANCEL,
        "Cancel a job",
        "A pending job never starts. The tool of a running one is asked to stop, and made to 2 s later. To cancel a "
        "job twice is no error.",
        _CANCEL,
        refusals=_CANCEL_REFUSALS,
        body=_CANCEL_BODY,
    ),
    Operation(
        "listPlugins",
        "GET /v1/plugins",
        Scope.PLUGINS_READ,
        "List plugins",
        "Broken ones are listed with their reason.",
        {
            200: Answer(
                "All plugins.",
                "PluginList",
                {"one is broken": {"plugins": _PLUGINS, "total": 2, "available": 1, "failed": 0, "unavailable": 1}},
            )
        },
    ),
    Operation(
        "getPlugin",
        "GET /v1/plugins/{name}",
        Scope.PLUGINS_READ,
        "Read a plugin's manifest",
        "Its tools, with the JSON Schemas of what they take and return.",
        {200: Answer("The manifest.", "PluginManifest", {"ocr": _OCR.public()}, links=("getPluginHealth",))},
        refusals=("PluginNotFound",),
    ),
    Operation(
        "getPluginHealth",
        "GET /v1/plugins/{name}/health",
        Scope.PLUGINS_READ,
        "Read a plugin's state and counters",
        "Over the whole fleet, together and by tool. At rest they equal the plugin's finished jobs.",
        {
            200: Answer(
                "The health.",
                "PluginHealth",
                {"used": models.health_document(_GOOD), "broken": models.health_document(_BAD)},
                links=("getPlugin",),
            )
        },
        refusals=("PluginNotFound",),
    ),
    Operation(
        "getHealth",
        "GET /v1/health",
        None,
        "Is the service there?",
        "It answers without asking anybody else.",
        {200: Answer("It is.", "ServiceHealth", {"ok": {"status": "ok", "version": interlock.__version__}})},
    ),
    Operation(
        "getOpenApi",
        "GET /v1/openapi.json",
        None,
        "Read this document",
        "OpenAPI 3.1.",
        {200: Answer("This document.", "OpenApi", {"cut short": {"openapi": "3.1.0", "info": {}, "paths": {}}})},
    ),
)


# --- The document ----------------------------------------------------------------------------------------------------

DESCRIPTION = """\
Runs Python tools under control: each in a process of its own, with limits, cancellable, its outcome never lost.

Executing a tool answers 200 or 400, never 500: whatever a plugin does ends as an error on a synchronous call, and as a
`failed` or `timed_out` job on an asynchronous one. 503 says that a service that Interlock stands on is down.

Every error, on every route, has the same body, `ErrorEnvelope`; `error.code` is what to switch on. Times are RFC 3339
in UTC with milliseconds. Durations carry their unit in the name.
"""

INFO: Json = {
    "title": "Interlock",
    "version": interlock.__version__,
    "summary": "Governed execution of Python tools",
    "description": DESCRIPTION,
    "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
}

SERVERS: list[Json] = [
    {
        "url": "https://{api}.execute-api.{region}.amazonaws.com/prod",
        "description": "A deployed stack: its output `Url`.",
        "variables": {"api": {"default": "a1b2c3d4e5"}, "region": {"default": "us-east-1"}},
    },
    {"url": "http://127.0.0.1:3000", "description": "The local stack."},
]

API_KEY: Json = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "A key carries scopes: " + ", ".join(f"`{scope}`" for scope in Scope) + ". Each operation names the "
    "one that it needs; `admin` is all of them.",
}


def build() -> Json:
    """The whole document."""
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation.document()
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": SERVERS,
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {**_request_schemas(), **SCHEMAS},
            "responses": {name: refusal.document() for name, refusal in REFUSALS.items()},
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "links": LINKS,
            "securitySchemes": {"ApiKey": API_KEY},
        },
    }


def main() -> None:
    """Writes the document to standard output."""
    sys.stdout.write(json.dumps(build(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
