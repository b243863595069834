"""The operations on batches."""

from copy import replace
from datetime import timedelta

from interlock.domain import batch as batches
from interlock.domain.access import Scope
from interlock.domain.batch import Batch, BatchCounts, BatchStatus
from interlock.domain.times import rfc3339
from interlock.domain.webhook import Delivery, DeliveryState, WebhookEvent
from interlock.http.batch_presenters import batch_document, batch_list
from interlock_dev.openapi.examples import AT, ID, UPLOAD, WEBHOOK, WHY
from interlock_dev.openapi.operation import Answer, Body, Operation

_PREPARING = Batch(
    tenant="acme", batch_id=ID, plugin="ocr", tool="analyze", plugin_version="1.0.0", timeout_s=20.0,
    max_concurrency=8, items_key="", status=BatchStatus.PREPARING, created_at=AT, updated_at=AT,
    expires_at=AT + timedelta(days=7), total=100, tolerated_failures="5%",
)  # fmt: skip
_LATER = AT + timedelta(minutes=1)
_RUNNING = replace(batches.prepared(_PREPARING, now=AT), counts=BatchCounts(running=8, succeeded=20))
_CANCELLING = replace(batches.cancel_requested(_RUNNING, reason=WHY, now=_LATER))
_CANCELLED = batches.finished(_CANCELLING, BatchCounts(succeeded=22, cancelled=78), 20480, now=_LATER)
_SUCCEEDED = batches.finished(_RUNNING, BatchCounts(succeeded=97, failed=3), 51200, now=_LATER)
BATCH_ANNOUNCED = replace(_SUCCEEDED, webhook=replace(WEBHOOK, events=(WebhookEvent.FINISHED,)))
_FAILED = batches.finished(_RUNNING, BatchCounts(succeeded=30, failed=6, cancelled=64), 30720, now=_LATER)

_DELIVERED = Delivery(WebhookEvent.FINISHED, 0, DeliveryState.DELIVERED, 1, 204)

_LINKS = ("getBatch", "getBatchResults", "cancelBatch")

BATCH_OPERATIONS = (
    Operation(
        "submitBatch",
        "POST /v1/batches",
        Scope.EXECUTE,
        "Run a tool on many inputs",
        "Each item becomes a job. `max_concurrency` of them run at the same time, fewer if the key has a lower limit. "
        "An item whose input does not fit the tool's schema is a failed job, and does not fail the others.",
        {
            202: Answer(
                "The batch was accepted. Its jobs are being created.",
                "Batch",
                {"preparing": batch_document(_PREPARING)},
                headers=("Location", "Retry-After", "Idempotency-Replayed"),
                links=_LINKS,
            )
        },
        refusals=("BatchNotAccepted", "IdempotencyMismatch"),
        parameters=("Idempotency-Key",),
        body=Body(
            "BatchRequest",
            {
                "two items": {
                    "plugin": "ocr",
                    "items": [{"input": {"image": {"upload_id": UPLOAD["upload_id"]}}, "key": "page-1"}],
                    "max_concurrency": 8,
                    "tolerated_failures": "5%",
                },
                "an upload": {"plugin": "ocr", "upload_id": UPLOAD["upload_id"], "tolerated_failures": 3},
                "a webhook": {"plugin": "ocr", "upload_id": UPLOAD["upload_id"], "webhook": {"url": WEBHOOK.url}},
            },
        ),
    ),
    Operation(
        "listBatches",
        "GET /v1/batches",
        Scope.JOBS_READ,
        "List batches, newest first",
        "Each batch appears on exactly one page. `listJobs` with `batch` lists the jobs of a batch.",
        {
            200: Answer(
                "A page of batches.",
                "BatchList",
                {
                    "the last page": batch_list([_SUCCEEDED], None),
                    "there is more": batch_list(
                        [_RUNNING], "MDFLWTRRSjNIUzAxMjM0NTY3ODlBQkNERUYuMGYxZTJkM2M0YjVhNjk3OA"
                    ),
                },
                links=("nextBatches",),
            )
        },
        refusals=("InvalidRequest",),
        parameters=("limit", "cursor"),
    ),
    Operation(
        "getBatch",
        "GET /v1/batches/{batch_id}",
        Scope.JOBS_READ,
        "Read a batch",
        "Its status, and the number of its items by status. The counts add up to `total` and follow the jobs within a "
        "second or two. Those of a finished batch are final.",
        {
            200: Answer(
                "The batch.",
                "Batch",
                {
                    "running": batch_document(_RUNNING),
                    "succeeded": batch_document(_SUCCEEDED),
                    "with a webhook": batch_document(BATCH_ANNOUNCED, [_DELIVERED]),
                    "failed": batch_document(_FAILED),
                },
                links=("getBatchResults", "cancelBatch"),
            )
        },
        refusals=("InvalidRequest", "BatchNotFound"),
    ),
    Operation(
        "getBatchResults",
        "GET /v1/batches/{batch_id}/results",
        Scope.JOBS_READ,
        "Get a link to the results of a finished batch",
        "The results are JSON Lines, one item a line, in the order of the items. A line has `index`, `key`, `job_id`, "
        "`status`, and `result` or `error`.",
        {
            200: Answer(
                "The link.",
                "BatchResults",
                {
                    "results": {
                        "download_url": f"https://interlock-bucket.s3.amazonaws.com/batches/acme/{ID}/results.jsonl",
                        "size": 51200,
                        "expires_at": rfc3339(AT + timedelta(minutes=15)),
                    }
                },
            )
        },
        refusals=("InvalidRequest", "BatchNotFound", "BatchNotFinished"),
    ),
    Operation(
        "cancelBatch",
        "POST /v1/batches/{batch_id}/cancel",
        Scope.JOBS_CANCEL,
        "Cancel a batch",
        "Pending items never start, and running ones are stopped as by `cancelJob`. The batch is `cancelled` when all "
        "of its jobs have finished. Cancelling a batch twice is not an error.",
        {
            200: Answer("The batch was cancelled before.", "Batch", {"cancelled": batch_document(_CANCELLED)}),
            202: Answer(
                "The batch is being stopped.",
                "Batch",
                {"cancelling": batch_document(_CANCELLING)},
                headers=("Retry-After",),
                links=("getBatch", "getBatchResults"),
            ),
        },
        refusals=("InvalidRequest", "BatchNotFound", "BatchAlreadyFinished"),
        body=Body("CancelRequest", {"with a reason": {"reason": WHY}}, required=False),
    ),
)
