"""The request body of batches, as in `interlock.http.models`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from interlock.domain.batch import DEFAULT_BATCH_CONCURRENCY, MAX_BATCH_CONCURRENCY, MAX_ITEMS
from interlock.domain.deadline import MAX_DEADLINE_S, MIN_DEADLINE_S
from interlock.domain.webhook import WebhookEvent
from interlock.http.models import NAME, TIMEOUT_S, RequestBody, optional, webhook_field
from interlock.jobs.batch_items import ITEM_SCHEMA


class BatchRequest(RequestBody, frozen=True, kw_only=True):
    """A tool to execute on many inputs: `items`, or `upload_id` of an upload with one item a line."""

    plugin: str
    tool: str | None = None
    items: Sequence[Mapping[str, Any]] | None = None
    upload_id: str | None = None
    max_concurrency: float | None = None
    tolerated_failures: float | str | None = None
    timeout_s: float | None = None
    deadline_s: float | None = None
    webhook: Mapping[str, Any] | None = None

    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["plugin"],
        "properties": {
            "plugin": {**NAME, "description": "Name of the plugin.", "examples": ["ocr"]},
            "tool": optional(
                NAME, "Name of the tool. The default is the first tool of the plugin's manifest.", "analyze"
            ),
            "items": optional(
                {"type": "array", "minItems": 1, "maxItems": MAX_ITEMS, "items": ITEM_SCHEMA},
                f"The items, at most {MAX_ITEMS:,} in a request of 6 MiB. Give either `items` or `upload_id`.",
                [{"input": {"image": {"upload_id": "..."}}, "key": "page-17"}],
            ),
            "upload_id": optional(
                {"type": "string", "minLength": 1, "maxLength": 255},
                f"Id of an upload of up to 100 MiB with the items as JSON Lines: one object with `input` and `key` a "
                f"line, at most {MAX_ITEMS:,} lines.",
                "AZPx...",
            ),
            "max_concurrency": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_BATCH_CONCURRENCY,
                "default": DEFAULT_BATCH_CONCURRENCY,
                "description": "How many items may run at the same time. The stack and the API key may have lower "
                "limits, and the stack another default.",
                "examples": [16],
            },
            "tolerated_failures": optional(
                {
                    "anyOf": [
                        {"type": "integer", "minimum": 0, "maximum": MAX_ITEMS},
                        {"type": "string", "pattern": r"^(100|[0-9]{1,2})(\.[0-9]{1,3})?%$"},
                    ]
                },
                "How many items may fail or time out: a number, or a share such as `5%`, rounded down. When more do, "
                "the rest is cancelled and the batch fails. The default tolerates all.",
                "5%",
            ),
            "timeout_s": TIMEOUT_S,
            "deadline_s": optional(
                {"type": "number", "minimum": MIN_DEADLINE_S, "maximum": MAX_DEADLINE_S},
                "Seconds after which all items are over, wherever they are then.",
                3600,
            ),
            "webhook": webhook_field(
                [WebhookEvent.FINISHED], "Where to send a signed message, `batch.finished`, when the batch has ended."
            ),
        },
    }
