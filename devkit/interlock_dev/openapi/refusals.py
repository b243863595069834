"""The error responses, with an example for each code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.domain import errors
from interlock.domain.access import Scope
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.http.envelope import error_object
from interlock.http.responses import RETRY_AFTER_S, STATUS_BY_CODE
from interlock_dev.openapi.examples import AT, ID, KEY_ID, NO_PLUGIN
from interlock_dev.openapi.schemas import Json, ref, refs


@dataclass(frozen=True, slots=True)
class Example:
    """An error response, with the plugin, tool and job that it refers to."""

    code: ErrorCode
    message: str
    details: Json
    plugin: str | None = None
    tool: str | None = None
    job_id: str | None = None

    def document(self) -> Json:
        error = ErrorInfo(self.code, self.message, self.details)
        return {"error": error_object(error, plugin=self.plugin, tool=self.tool, job_id=self.job_id, at=AT)}


_JOB = {"plugin": "ocr", "tool": "analyze", "job_id": ID}


def _of_job(code: ErrorCode, message: str, **details: Any) -> Example:
    return Example(code, message, details, **_JOB)


def _of(error: errors.InterlockError, **about: str) -> Example:
    return Example(error.code, str(error), error.details, **about)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error response, with an example for each of its codes."""

    description: str
    examples: tuple[Example, ...]
    headers: tuple[str, ...] = ()
    status: int | None = None

    @property
    def number(self) -> int:
        """The HTTP status of the code, unless a route sets another."""
        return self.status or STATUS_BY_CODE.get(self.examples[0].code, 400)

    def document(self) -> Json:
        again = ["Retry-After"] if self.examples[0].code in RETRY_AFTER_S else []
        headers = [*self.headers, *again, "X-Request-Id"]
        examples = {str(one.code): {"value": one.document()} for one in self.examples}
        return {
            "description": f"{self.description} `code`: {', '.join(f'`{code}`' for code in examples)}.",
            "headers": refs(headers, "headers"),
            "content": {"application/json": {"schema": ref("ErrorEnvelope"), "examples": examples}},
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
    Example(ErrorCode.UNKNOWN_PLUGIN, NO_PLUGIN, {}, "orc"),
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
        "The result of ocr.analyze is over the limit of 17.7 MiB.",
        size_bytes=18549310,
        limit_bytes=18549309,
    ),
    Example(
        ErrorCode.PLUGIN_UNAVAILABLE,
        "Plugin 'speech' could not be loaded: needs torch: not installed.",
        {"reason": "needs torch: not installed"},
        "speech",
    ),
    _of_job(ErrorCode.TIMEOUT, "The tool ran over its limit of 20 s.", timeout_s=20.0, limit="timeout_s"),
    _of_job(ErrorCode.MEMORY_EXCEEDED, "The tool used more memory than its limit of 512 MiB.", memory_mb=512),
    _of_job(ErrorCode.CANCELLED, "The job was cancelled."),
    _of_job(ErrorCode.WORKER_LOST, "The worker of this job vanished before it could report an outcome."),
    _of_job(
        ErrorCode.INPUT_REQUIRED,
        "The tool ocr.analyze needs input from its client: language (elicitation/create). Call it with an MCP client "
        "that supports this.",
        input_requests={
            "language": {
                "method": "elicitation/create",
                "params": {
                    "message": "Which language is the text in?",
                    "requestedSchema": {"type": "object", "properties": {"code": {"type": "string"}}},
                },
            }
        },
    ),
)

_NO_BATCH = (
    Example(
        ErrorCode.INVALID_REQUEST,
        "The body is not a valid request: /items/3/input: is required.",
        {"errors": [{"path": "/items/3/input", "message": "is required"}]},
    ),
    Example(
        ErrorCode.INVALID_INPUT,
        "An uploaded file cannot be used: /upload_id names no upload that exists.",
        {"errors": [{"path": "/upload_id", "message": "names no upload that exists"}]},
    ),
    *(one for one in _NOT_EXECUTED if one.code in {ErrorCode.UNKNOWN_PLUGIN, ErrorCode.UNKNOWN_TOOL}),
    *(one for one in _NOT_EXECUTED if one.code is ErrorCode.PLUGIN_UNAVAILABLE),
)

REFUSALS: Mapping[str, Refusal] = {
    "NotExecuted": Refusal(
        "The request or its input was rejected before a job was created. With a `job_id`: the job failed.",
        _NOT_EXECUTED,
        headers=("Idempotency-Replayed",),
    ),
    "InvalidRequest": Refusal(
        "The body, the query or a header is malformed.",
        (Example(ErrorCode.INVALID_REQUEST, "Unknown query parameter 'page'. There are: plugin, tool.", {}),),
    ),
    "Unauthorized": Refusal(
        "The key or token is missing, unknown, revoked or expired.",
        (_of(errors.Unauthorized()),),
        headers=("WWW-Authenticate",),
    ),
    "Forbidden": Refusal("The key lacks the scope.", (_of(errors.Forbidden(scope=Scope.EXECUTE.value)),)),
    "JobNotFound": Refusal(
        "The job does not exist, belongs to another tenant, or has expired.",
        (_of(errors.NotFound(f"There is no job {ID!r}.")),),
    ),
    "NoTokens": Refusal(
        "The stack accepts no tokens.", (_of(errors.NotFound("This service accepts no tokens, only API keys.")),)
    ),
    "WebhookNotFound": Refusal(
        "The job does not exist, belongs to another tenant, has expired, or has no webhook.",
        (_of(errors.NotFound("The job has no webhook."), **_JOB),),
    ),
    "KeyNotFound": Refusal(
        "The key does not exist, or belongs to another tenant.",
        (_of(errors.NotFound(f"There is no key {KEY_ID!r}.")),),
    ),
    "BatchNotAccepted": Refusal("The request was rejected, and no batch was created.", _NO_BATCH),
    "BatchNotFound": Refusal(
        "The batch does not exist, belongs to another tenant, or has expired.",
        (_of(errors.NotFound(f"There is no batch {ID!r}.")),),
    ),
    "BatchNotFinished": Refusal(
        "The batch has not finished.", (_of(errors.NotFinished("The batch is running.", status="running")),)
    ),
    "BatchAlreadyFinished": Refusal(
        "The batch has already finished with a status other than `cancelled`.",
        (_of(errors.AlreadyFinished("The batch has already finished.", status="succeeded")),),
    ),
    "PluginNotFound": Refusal("The plugin does not exist.", (_of(errors.NotFound(NO_PLUGIN)),)),
    "MethodNotAllowed": Refusal(
        "The path does not support the method.",
        (Example(ErrorCode.INVALID_REQUEST, "This route takes GET.", {"allow": ["GET"]}),),
        headers=("Allow",),
        status=405,
    ),
    "NotFinished": Refusal(
        "The job has not finished.", (_of(errors.NotFinished("The job is running.", status="running"), **_JOB),)
    ),
    "AlreadyFinished": Refusal(
        "The job has already finished with a status other than `cancelled`.",
        (_of(errors.AlreadyFinished("The job has already succeeded.", status="succeeded"), **_JOB),),
    ),
    "InputExpired": Refusal(
        "The input of the job is not stored any more, or never was, because the job ran synchronously and it is large.",
        (_of(errors.InputExpired(), **_JOB),),
    ),
    "PayloadTooLarge": Refusal(
        "The body is too large.", (_of(errors.PayloadTooLarge(limit_bytes=errors.MAX_REQUEST_BYTES)),)
    ),
    "IdempotencyMismatch": Refusal(
        "The `Idempotency-Key` was used for a request with another body.",
        (_of(errors.IdempotencyMismatch(), plugin="ocr", tool="analyze"),),
    ),
    "TooManyRequests": Refusal(
        "The key, the stack or the gateway has reached its rate limit, or the key has reached its limit of unfinished "
        "jobs (`details.limit` is `rate` or `concurrency`).",
        (
            Example(
                ErrorCode.RATE_LIMITED,
                "The key has reached its rate limit of 10/s. Try again in 1 s.",
                {"limit": "rate", "rate": "10/s", "retry_after_s": 1},
            ),
        ),
    ),
    "Unavailable": Refusal(
        "A service that Interlock depends on is unavailable.", (_of(errors.ServiceUnavailable(service="table")),)
    ),
}
