"""The schemas of the components, and the words that they are written in."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from pydantic.json_schema import models_json_schema

from interlock.domain import job_status, lifecycle
from interlock.domain.access import Scope
from interlock.domain.errors import ERROR_TYPES, ErrorCode
from interlock.domain.events import MAX_LOG_BYTES, MAX_LOG_LINES, MAX_MESSAGE_BYTES, EventType
from interlock.domain.job import CancelOutcome
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.http import models
from interlock.http.routes_jobs import MAX_LIMIT

type Json = dict[str, Any]

JOB_ID = r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
RFC_3339 = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"
COMMON_LOG_TIME = r"\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}"


def ref(name: str, kind: str = "schemas") -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def refs(names: Iterable[str], kind: str) -> Json:
    return {name: ref(name, kind) for name in names}


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


def enum(values: Iterable[str], description: str) -> Json:
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


_TIME = ref("Time")
_TIME_OR_NULL = _or_null(_TIME)
_PLUGIN_NAME = _text("Name of the plugin.")
_TOOL_NAME = _text("Name of the tool.")
_VERSION = _text("Version of the plugin.")
_TITLE = _text("Name for a human.")
_PURPOSE = _text("What it is for.")
_REASON = _or_null(_text("Why the plugin is `UNAVAILABLE`, or how its layer has changed since the index was built."))
_ELAPSED_OR_NULL = _or_null(_number("Wall clock of the tool; null if it did not run to an end."))

_ERROR = _object(
    "What went wrong.",
    type=ref("ErrorType"),
    code=ref("ErrorCode"),
    message=_text("For a human, and not to be parsed."),
    details=ref("ErrorDetails"),
    plugin=_or_null(_text("The plugin that it is about.")),
    tool=_or_null(_text("The tool that it is about.")),
    job_id=_or_null(_text("The job that it is about.")),
    retryable={"type": "boolean", "description": "The same request, sent again, may well succeed."},
    timestamp=ref("ErrorTime"),
)

_ERROR_DETAILS: Json = {
    "type": "object",
    "description": "More of it, by `code`. No field of it is always there.",
    "properties": {
        "errors": _list(ref("FieldError"), "Field by field: `invalid_request`, `invalid_input`, `invalid_output`."),
        "exception": _text("Name of the exception's class: `plugin_exception`."),
        "signal": {"type": "integer", "description": "The signal that ended the process: `plugin_crashed`."},
        "exit_code": {"type": ["integer", "null"], "description": "What the process exited with: `plugin_crashed`."},
        "reason": _text("Why the plugin could not be loaded: `plugin_unavailable`."),
        "timeout_s": _number("The limit in seconds: `timeout`."),
        "memory_mb": _count("The limit in MiB: `memory_exceeded`."),
        "size_bytes": _count("Size of the result: `output_too_large`."),
        "limit_bytes": _count("The limit: `output_too_large`."),
        "status": {"$ref": "#/components/schemas/JobStatus", "description": "`not_finished`, `already_finished`."},
        "scope": enum(Scope, "What the key lacks: `forbidden`."),
        "allow": _list({"type": "string"}, "The methods that the route takes: `invalid_request` with status 405."),
        "service": _text("What is down: `unavailable`."),
        "limit": enum(("rate", "concurrency"), "Which limit of the key is reached: `rate_limited`."),
        "rate": _text("The rate, as `10/s`: `rate_limited`."),
        "retry_after_s": _count("As the header Retry-After says: `rate_limited`."),
    },
}

_JOB = _object(
    "A job, without its result.",
    job_id=ref("JobId"),
    plugin=_PLUGIN_NAME,
    tool=_TOOL_NAME,
    plugin_version=_text("Version of the plugin when the job was made."),
    status=ref("JobStatus"),
    attempt=_count("How often a worker has taken the job."),
    progress=_or_null(ref("Progress")),
    created_at=_TIME,
    started_at=_TIME_OR_NULL,
    completed_at=_TIME_OR_NULL,
    updated_at=_TIME,
    expires_at=_TIME,
    execution_time_ms=_ELAPSED_OR_NULL,
    timeout_s=_number("Limit of its run in seconds."),
    cancel=_or_null(ref("Cancel")),
    error=_or_null(ref("Error")),
)

_FINISHED: Json = {
    "job_id": ref("JobId"),
    "plugin": _PLUGIN_NAME,
    "tool": _TOOL_NAME,
    "status": enum([JobStatus.SUCCEEDED], "How the job ended."),
    "result": ref("ToolResult"),
    "execution_time_ms": _number("Wall clock of the tool."),
    "created_at": _TIME,
    "started_at": _TIME,
    "completed_at": _TIME,
}

_OF_ANY_OUTCOME: Json = {
    "status": enum([status for status in JobStatus if status in FINAL], "How the job ended."),
    "execution_time_ms": _ELAPSED_OR_NULL,
    "started_at": _TIME_OR_NULL,
    "error": _or_null(ref("Error")),
}

_COUNTERS: Json = {
    "success_count": _count("Jobs that succeeded."),
    "error_count": _count("Jobs that failed."),
    "cancelled_count": _count("Jobs that were cancelled."),
    "timed_out_count": _count("Jobs that ran over their limit."),
    "last_execution_time_ms": _or_null(_number("Of the latest execution.")),
    "avg_execution_time_ms": _or_null(_number("Mean of all executions.")),
    "p50_ms": _or_null(_number("Median. Percentiles are at most 3.93 % off the true ones.")),
    "p95_ms": _or_null(_number("95th percentile.")),
    "p99_ms": _or_null(_number("99th percentile.")),
    "last_used": _TIME_OR_NULL,
}

_EVENTS: Mapping[str, tuple[EventType, str, Json]] = {
    "StateEvent": (EventType.STATE, "The job took a step.", {"status": ref("JobStatus")}),
    "ProgressEvent": (
        EventType.PROGRESS,
        "The tool said how far it is: at most once a second, and of much progress the last.",
        {
            "fraction": {"type": "number", "minimum": 0, "maximum": 1, "description": "From 0 to 1."},
            "message": _text("For a human."),
        },
    ),
    "LogEvent": (
        EventType.LOG,
        "The tool wrote a line.",
        {
            "level": _text("Of its logger; `info` for what came by standard output, `warning` by standard error."),
            "stream": enum(["stdout", "stderr", "log"], "By which way it came; `log` is the logger of its context."),
            "message": _text(f"The line, cut at {MAX_MESSAGE_BYTES} bytes."),
        },
    ),
    "DroppedEvent": (
        EventType.DROPPED,
        f"Stands for older ones. The last {MAX_LOG_LINES} lines, or {MAX_LOG_BYTES} bytes, are kept. At most one.",
        {"count": _count("How many they are."), "message": _text("The same for a human.")},
    ),
}
"""Each kind of event: its type, what it is, and what it says."""


def _event(kind: EventType, description: str, said: Json) -> Json:
    seq = {"type": "integer", "minimum": 1, "description": "Its number within the job: it never changes."}
    return _object(description, seq=seq, at=_TIME, type={"type": "string", "const": kind.value}, **said)


SCHEMAS: Json = {
    "Time": _text("RFC 3339 in UTC with milliseconds.", format="date-time", pattern=f"^{RFC_3339}$"),
    # One text, not a union of two: generators would make a class of it.
    "ErrorTime": _text(
        "When. RFC 3339 in UTC with milliseconds; in the Common Log Format, `22/Nov/2026:10:11:12 +0000`, of what "
        "Amazon API Gateway refuses before the service is asked: it knows no other.",
        pattern=f"^({RFC_3339}|{COMMON_LOG_TIME})$",
    ),
    "JobId": _text("A ULID: ids sort by creation.", pattern=JOB_ID),
    "JobStatus": enum(
        JobStatus, "Where a job stands. The only transitions:\n\n" + _steps(job_status.TRANSITIONS, JobStatus)
    ),
    "CancelOutcome": enum(
        CancelOutcome,
        "What a cancel came to. `prevented`: the tool never started. `stopped`: it yielded to SIGTERM. `killed`: it "
        "needed SIGKILL. `too_late`: the job ended otherwise first.",
    ),
    "LifecycleState": enum(
        LifecycleState,
        "Where a plugin stands. `LOADED`: not run yet. `INITIALIZED`: its last run was good. `RUNNING`: a run is on. "
        "`FAILED`: its last run ended by its own fault. `UNAVAILABLE`: it cannot be loaded. The only transitions:\n\n"
        + _steps(lifecycle.TRANSITIONS, LifecycleState),
    ),
    "ErrorType": enum(dict.fromkeys(ERROR_TYPES.values()), "The coarse kind of an error."),
    "ErrorCode": enum(ErrorCode, "The exact code of an error: what to switch on. By `type`:\n\n" + _codes_by_type()),
    "ErrorEnvelope": _object("The body of every error.", error=ref("Error")),
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
        outcome=_or_null(ref("CancelOutcome")),
    ),
    "EventList": _object(
        "Events of a job in their order.",
        events=_list(ref("Event"), "Those after `after`."),
        next=_count("The `after` that asks for what comes next."),
    ),
    "Event": {
        "description": "Something that happened to a job. Readers must expect types that are new to them.",
        "oneOf": [ref(name) for name in _EVENTS],
        "discriminator": {
            "propertyName": "type",
            "mapping": {kind: f"#/components/schemas/{name}" for name, (kind, _, _) in _EVENTS.items()},
        },
    },
    **{name: _event(*one) for name, one in _EVENTS.items()},
    "JobList": _object(
        "A page of jobs, newest first.",
        jobs={**_list(ref("Job"), "The page."), "maxItems": MAX_LIMIT},
        count={**_count("How many there are in the page."), "maximum": MAX_LIMIT},
        next_cursor=_or_null(_text("The `cursor` of the next page; null: this is the last.")),
    ),
    "ToolResult": {
        "description": "What the tool returned, by the `output_schema` of its manifest, or where to fetch it.",
        "anyOf": [{"title": "Inline", "description": "The result itself."}, ref("Download")],
    },
    "Download": _object(
        "A result that is too large for an answer: over 5 MB, or with so many quotes that, escaped, it is over 6.",
        download_url=_text("Where to GET the result as JSON, without a key.", format="uri"),
        size=_count("Its size in bytes."),
        expires_at=_TIME,
    ),
    "Upload": _object(
        "An upload that is expected: a PUT of the file to `url`, with these headers, begun before `expires_at`. Then "
        '`{"upload_id": "..."}` stands for the file in any input of the tenant, for 24 hours.',
        upload_id=_text("Opaque.", minLength=1, maxLength=255),
        method=enum(["PUT"], "Of the request."),
        url=_text("Presigned: it needs no key. It can be written to once.", format="uri"),
        headers={
            "type": "object",
            "description": "To be sent as they are: they are signed, length and type among them. Most clients set "
            "`Content-Length` by themselves.",
            "additionalProperties": {"type": "string"},
        },
        expires_at=_TIME,
    ),
    "FinishedJob": _object("A job that succeeded, with its result.", **_FINISHED),
    "JobResult": _object(
        "A finished job: `error` is null if it succeeded, `result` if it did not.", **_FINISHED | _OF_ANY_OUTCOME
    ),
    "PluginList": _object(
        "All plugins, broken ones included.",
        plugins=_list(ref("PluginSummary"), "In alphabetical order."),
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
        state=ref("LifecycleState"),
        reason=_REASON,
        tools=_list(_TOOL_NAME, "The first is the default."),
    ),
    "PluginManifest": _object(
        "A plugin with its tools.",
        name=_PLUGIN_NAME,
        version=_VERSION,
        title=_TITLE,
        description=_PURPOSE,
        tools=_list(ref("Tool"), "The first is the default. Empty if the plugin could not be loaded."),
    ),
    "Tool": _object(
        "A tool with its schemas.",
        name=_TOOL_NAME,
        title=_TITLE,
        description=_PURPOSE,
        timeout_s=_number("Limit of one run in seconds of wall clock."),
        memory_mb=_count("Limit of its resident memory in MiB."),
        network={"type": "boolean", "description": "Whether the tool may open network connections."},
        input_schema={"type": "object", "description": "JSON Schema 2020-12 of `input`."},
        output_schema={"type": "object", "description": "JSON Schema 2020-12 of `result`."},
    ),
    "PluginHealth": _object(
        "A plugin's state and counters.",
        name=_PLUGIN_NAME,
        version=_VERSION,
        state=ref("LifecycleState"),
        reason=_REASON,
        **_COUNTERS,
        tools={"type": "object", "description": "The same by tool.", "additionalProperties": ref("Counters")},
    ),
    "Counters": _object(
        "Sums over the finished jobs of the whole fleet; times are null before the first.", **_COUNTERS
    ),
    "ServiceHealth": _object("The service answers.", status=enum(["ok"], "Always."), version=_text("Of the service.")),
    "OpenApi": _object(
        "An OpenAPI document.", openapi={"type": "string"}, info={"type": "object"}, paths={"type": "object"}
    ),
}


def request_schemas() -> Json:
    """The schemas of the models that requests are read with."""
    taken = (models.ExecuteRequest, models.CancelRequest, models.UploadRequest)
    wanted: Any = [(model, "validation") for model in taken]
    _, found = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    schemas: Json = found["$defs"]
    return schemas
