"""The headers, parameters and links that operations refer to."""

from typing import Any

from interlock.domain.job_status import STATUS_ALIASES, JobStatus
from interlock.http.documents.jobs import MAX_PAGE
from interlock.http.requests import MAX_WAIT_S
from interlock.http.responses import CHALLENGE
from interlock.http.routes_jobs import DEFAULT_LIMIT, MAX_AFTER, MAX_NAME
from interlock_dev.openapi.examples import ID
from interlock_dev.openapi.schemas import Json, ref


def _header(description: str, schema: Json, example: Any, *, required: bool = True) -> Json:
    return {"description": description, "required": required, "schema": schema, "example": example}


HEADERS: Json = {
    "Location": _header(
        "Path of the job below the URL of the server.", {"type": "string", "format": "uri-reference"}, f"/v1/jobs/{ID}"
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
    "WWW-Authenticate": _header(
        "How to authenticate (RFC 9110, section 11.6.1): `ApiKey` is a key in `X-API-Key`.",
        {"type": "string"},
        CHALLENGE,
    ),
    "Allow": _header("The methods of the path (RFC 9110, section 10.2.1).", {"type": "string"}, "GET, DELETE"),
}


def _parameter(where: str, name: str, description: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": where, "description": description, "schema": schema, **more}


_WORD = {"type": "string", "minLength": 1}
_NAME = {**_WORD, "maxLength": MAX_NAME}
_ALIASES = ", ".join(f"`{word}` for `{status}`" for word, status in STATUS_ALIASES.items())

PARAMETERS: Json = {
    "job_id": _parameter("path", "job_id", "Id of the job.", ref("JobId"), required=True, example=ID),
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
        {"type": "array", "items": {"type": "string", "enum": [*JobStatus, *STATUS_ALIASES]}},
        style="form",
        explode=True,
        example=["running", "queued"],
    ),
    "limit": _parameter(
        "query",
        "limit",
        "How many jobs a page holds at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_LIMIT},
    ),
    "after": _parameter(
        "query",
        "after",
        "Events after the one of this `seq`: `next` of the answer before.",
        {"type": "integer", "minimum": 0, "maximum": MAX_AFTER, "default": 0},
    ),
    "cursor": _parameter("query", "cursor", "`next_cursor` of the page before, with the same filters.", _WORD),
}


def _link(operation: str, parameter: str, field: str, description: str) -> Json:
    parameters = {parameter: f"$response.body#/{field}"}
    return {"operationId": operation, "parameters": parameters, "description": description}


LINKS: Json = {
    "getJob": _link("getJob", "job_id", "job_id", "The job as it stands."),
    "getResult": _link("getResult", "job_id", "job_id", "Its result, once it has finished."),
    "getEvents": _link("getEvents", "job_id", "job_id", "What happened to it, and what its tool wrote."),
    "cancelJob": _link("cancelJob", "job_id", "job_id", "Stops it."),
    "deleteJob": _link("deleteJob", "job_id", "job_id", "The same by another method."),
    "nextPage": _link("listJobs", "cursor", "next_cursor", "The next page, with the same filters."),
    "getPlugin": _link("getPlugin", "name", "name", "Its tools and their schemas."),
    "getPluginHealth": _link("getPluginHealth", "name", "name", "Its state and counters."),
}
