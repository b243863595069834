"""The headers, parameters and links that operations refer to."""

from typing import Any

from interlock.domain.access import CHALLENGE, KEY_ID_PATTERN
from interlock.domain.job_status import STATUS_ALIASES, JobStatus
from interlock.http.documents.values import MAX_PAGE
from interlock.http.requests import DEFAULT_LIMIT, MAX_WAIT_S
from interlock.http.routes_jobs import MAX_AFTER, MAX_NAME
from interlock_dev.openapi.examples import ID, KEY_ID
from interlock_dev.openapi.schemas import Json, ref


def _header(description: str, schema: Json, example: Any, *, required: bool = True) -> Json:
    return {"description": description, "required": required, "schema": schema, "example": example}


HEADERS: Json = {
    "Location": _header(
        "Path of the job or batch, with that of the stage (RFC 3986, section 4.2).",
        {"type": "string", "format": "uri-reference"},
        f"/v1/jobs/{ID}",
    ),
    "Preference-Applied": _header(
        "The preference that was honored (RFC 7240, section 3).", {"type": "string"}, "wait=10", required=False
    ),
    "Idempotency-Replayed": _header(
        "`true` if the job or batch belongs to an earlier request with this Idempotency-Key.",
        {"type": "string", "enum": ["true"]},
        "true",
        required=False,
    ),
    "Cache-Control": _header("No cache may store the response.", {"type": "string"}, "no-store"),
    "X-Request-Id": _header(
        "Id of the request. Quote it when you report a problem.",
        {"type": "string"},
        "b7c1f2a4-3d5e-4f60-8a91-0c2d4e6f8a10",
    ),
    "Retry-After": _header(
        "Seconds after which to try again (RFC 9110, section 10.2.3).", {"type": "integer", "minimum": 1}, 1
    ),
    "WWW-Authenticate": _header(
        "How to authenticate (RFC 9110, section 11.6.1): `ApiKey` is a key in `X-API-Key`. `Bearer`, if tokens are "
        "accepted, names their metadata (RFC 9728).",
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
    "batch_id": _parameter("path", "batch_id", "Id of the batch.", ref("BatchId"), required=True, example=ID),
    "key_id": _parameter(
        "path", "key_id", "Id of the key.", {**_WORD, "pattern": f"^{KEY_ID_PATTERN}$"}, required=True, example=KEY_ID
    ),
    "name": _parameter("path", "name", "Name of the plugin.", _WORD, required=True, example="ocr"),
    "Prefer": _parameter(
        "header",
        "Prefer",
        "RFC 7240. `respond-async`: return 202 with the pending job. `respond-async, wait=N` (at most "
        f"{MAX_WAIT_S} seconds): return the result as soon as the job has finished, or 202 after N seconds. `wait=N` "
        "alone is the same: it permits a 202. The stack may cap N, or ignore it. Other preferences are ignored.",
        {"type": "string"},
        examples={"at once": {"value": "respond-async"}, "with a wait": {"value": "respond-async, wait=10"}},
    ),
    "Wait": _parameter(
        "header",
        "Prefer",
        f"RFC 7240. `wait=N` (at most {MAX_WAIT_S} seconds): wait at most N seconds for what the operation names. The "
        "stack may cap N, or ignore it: `Preference-Applied` names the seconds that hold. Other preferences are "
        "ignored.",
        {"type": "string"},
        example="wait=10",
    ),
    "Idempotency-Key": _parameter(
        "header",
        "Idempotency-Key",
        "1 to 255 printable ASCII characters. The tool runs once for all requests of a tenant with the same key: "
        "later requests join the running job or return the finished one.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        example="8e03978e-40d5-43dd-bc93-6894a57f9324",
    ),
    "plugin": _parameter("query", "plugin", "Return only jobs of this plugin.", _NAME, example="ocr"),
    "tool": _parameter("query", "tool", "Return only jobs of tools with this name.", _NAME, example="analyze"),
    "status": _parameter(
        "query",
        "status",
        f"Return only jobs with this status. Repeat the parameter for several. Aliases: {_ALIASES}.",
        {"type": "array", "items": {"type": "string", "enum": [*JobStatus, *STATUS_ALIASES]}},
        style="form",
        explode=True,
        example=["running", "queued"],
    ),
    "created_after": _parameter(
        "query",
        "created_after",
        "Return only jobs that were created at this time or later (RFC 3339).",
        {"type": "string", "format": "date-time"},
        example="2026-11-22T10:00:00Z",
    ),
    "batch": _parameter("query", "batch", "Return only the jobs of this batch.", ref("BatchId"), example=ID),
    "created_before": _parameter(
        "query",
        "created_before",
        "Return only jobs that were created before this time (RFC 3339).",
        {"type": "string", "format": "date-time"},
        example="2026-11-22T11:00:00Z",
    ),
    "limit": _parameter(
        "query",
        "limit",
        "Maximum number of entries per page.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_LIMIT},
    ),
    "after": _parameter(
        "query",
        "after",
        "Return events after this `seq`; pass `next` of the previous response.",
        {"type": "integer", "minimum": 0, "maximum": MAX_AFTER, "default": 0},
    ),
    "KeyCursor": _parameter(
        "query", "cursor", "`next_cursor` of the previous page.", {**_WORD, "pattern": f"^{KEY_ID_PATTERN}$"}
    ),
    "cursor": _parameter("query", "cursor", "`next_cursor` of the previous page. Use the same filters.", _WORD),
}


def _link(operation: str, parameter: str, field: str, description: str) -> Json:
    parameters = {parameter: f"$response.body#/{field}"}
    return {"operationId": operation, "parameters": parameters, "description": description}


LINKS: Json = {
    "getJob": _link("getJob", "job_id", "job_id", "The current state of the job."),
    "getResult": _link("getResult", "job_id", "job_id", "The result, once the job has finished."),
    "getEvents": _link("getEvents", "job_id", "job_id", "The job's events: states, progress and log lines."),
    "rerunJob": _link("rerunJob", "job_id", "job_id", "Run the job again."),
    "cancelJob": _link("cancelJob", "job_id", "job_id", "Cancel the job."),
    "deleteJob": _link("deleteJob", "job_id", "job_id", "Cancel the job (same as `cancelJob`)."),
    "nextPage": _link("listJobs", "cursor", "next_cursor", "The next page, with the same filters."),
    "nextKeys": _link("listKeys", "cursor", "next_cursor", "The next page."),
    "revokeKey": _link("revokeKey", "key_id", "key_id", "Revoke the key."),
    "getBatch": _link("getBatch", "batch_id", "batch_id", "The current state of the batch."),
    "getBatchResults": _link("getBatchResults", "batch_id", "batch_id", "The results, once the batch has finished."),
    "cancelBatch": _link("cancelBatch", "batch_id", "batch_id", "Cancel the batch."),
    "nextBatches": _link("listBatches", "cursor", "next_cursor", "The next page."),
    "getPlugin": _link("getPlugin", "name", "name", "The plugin's tools and their schemas."),
    "getPluginHealth": _link("getPluginHealth", "name", "name", "The plugin's state and counters."),
}
