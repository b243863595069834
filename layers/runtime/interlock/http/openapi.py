"""The OpenAPI 3.1 document of the HTTP contract, built from the tables in this module.

Codes, statuses and states come from the domain, and every example from the functions that write the real answers, so
that none of them can drift. The service serves the document as it was written at build time:

    python -m interlock.http.openapi > layers/runtime/interlock/http/openapi.json
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic.json_schema import models_json_schema

import interlock
from interlock.domain import job as jobs
from interlock.domain import job_status, lifecycle
from interlock.domain.access import Scope
from interlock.domain.errors import (
    ERROR_TYPES,
    ErrorCode,
    ErrorInfo,
    Forbidden,
    IdempotencyMismatch,
    NotFinished,
    ServiceUnavailable,
    Unauthorized,
)
from interlock.domain.job import CancelOutcome, Job, Progress
from interlock.domain.job_status import FINAL, STATUS_ALIASES, JobStatus
from interlock.domain.lifecycle import AVAILABLE, LifecycleState
from interlock.domain.manifest import PluginManifest, PluginSource, ToolManifest
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.outcome import Outcome
from interlock.domain.times import rfc3339
from interlock.http.models import (
    CancelRequest,
    ExecuteRequest,
    finished_document,
    health_document,
    job_document,
    plugin_document,
    result_document,
)
from interlock.http.requests import MAX_WAIT_S
from interlock.http.responses import RETRY_AFTER_S, STATUS_BY_CODE, error_object
from interlock.http.routes_jobs import DEFAULT_LIMIT, MAX_LIMIT
from interlock.plugin_registry import PluginHealth

type Json = dict[str, Any]

JOB_ID = r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
RFC_3339 = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"
COMMON_LOG_TIME = r"^\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}$"

DESCRIPTION = """\
Runs Python tools under control: each in a process of its own, with limits, cancellable, and with an outcome that is
never lost.

Executing a tool answers 200 or 400, never 500: whatever a plugin does ends as an error envelope on a synchronous call
and as a `failed` or `timed_out` job on an asynchronous one. 503 says that a service that Interlock stands on is down.

Every error, on every route, has the same body, `ErrorEnvelope`. `error.code` is what to switch on. Times are RFC 3339
in UTC with milliseconds; durations carry their unit in the name.
"""


# --- Schemas ---------------------------------------------------------------------------------------------------------


def _ref(name: str, kind: str = "schemas") -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


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


def _enum(values: type[StrEnum] | Iterable[str], description: str) -> Json:
    return {"type": "string", "enum": [str(value) for value in values], "description": description}


def _object(description: str, properties: Json, *, optional: Iterable[str] = ()) -> Json:
    """An object whose fields are all there, but those that are named. Clients must take fields that are new to them."""
    required = [name for name in properties if name not in set(optional)]
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _steps(transitions: Mapping[Any, frozenset[Any]], order: type[StrEnum]) -> str:
    """A transition table in words, one line a state."""
    rows = ((one, [to for to in order if to in transitions[one]]) for one in order)
    return "\n".join(
        f"- `{one}` → " + (" | ".join(f"`{to}`" for to in following) or "final") for one, following in rows
    )


_TIME = _ref("Time")
_TEXT_OR_NULL = {"type": ["string", "null"]}

_ERROR_CODES = "The exact code: what to switch on. By `type`:\n\n" + "\n".join(
    f"- `{error_type}`: " + ", ".join(f"`{code}`" for code in ErrorCode if ERROR_TYPES[code] == error_type)
    for error_type in dict.fromkeys(ERROR_TYPES.values())
)

_COUNTERS: Json = {
    "success_count": _count("Jobs that succeeded."),
    "error_count": _count("Jobs that failed."),
    "cancelled_count": _count("Jobs that were cancelled."),
    "timed_out_count": _count("Jobs that ran over their limit."),
    "last_execution_time_ms": _or_null(_number("Of the latest execution.")),
    "avg_execution_time_ms": _or_null(_number("Mean of all executions.")),
    "p50_ms": _or_null(_number("Median; as the other percentiles within 4 %.")),
    "p95_ms": _or_null(_number("95th percentile.")),
    "p99_ms": _or_null(_number("99th percentile.")),
    "last_used": _or_null(_TIME),
}

_FINISHED: Json = {
    "job_id": _ref("JobId"),
    "plugin": _text("Name of the plugin."),
    "tool": _text("Name of the tool."),
    "status": _enum([JobStatus.SUCCEEDED], "How the job ended."),
    "result": _ref("ToolResult"),
    "execution_time_ms": _number("Wall clock of the tool."),
    "created_at": _TIME,
    "started_at": _TIME,
    "completed_at": _TIME,
}

_TOOL: Json = {
    "name": _text("Name of the tool."),
    "title": _text("For a human."),
    "description": _text("What it does."),
    "timeout_s": _number("Limit of one run, wall clock."),
    "memory_mb": _count("Limit of its resident memory in MiB."),
    "input_schema": {"type": "object", "description": "JSON Schema 2020-12 of `input`."},
    "output_schema": {"type": "object", "description": "JSON Schema 2020-12 of `result`."},
}

SCHEMAS: Json = {
    "Time": _text("RFC 3339 in UTC with milliseconds.", format="date-time", pattern=RFC_3339),
    "GatewayTime": _text(
        "Common Log Format, `22/Nov/2026:10:11:12 +0000`: how Amazon API Gateway writes the time of what it refuses by "
        "itself, before the service is asked.",
        pattern=COMMON_LOG_TIME,
    ),
    "JobId": _text("A ULID: ids sort by creation.", pattern=JOB_ID, examples=["01KY4QJ3HS0123456789ABCDEF"]),
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
    "ErrorType": _enum(dict.fromkeys(ERROR_TYPES.values()), "The coarse kind of the error."),
    "ErrorCode": _enum(ErrorCode, _ERROR_CODES),
    "FieldError": _object(
        "What is wrong with one field.",
        {"path": _text("JSON Pointer (RFC 6901); empty: the whole."), "message": _text("For a human.")},
    ),
    "Error": _object(
        "What went wrong.",
        {
            "type": _ref("ErrorType"),
            "code": _ref("ErrorCode"),
            "message": _text("For a human: not to be parsed."),
            "details": {
                "type": "object",
                "description": "More of it, by code: `errors` with `invalid_request`, `invalid_input` and "
                "`invalid_output`; `exception` (the class) with `plugin_exception`; `signal` or `exit_code` with "
                "`plugin_crashed`; `reason` with `plugin_unavailable`; `timeout_s` with `timeout`; `memory_mb` with "
                "`memory_exceeded`; `size_bytes` and `limit_bytes` with `output_too_large`; `status` with "
                "`not_finished` and `already_finished`; `scope` with `forbidden`.",
                "properties": {
                    "errors": _list(_ref("FieldError"), "At most 20."),
                    "exception": _text("Name of the exception's class."),
                    "signal": {"type": "integer", "description": "The signal that ended the process."},
                    "exit_code": {"type": ["integer", "null"], "description": "What the process exited with."},
                    "reason": _text("Why the plugin could not be loaded."),
                    "timeout_s": _number("The limit that was in force."),
                    "memory_mb": _count("The limit in MiB."),
                    "size_bytes": _count("Size of the result."),
                    "limit_bytes": _count("The limit."),
                    "status": _ref("JobStatus"),
                    "scope": _enum(Scope, "The scope that the key lacks."),
                    "allow": _list({"type": "string"}, "The methods that the route takes."),
                },
            },
            "plugin": {**_TEXT_OR_NULL, "description": "The plugin that it is about, where there is one."},
            "tool": {**_TEXT_OR_NULL, "description": "The tool that it is about, where there is one."},
            "job_id": {**_TEXT_OR_NULL, "description": "The job that it is about, where there is one."},
            "retryable": {"type": "boolean", "description": "The same request, sent again, may well succeed."},
            "timestamp": {
                "description": "When. RFC 3339, except in what the gateway refuses by itself.",
                "anyOf": [_TIME, _ref("GatewayTime")],
            },
        },
    ),
    "ErrorEnvelope": _object("The body of every error.", {"error": _ref("Error")}),
    "Progress": _object(
        "How far a running tool says it is.",
        {
            "fraction": {"type": "number", "minimum": 0, "maximum": 1, "description": "From 0 to 1."},
            "message": _text("For a human."),
            "at": _TIME,
        },
    ),
    "Cancel": _object(
        "That the job was asked to stop, and what came of it.",
        {
            "requested_at": _TIME,
            "reason": {**_TEXT_OR_NULL, "description": "What the caller gave."},
            "outcome": _or_null(_ref("CancelOutcome")),
        },
    ),
    "Job": _object(
        "A job.",
        {
            "job_id": _ref("JobId"),
            "plugin": _text("Name of the plugin."),
            "tool": _text("Name of the tool."),
            "plugin_version": _text("Version of the plugin when the job was made."),
            "status": _ref("JobStatus"),
            "attempt": _count("How often a worker has taken the job."),
            "progress": _or_null(_ref("Progress")),
            "created_at": _TIME,
            "started_at": _or_null(_TIME),
            "completed_at": _or_null(_TIME),
            "updated_at": _TIME,
            "expires_at": _TIME,
            "execution_time_ms": _or_null(_number("Wall clock of the tool; null if it never ran.")),
            "timeout_s": _number("The limit of its run."),
            "cancel": _or_null(_ref("Cancel")),
            "error": _or_null(_ref("Error")),
        },
    ),
    "JobList": _object(
        "A page of jobs, newest first.",
        {
            "jobs": {**_list(_ref("Job"), "The page."), "maxItems": MAX_LIMIT},
            "count": {
                "type": "integer",
                "minimum": 0,
                "maximum": MAX_LIMIT,
                "description": "How many are in the page.",
            },
            "next_cursor": {**_TEXT_OR_NULL, "description": "The `cursor` of the next page; null: this is the last."},
        },
    ),
    "ToolResult": {
        "description": "What the tool returned, by the `output_schema` of its manifest, or where to fetch it.",
        "anyOf": [{"title": "Inline", "description": "The result itself."}, _ref("Download")],
    },
    "Download": _object(
        "A result too large for an answer (over 5 MB).",
        {
            "download_url": _text("Where to GET the result as JSON, without a key.", format="uri"),
            "size": _count("Its size in bytes."),
            "expires_at": _TIME,
        },
    ),
    "FinishedJob": _object("A job that succeeded, with its result.", _FINISHED),
    "JobResult": _object(
        "A finished job of whatever outcome: `error` is null if it succeeded, `result` if it did not.",
        {
            **_FINISHED,
            "status": _enum([status for status in JobStatus if status in FINAL], "How the job ended."),
            "execution_time_ms": _or_null(_number("Wall clock of the tool; null if it never ran to an end.")),
            "started_at": _or_null(_TIME),
            "error": _or_null(_ref("Error")),
        },
    ),
    "PluginSummary": _object(
        "A plugin in the list.",
        {
            "name": _text("Name of the plugin."),
            "version": _text("Its version."),
            "title": _text("For a human."),
            "description": _text("What it is for."),
            "state": _ref("LifecycleState"),
            "reason": {**_TEXT_OR_NULL, "description": "Why it is `UNAVAILABLE`."},
            "tools": _list({"type": "string"}, "Names of its tools, the default one first."),
        },
    ),
    "PluginList": _object(
        "All plugins, broken ones included.",
        {
            "plugins": _list(_ref("PluginSummary"), "In alphabetical order."),
            "total": _count("How many there are."),
            "available": _count("Of them " + ", ".join(f"`{state}`" for state in LifecycleState if state in AVAILABLE)),
            "failed": _count("Of them `FAILED`."),
            "unavailable": _count("Of them `UNAVAILABLE`."),
        },
    ),
    "Tool": _object("A tool.", _TOOL),
    "PluginManifest": _object(
        "A plugin with its tools and their schemas.",
        {
            "name": _text("Name of the plugin."),
            "version": _text("Its version."),
            "title": _text("For a human."),
            "description": _text("What it is for."),
            "tools": _list(_ref("Tool"), "The first is the default. Empty if the plugin could not be loaded."),
        },
    ),
    "Counters": _object("Sums over finished jobs of the whole fleet; times are null before the first.", _COUNTERS),
    "PluginHealth": _object(
        "A plugin's state and counters. At rest the counters equal its finished jobs.",
        {
            "name": _text("Name of the plugin."),
            "version": _text("Its version."),
            "state": _ref("LifecycleState"),
            "reason": {**_TEXT_OR_NULL, "description": "Why it is `UNAVAILABLE`."},
            **_COUNTERS,
            "tools": {
                "type": "object",
                "description": "The same by tool.",
                "additionalProperties": _ref("Counters"),
            },
        },
    ),
    "OpenApi": {
        "type": "object",
        "description": "An OpenAPI 3.1 document.",
        "properties": {"openapi": {"type": "string"}, "info": {"type": "object"}, "paths": {"type": "object"}},
        "required": ["openapi", "info", "paths"],
    },
    "ServiceHealth": _object(
        "The service answers.",
        {"status": _enum(["ok"], "Always `ok`."), "version": _text("Version of the service.")},
    ),
}


# --- Examples: real values through the functions that write the answers ----------------------------------------------

_AT = datetime(2026, 11, 22, 10, 11, 12, 345000, tzinfo=UTC)
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGynq7wAAAABJRU5ErkJggg=="
_OUTPUT = {
    "text": "Let us begin.",
    "words": [],
    "mean_confidence": 0.96,
    "language": "eng",
    "width": 384,
    "height": 191,
}

_PENDING = Job(
    tenant="acme",
    job_id="01KY4QJ3HS0123456789ABCDEF",
    plugin="ocr",
    tool="analyze",
    plugin_version="1.0.0",
    timeout_s=20.0,
    status=JobStatus.PENDING,
    created_at=_AT,
    updated_at=_AT,
    expires_at=_AT + timedelta(days=7),
)
_RUNNING = replace(
    jobs.claimed(_PENDING, worker_id="w", now=_AT + timedelta(seconds=0.2), lease_expires_at=_AT),
    progress=Progress(0.4, "page 2 of 5", _AT + timedelta(seconds=1.2)),
)
_CANCELLING = jobs.cancel_requested(_RUNNING, reason="not needed any more", now=_AT + timedelta(seconds=2))
_PREVENTED = jobs.cancel_requested(_PENDING, reason="not needed any more", now=_AT + timedelta(seconds=0.1))


def _ended(outcome: Outcome) -> Job:
    outcome = replace(outcome, execution_time_ms=41.2)
    return jobs.ended(_RUNNING, outcome, result=None, progress=None, now=_AT + timedelta(seconds=2))


_SUCCEEDED = _ended(Outcome.succeeded(_OUTPUT))
_FAILED = _ended(Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, "no text found", exception="ValueError"))
_DOWNLOAD = {
    "download_url": "https://interlock-bucket.s3.amazonaws.com/jobs/acme/01KY4QJ3HS0123456789ABCDEF/result-1.json",
    "size": 7340032,
    "expires_at": rfc3339(_AT + timedelta(minutes=15)),
}

_INPUT_SCHEMA = {"type": "object", "properties": {"image": {"type": "string"}}, "required": ["image"]}
_OUTPUT_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
_MANIFEST = PluginManifest(
    "ocr", "1.0.0", "Optical character recognition", "Reads printed text.", PluginSource("ocr", "Ocr"),
    (ToolManifest("analyze", "Analyze", "Reads the text in an image.", 20.0, 512, _INPUT_SCHEMA, _OUTPUT_SCHEMA),),
)  # fmt: skip
_BROKEN = PluginManifest("speech", "0", "speech", "", PluginSource("speech", ""), reason="needs torch: not installed")
_METRICS = ExecutionMetrics(
    succeeded=3, failed=1, executed=4, total_ms=180.4, last_ms=41.2, last_used=_AT, lifecycle=LifecycleState.INITIALIZED,
    buckets={106: 4},
)  # fmt: skip
_HEALTH = PluginHealth(_MANIFEST, LifecycleState.INITIALIZED, _METRICS, {"analyze": _METRICS})
_BROKEN_HEALTH = PluginHealth(_BROKEN, LifecycleState.UNAVAILABLE, ExecutionMetrics(), {})

_ABOUT: Json = {"plugin": "ocr", "tool": "analyze", "job_id": _PENDING.job_id}
_BEFORE_A_JOB = {"plugin": "ocr", "tool": "analyze"}

_FIELD_MISSING = [{"path": "/image", "message": "is required"}]
_MAX_RESULT = 64 * 1024 * 1024

_REFUSALS: tuple[tuple[ErrorInfo, Json], ...] = tuple(
    (ErrorInfo(code, message, details), about)
    for code, message, details, about in (
        (ErrorCode.INVALID_REQUEST, "The body is not a valid request: /inputs: Extra inputs are not permitted.",
         {"errors": [{"path": "/inputs", "message": "Extra inputs are not permitted"}]}, {}),
        (ErrorCode.INVALID_INPUT, "The input does not fit the schema of ocr.analyze: /image is required.",
         {"errors": _FIELD_MISSING}, _BEFORE_A_JOB),
        (ErrorCode.UNKNOWN_PLUGIN, "There is no plugin 'orc'. There are: image, ocr.", {}, {"plugin": "orc"}),
        (ErrorCode.UNKNOWN_TOOL, "Plugin 'ocr' has no tool 'read'. It has: analyze.", {},
         {"plugin": "ocr", "tool": "read"}),
        (ErrorCode.PLUGIN_EXCEPTION, "no text found", {"exception": "ValueError"}, _ABOUT),
        (ErrorCode.PLUGIN_CRASHED, "The process of plugin 'ocr' was ended by signal 11.", {"signal": 11}, _ABOUT),
        (ErrorCode.INVALID_OUTPUT, "The result of ocr.analyze does not fit its output schema.",
         {"errors": [{"path": "/text", "message": "is required"}]}, _ABOUT),
        (ErrorCode.OUTPUT_TOO_LARGE, f"The result of ocr.analyze is over the limit of {_MAX_RESULT} bytes.",
         {"size_bytes": _MAX_RESULT + 1, "limit_bytes": _MAX_RESULT}, _ABOUT),
        (ErrorCode.PLUGIN_UNAVAILABLE, "Plugin 'speech' could not be loaded: needs torch: not installed.",
         {"reason": "needs torch: not installed"}, {"plugin": "speech"}),
        (ErrorCode.TIMEOUT, "The tool ran over its limit of 20 s.", {"timeout_s": 20.0}, _ABOUT),
        (ErrorCode.MEMORY_EXCEEDED, "The tool used more memory than its limit of 512 MiB.", {"memory_mb": 512},
         _ABOUT),
        (ErrorCode.CANCELLED, "The job was cancelled.", {}, _ABOUT),
        (ErrorCode.WORKER_LOST, "The worker of this job vanished before it could tell how it ended.", {}, _ABOUT),
    )
)  # fmt: skip
"""Everything that executing a tool answers 400 with."""


# --- Errors: what each status means ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer: which codes, with an example of each. The status follows from the codes."""

    description: str
    examples: tuple[tuple[ErrorInfo, Json], ...]
    headers: tuple[str, ...] = ()
    status: int | None = None

    @property
    def number(self) -> int:
        """The HTTP status that the responses' own table gives to the codes, unless a route gives another."""
        return self.status or STATUS_BY_CODE.get(self.examples[0][0].code, 400)

    def document(self) -> Json:
        headers = list(self.headers)
        if self.examples[0][0].code in RETRY_AFTER_S:
            headers.append("Retry-After")
        values = {
            error.code.value: {"value": {"error": error_object(error, at=_AT, **about)}}
            for error, about in self.examples
        }
        return {
            "description": self.description + " `code`: " + ", ".join(f"`{code}`" for code in values) + ".",
            **({"headers": {name: _ref(name, "headers") for name in headers}} if headers else {}),
            "content": {"application/json": {"schema": _ref("ErrorEnvelope"), "examples": values}},
        }


def _one(error: ErrorInfo, **about: Any) -> tuple[tuple[ErrorInfo, Json], ...]:
    return ((error, about),)


REFUSALS: Mapping[str, Refusal] = {
    "InvalidRequest": Refusal(
        "The request is malformed: its body, its query or a header.",
        _one(ErrorInfo(ErrorCode.INVALID_REQUEST, "limit='0' must be a whole number from 1 to 100.")),
    ),
    "NotExecuted": Refusal(
        "The request or the input was refused, with no `job_id`; or the job ended in another way than it should, and "
        "`job_id` tells which.",
        _REFUSALS,
        headers=("Idempotency-Replayed",),
    ),
    "Unauthorized": Refusal("The key is missing, unknown or expired.", _one(Unauthorized().info)),
    "Forbidden": Refusal(
        "The key lacks the scope.",
        _one(Forbidden("This call needs the scope 'execute', which the API key lacks.", scope="execute").info),
    ),
    "JobNotFound": Refusal(
        "There is no such job, or it is another tenant's, or it has expired.",
        _one(ErrorInfo(ErrorCode.NOT_FOUND, f"There is no job '{_PENDING.job_id}'.")),
    ),
    "PluginNotFound": Refusal(
        "There is no such plugin.",
        _one(ErrorInfo(ErrorCode.NOT_FOUND, "There is no plugin 'orc'. There are: image, ocr.")),
    ),
    "MethodNotAllowed": Refusal(
        "What any other method of this path answers.",
        _one(ErrorInfo(ErrorCode.INVALID_REQUEST, "This route takes GET.", {"allow": ["GET"]})),
        headers=("Allow",),
        status=405,
    ),
    "NotFinished": Refusal(
        "The job has not finished.",
        _one(NotFinished("The job is running.", status="running").info, job_id=_PENDING.job_id),
    ),
    "AlreadyFinished": Refusal(
        "The job has ended in another way than cancelled.",
        _one(ErrorInfo(ErrorCode.ALREADY_FINISHED, "The job has already succeeded.", {"status": "succeeded"})),
    ),
    "PayloadTooLarge": Refusal(
        "The body is larger than the service takes.",
        _one(ErrorInfo(ErrorCode.PAYLOAD_TOO_LARGE, "The request body is larger than the service takes.")),
    ),
    "IdempotencyMismatch": Refusal("The key was used before with another body.", _one(IdempotencyMismatch().info)),
    "TooManyRequests": Refusal(
        "The caller is too fast.", _one(ErrorInfo(ErrorCode.RATE_LIMITED, "Too many requests. Try again shortly."))
    ),
    "Unavailable": Refusal(
        "A service that Interlock stands on is down.",
        _one(ServiceUnavailable(service="table").info),
    ),
}


# --- Headers, parameters, links --------------------------------------------------------------------------------------

HEADERS: Json = {
    "Location": {
        "description": "Path of the job.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": f"/v1/jobs/{_PENDING.job_id}",
    },
    "Preference-Applied": {
        "description": "The preference that was honoured (RFC 7240, section 3).",
        "schema": {"type": "string", "enum": ["respond-async"]},
    },
    "Idempotency-Replayed": {
        "description": "`true` if the answer is about the job of an earlier request under the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {
        "description": "Seconds after which to try again (RFC 9110, section 10.2.3).",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "Allow": {
        "description": "The methods that the path takes (RFC 9110, section 10.2.1).",
        "schema": {"type": "string"},
        "example": "GET, DELETE",
    },
}


def _parameter(where: str, name: str, description: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": where, "description": description, "schema": schema, **more}


_STATUS_WORDS = [*JobStatus, *STATUS_ALIASES]
_ALIASES = ", ".join(f"`{word}` as `{status}`" for word, status in STATUS_ALIASES.items())

PARAMETERS: Json = {
    "JobId": _parameter("path", "job_id", "Id of the job.", _ref("JobId"), required=True, example=_PENDING.job_id),
    "PluginName": _parameter(
        "path", "name", "Name of the plugin.", {"type": "string", "minLength": 1}, required=True, example="ocr"
    ),
    "Prefer": _parameter(
        "header",
        "Prefer",
        "RFC 7240. `respond-async`: answer 202 with the pending job. With `wait=N` (seconds, at most "
        f"{MAX_WAIT_S}): answer as soon as the job has ended, and 202 if it has not by then. Other preferences are "
        "ignored.",
        {"type": "string"},
        examples={
            "async": {"value": "respond-async"},
            "wait": {"summary": "Up to 10 seconds", "value": "respond-async, wait=10"},
        },
    ),
    "IdempotencyKey": _parameter(
        "header",
        "Idempotency-Key",
        "1 to 255 printable ASCII characters. Of all requests of a tenant under the same key the tool runs once: the "
        "others join its job in flight, or get the finished one.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        example="8e03978e-40d5-43dd-bc93-6894a57f9324",
    ),
    "Plugin": _parameter("query", "plugin", "Jobs of this plugin.", {"type": "string", "minLength": 1}, example="ocr"),
    "Tool": _parameter("query", "tool", "Jobs of tools of this name.", {"type": "string", "minLength": 1}),
    "Status": _parameter(
        "query",
        "status",
        f"Jobs of this status; repeated: of any of these. {_ALIASES[0].upper()}{_ALIASES[1:]} are read as well.",
        {"type": "array", "items": {"type": "string", "enum": [str(word) for word in _STATUS_WORDS]}},
        style="form",
        explode=True,
        example=["running", "queued"],
    ),
    "Limit": _parameter(
        "query",
        "limit",
        "How many jobs a page holds at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    "Cursor": _parameter(
        "query",
        "cursor",
        "`next_cursor` of the page before, with the same filters.",
        {"type": "string", "minLength": 1},
    ),
}


def _link(operation: str, parameters: Mapping[str, str], description: str) -> Json:
    return {"operationId": operation, "parameters": dict(parameters), "description": description}


_BY_JOB_ID = {"job_id": "$response.body#/job_id"}

LINKS: Json = {
    "getJob": _link("getJob", _BY_JOB_ID, "The job as it stands."),
    "getResult": _link("getResult", _BY_JOB_ID, "Its result, once it has finished."),
    "cancelJob": _link("cancelJob", _BY_JOB_ID, "Stops it."),
    "nextPage": _link("listJobs", {"cursor": "$response.body#/next_cursor"}, "The next page, with the same filters."),
    "getPluginHealth": _link("getPluginHealth", {"name": "$response.body#/name"}, "Its state and counters."),
    "getPlugin": _link("getPlugin", {"name": "$response.body#/name"}, "Its tools and their schemas."),
}


# --- Operations ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operation answers when all is well."""

    description: str
    schema: str
    examples: Mapping[str, Any]
    headers: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    def document(self) -> Json:
        values = {name: {"value": value} for name, value in self.examples.items()}
        return {
            "description": self.description,
            **({"headers": {name: _ref(name, "headers") for name in self.headers}} if self.headers else {}),
            "content": {"application/json": {"schema": _ref(self.schema), "examples": values}},
            **({"links": {name: _ref(name, "links") for name in self.links}} if self.links else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path. `refusals` are those of its own: what every route may answer is added."""

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    scope: Scope | None
    answers: Mapping[int, Answer]
    refusals: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    body: Json | None = None

    def document(self) -> Json:
        needs = f" Needs the scope `{self.scope}`." if self.scope else " Needs no key."
        return {
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.description + needs,
            "security": [{"ApiKey": [str(self.scope)]}] if self.scope else [],
            **({"parameters": [_ref(name, "parameters") for name in self.parameters]} if self.parameters else {}),
            **({"requestBody": self.body} if self.body else {}),
            "responses": self._responses(),
        }

    def _responses(self) -> Json:
        names = [*self.refusals, "MethodNotAllowed", "TooManyRequests", "Unavailable"]
        names += ["Unauthorized", "Forbidden"] if self.scope else []
        names += ["PayloadTooLarge"] if self.body else []
        found = {status: answer.document() for status, answer in self.answers.items()}
        found |= {REFUSALS[name].number: _ref(name, "responses") for name in names}
        return {str(status): found[status] for status in sorted(found)}


def _body(model: str, *, required: bool, **examples: Any) -> Json:
    values = {name: {"value": value} for name, value in examples.items()}
    return {
        "required": required,
        "content": {"application/json": {"schema": _ref(model), "examples": values}},
    }


_CANCEL_BODY = _body("CancelRequest", required=False, reason={"reason": "not needed any more"})
_CANCEL_ANSWERS = {
    200: Answer(
        description="The job is cancelled: it never started, or was cancelled before.",
        schema="Job",
        examples={"prevented": job_document(_PREVENTED)},
        links=("getJob",),
    ),
    202: Answer(
        description="The job is being stopped: `cancelling` until its process is gone.",
        schema="Job",
        examples={"cancelling": job_document(_CANCELLING)},
        links=("getJob", "getResult"),
    ),
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="execute",
        method="post",
        path="/v1/execute",
        tag="execute",
        summary="Run a tool, now or as an asynchronous job",
        description="Without `Prefer` the tool runs now, for at most 25 s, and the answer holds its result. With "
        "`Prefer: respond-async` the answer is a pending job. Input that does not fit the tool's schema is refused "
        "before anything is started, and leaves no job.",
        scope=Scope.EXECUTE,
        parameters=("Prefer", "IdempotencyKey"),
        body=_body(
            "ExecuteRequest",
            required=True,
            ocr={
                "plugin": "ocr",
                "tool": "analyze",
                "input": {"image": _PNG, "mime_type": "image/png"},
                "timeout_s": 20,
            },
            first_tool={"plugin": "ocr", "input": {"image": _PNG}},
        ),
        answers={
            200: Answer(
                description="The job has succeeded.",
                schema="FinishedJob",
                examples={
                    "inline": finished_document(_SUCCEEDED, _OUTPUT),
                    "large": finished_document(_SUCCEEDED, _DOWNLOAD),
                },
                headers=("Idempotency-Replayed",),
                links=("getJob", "getResult"),
            ),
            202: Answer(
                description="The job has not finished yet.",
                schema="Job",
                examples={"pending": job_document(_PENDING)},
                headers=("Location", "Preference-Applied", "Idempotency-Replayed"),
                links=("getJob", "getResult", "cancelJob"),
            ),
        },
        refusals=("NotExecuted", "IdempotencyMismatch"),
    ),
    Operation(
        id="listJobs",
        method="get",
        path="/v1/jobs",
        tag="jobs",
        summary="List jobs, newest first",
        description="Pages hold each job exactly once, also while new ones arrive.",
        scope=Scope.JOBS_READ,
        parameters=("Plugin", "Tool", "Status", "Limit", "Cursor"),
        answers={
            200: Answer(
                description="A page.",
                schema="JobList",
                examples={
                    "last": {"jobs": [job_document(_SUCCEEDED)], "count": 1, "next_cursor": None},
                    "more": {
                        "jobs": [job_document(_RUNNING)],
                        "count": 1,
                        "next_cursor": "MDFLWTRRSjNIUzAxMjM0NTY3ODlBQkNERUYuMGYxZTJkM2M0YjVhNjk3OA",
                    },
                },
                links=("nextPage",),
            )
        },
        refusals=("InvalidRequest",),
    ),
    Operation(
        id="getJob",
        method="get",
        path="/v1/jobs/{job_id}",
        tag="jobs",
        summary="Read a job",
        description="The job as it stands, without its result.",
        scope=Scope.JOBS_READ,
        parameters=("JobId",),
        answers={
            200: Answer(
                description="The job.",
                schema="Job",
                examples={
                    "running": job_document(_RUNNING),
                    "succeeded": job_document(_SUCCEEDED),
                    "failed": job_document(_FAILED),
                },
                links=("getResult", "cancelJob"),
            )
        },
        refusals=("JobNotFound",),
    ),
    Operation(
        id="deleteJob",
        method="delete",
        path="/v1/jobs/{job_id}",
        tag="jobs",
        summary="Cancel a job",
        description="The same as `cancelJob`. The job itself stays readable until it expires.",
        scope=Scope.JOBS_CANCEL,
        parameters=("JobId",),
        body=_CANCEL_BODY,
        answers=_CANCEL_ANSWERS,
        refusals=("InvalidRequest", "JobNotFound", "AlreadyFinished"),
    ),
    Operation(
        id="getResult",
        method="get",
        path="/v1/jobs/{job_id}/result",
        tag="jobs",
        summary="Read the result of a finished job",
        description="Whatever its outcome: what the tool returned, or why it did not.",
        scope=Scope.JOBS_READ,
        parameters=("JobId",),
        answers={
            200: Answer(
                description="The job has finished.",
                schema="JobResult",
                examples={
                    "succeeded": result_document(_SUCCEEDED, _OUTPUT),
                    "failed": result_document(_FAILED, None),
                    "prevented": result_document(_PREVENTED, None),
                },
                links=("getJob",),
            )
        },
        refusals=("JobNotFound", "NotFinished"),
    ),
    Operation(
        id="cancelJob",
        method="post",
        path="/v1/jobs/{job_id}/cancel",
        tag="jobs",
        summary="Cancel a job",
        description="A pending job never starts. The tool of a running one is asked to stop, and 2 s later made to. "
        "Cancelling a job twice is no error.",
        scope=Scope.JOBS_CANCEL,
        parameters=("JobId",),
        body=_CANCEL_BODY,
        answers=_CANCEL_ANSWERS,
        refusals=("InvalidRequest", "JobNotFound", "AlreadyFinished"),
    ),
    Operation(
        id="listPlugins",
        method="get",
        path="/v1/plugins",
        tag="plugins",
        summary="List plugins",
        description="Broken ones are listed with their reason.",
        scope=Scope.PLUGINS_READ,
        answers={
            200: Answer(
                description="All plugins.",
                schema="PluginList",
                examples={
                    "one broken": {
                        "plugins": [plugin_document(_HEALTH), plugin_document(_BROKEN_HEALTH)],
                        "total": 2,
                        "available": 1,
                        "failed": 0,
                        "unavailable": 1,
                    }
                },
            )
        },
    ),
    Operation(
        id="getPlugin",
        method="get",
        path="/v1/plugins/{name}",
        tag="plugins",
        summary="Read a plugin's manifest",
        description="Its tools, with the JSON Schemas of what they take and return.",
        scope=Scope.PLUGINS_READ,
        parameters=("PluginName",),
        answers={
            200: Answer(
                description="The manifest.",
                schema="PluginManifest",
                examples={"ocr": _MANIFEST.public()},
                links=("getPluginHealth",),
            )
        },
        refusals=("PluginNotFound",),
    ),
    Operation(
        id="getPluginHealth",
        method="get",
        path="/v1/plugins/{name}/health",
        tag="plugins",
        summary="Read a plugin's state and counters",
        description="Over the whole fleet, together and by tool.",
        scope=Scope.PLUGINS_READ,
        parameters=("PluginName",),
        answers={
            200: Answer(
                description="The health.",
                schema="PluginHealth",
                examples={"used": health_document(_HEALTH), "broken": health_document(_BROKEN_HEALTH)},
                links=("getPlugin",),
            )
        },
        refusals=("PluginNotFound",),
    ),
    Operation(
        id="getHealth",
        method="get",
        path="/v1/health",
        tag="service",
        summary="Is the service there?",
        description="It answers; it asks nobody else.",
        scope=None,
        answers={
            200: Answer(
                description="It is.",
                schema="ServiceHealth",
                examples={"ok": {"status": "ok", "version": interlock.__version__}},
            )
        },
    ),
    Operation(
        id="getOpenApi",
        method="get",
        path="/v1/openapi.json",
        tag="service",
        summary="Read this document",
        description="OpenAPI 3.1.",
        scope=None,
        answers={
            200: Answer(
                description="This document.",
                schema="OpenApi",
                examples={
                    "cut short": {"openapi": "3.1.0", "info": {"title": "Interlock", "version": "1"}, "paths": {}}
                },
            )
        },
    ),
)

SERVERS: list[Json] = [
    {
        "url": "https://{api}.execute-api.{region}.amazonaws.com/prod",
        "description": "A deployed stack (its output `Url`).",
        "variables": {"api": {"default": "a1b2c3d4e5"}, "region": {"default": "us-east-1"}},
    },
    {"url": "http://127.0.0.1:3000", "description": "The local stack."},
]

TAGS = {
    "execute": "Run tools.",
    "jobs": "Read, list and cancel jobs. A job belongs to the tenant of the key that made it.",
    "plugins": "What there is to run, and how it fares.",
    "service": "The service itself.",
}

API_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "A key carries scopes: `execute` (run tools), `jobs:read`, `jobs:cancel`, `plugins:read`, and "
    "`admin`, which is all of them. Each operation tells the one that it needs.",
}


# --- The document ----------------------------------------------------------------------------------------------------


def build() -> Json:
    """The whole document."""
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation.document()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Interlock",
            "version": interlock.__version__,
            "summary": "Governed execution of Python tools",
            "description": DESCRIPTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": SERVERS,
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {**_requests(), **SCHEMAS},
            "responses": {name: refusal.document() for name, refusal in REFUSALS.items()},
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "links": LINKS,
            "securitySchemes": {"ApiKey": API_KEY},
        },
    }


def _requests() -> Json:
    """The schemas of the models that the service reads requests with."""
    _, found = models_json_schema(
        [(ExecuteRequest, "validation"), (CancelRequest, "validation")], ref_template="#/components/schemas/{model}"
    )
    schemas: Json = found["$defs"]
    return schemas


def main() -> None:
    """Writes the document to standard output."""
    sys.stdout.write(json.dumps(build(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
