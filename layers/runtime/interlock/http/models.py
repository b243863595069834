"""The request bodies of the HTTP contract: a type and the JSON Schema (2020-12) of each.

The OpenAPI document contains the schemas, described by the docstrings. pydantic would create both from one class, but
functions must not import it at their start.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct

from interlock.domain.access import MAX_CONCURRENCY, MAX_KEY_NAME, MAX_LIFETIME, Scope
from interlock.domain.deadline import MAX_DEADLINE_S, MIN_DEADLINE_S, MIN_TIMEOUT_S
from interlock.domain.upload_id import MAX_CONTENT_TYPE, MAX_UPLOAD_BYTES
from interlock.domain.webhook import WebhookEvent
from interlock.domain.webhook_url import MAX_URL

NAME = {"type": "string", "minLength": 1, "maxLength": 64}


def optional(schema: Mapping[str, Any], description: str, example: Any) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "default": None, "description": description, "examples": [example]}


TIMEOUT_S = optional(
    {"type": "number", "minimum": MIN_TIMEOUT_S, "maximum": 870},
    "A time limit in seconds that is shorter than the tool's limit.",
    20,
)
_DEADLINE_S = optional(
    {"type": "number", "minimum": MIN_DEADLINE_S, "maximum": MAX_DEADLINE_S},
    "Seconds after which the job is over, wherever it is then: a pending job never starts, a running one is stopped. "
    "For asynchronous jobs only.",
    600,
)


def webhook_field(events: Sequence[WebhookEvent], description: str) -> dict[str, Any]:
    """Return the schema of a webhook that may have messages about these events."""
    properties = {
        "url": {
            "type": "string",
            "format": "uri",
            "maxLength": MAX_URL,
            "description": "An https URL of a public host, on port 443 or 8443.",
            "examples": ["https://example.com/hooks/interlock"],
        },
        "events": {
            "type": "array",
            "items": {"enum": [*events]},
            "minItems": 1,
            "uniqueItems": True,
            "default": [WebhookEvent.FINISHED],
            "description": "The events that have a message.",
        },
    }
    return optional(
        {"type": "object", "additionalProperties": False, "required": ["url"], "properties": properties},
        description,
        {"url": "https://example.com/hooks/interlock", "events": ["finished"]},
    )


_WEBHOOK = webhook_field(
    [*WebhookEvent], "Where to send a signed message about each event of the job. For asynchronous jobs only."
)


class RequestBody(Struct, frozen=True):
    """Base class of request bodies."""

    SCHEMA: ClassVar[Mapping[str, Any]]


class ExecuteRequest(RequestBody, frozen=True, kw_only=True):
    """A tool to execute, and its input."""

    plugin: str
    tool: str | None = None
    input: Mapping[str, Any]
    timeout_s: float | None = None
    deadline_s: float | None = None
    webhook: Mapping[str, Any] | None = None

    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["plugin", "input"],
        "properties": {
            "plugin": {**NAME, "description": "Name of the plugin.", "examples": ["ocr"]},
            "tool": optional(
                NAME, "Name of the tool. The default is the first tool of the plugin's manifest.", "analyze"
            ),
            "input": {
                "type": "object",
                "additionalProperties": True,
                "description": "The tool's input, as its input_schema requires. A file is base64 text, a data: URL or "
                '{"upload_id": "..."}.',
            },
            "timeout_s": TIMEOUT_S,
            "deadline_s": _DEADLINE_S,
            "webhook": _WEBHOOK,
        },
    }


class RerunRequest(RequestBody, frozen=True, kw_only=True):
    """Changes to the job that is run again. The new job takes over only its input."""

    input: Mapping[str, Any] | None = None
    timeout_s: float | None = None
    deadline_s: float | None = None
    webhook: Mapping[str, Any] | None = None

    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "input": optional(
                {"type": "object", "additionalProperties": True},
                "A JSON Merge Patch (RFC 7396) of the job's input: objects are merged, and null removes a field.",
                {"language": "deu"},
            ),
            "timeout_s": TIMEOUT_S,
            "deadline_s": _DEADLINE_S,
            "webhook": _WEBHOOK,
        },
    }


class CancelRequest(RequestBody, frozen=True):
    """The reason for a cancel."""

    reason: str | None = None

    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"reason": optional({"type": "string", "maxLength": 500}, "For a human.", "not needed any more")},
    }


class RedeliverRequest(RequestBody, frozen=True):
    """The event whose message is sent again."""

    event: str | None = None

    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "event": optional(
                {"enum": [*WebhookEvent]}, "The default is all events that have happened.", WebhookEvent.FINISHED
            )
        },
    }


class UploadRequest(RequestBody, frozen=True):
    """A file to upload. The upload must have exactly this type and size."""

    content_type: str
    size: float
    """A whole number, which JSON may write as 7.0."""

    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["content_type", "size"],
        "properties": {
            "content_type": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_CONTENT_TYPE,
                "description": "Media type of the file (RFC 9110, section 8.3.1), in ASCII.",
                "examples": ["image/png"],
            },
            "size": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_UPLOAD_BYTES,
                "description": "Size of the file in bytes, at most 100 MiB.",
                "examples": [31457280],
            },
        },
    }


class KeyRequest(RequestBody, frozen=True, kw_only=True):
    """A key to create for the caller's tenant. Limits that are left out are those of the caller's own key."""

    scopes: Sequence[str]
    name: str | None = None
    expires_in_s: float | None = None
    rate: str | None = None
    concurrency: float | None = None

    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["scopes"],
        "properties": {
            "scopes": {
                "type": "array",
                "items": {"type": "string", "enum": [*Scope]},
                "minItems": 1,
                "maxItems": 20,
                "description": "What the key may do. `admin` includes all other scopes.",
                "examples": [["execute", "jobs:read"]],
            },
            "name": optional(
                {"type": "string", "minLength": 1, "maxLength": MAX_KEY_NAME},
                "Name or purpose of the key, for humans: one line.",
                "the lab",
            ),
            "expires_in_s": optional(
                {"type": "integer", "minimum": 1, "maximum": int(MAX_LIFETIME.total_seconds())},
                "Seconds after which the key stops working. Without it, the key works as long as the one that creates "
                "it.",
                7_776_000,
            ),
            "rate": optional({"type": "string"}, "Limit of its requests: N per second, minute or hour.", "10/s"),
            "concurrency": optional(
                {"type": "integer", "minimum": 1, "maximum": MAX_CONCURRENCY}, "Limit of its unfinished jobs.", 4
            ),
        },
    }
