"""The operations on webhooks, and the messages that the service sends."""

import json
from collections.abc import Mapping

from interlock.domain.access import Scope
from interlock.domain.webhook import Delivery, WebhookEvent
from interlock.http import presenters
from interlock.http.webhook_messages import batch_message, job_message
from interlock_dev.openapi.batch_operations import BATCH_ANNOUNCED
from interlock_dev.openapi.examples import ANNOUNCED, AT, FAILED, RUNNING, SIGNING
from interlock_dev.openapi.operation import Answer, Body, Operation
from interlock_dev.openapi.schemas import Json, ref

_AGAIN = Delivery(WebhookEvent.FINISHED, 1)
_SECRET = presenters.webhook_secret_document(SIGNING, AT)

WEBHOOK_OPERATIONS = (
    Operation(
        "redeliverWebhook",
        "POST /v1/jobs/{job_id}/webhook/redeliver",
        Scope.EXECUTE,
        "Send the messages of a job's webhook again",
        "Begins another round of attempts, whether the message was delivered, given up, or is still tried. It has the "
        "same `webhook-id` as before.",
        {
            202: Answer(
                "The messages are sent again.",
                "Job",
                {"finished": presenters.job_document(ANNOUNCED, [_AGAIN])},
                headers=("Retry-After",),
                links=("getJob",),
            )
        },
        refusals=("InvalidRequest", "WebhookNotFound", "NotFinished"),
        body=Body("RedeliverRequest", {"all": {}, "the end": {"event": "finished"}}, required=False),
    ),
    Operation(
        "getWebhookSecret",
        "GET /v1/webhook-secret",
        Scope.ADMIN,
        "Read the secret that signs the tenant's webhooks",
        "It is created when it is first read or used.",
        {200: Answer("The secret.", "WebhookSecret", {"rotated": _SECRET}, headers=("Cache-Control",))},
        refusals=("InvalidRequest",),
    ),
    Operation(
        "rotateWebhookSecret",
        "POST /v1/webhook-secret/rotate",
        Scope.ADMIN,
        "Replace the secret that signs the tenant's webhooks",
        "Messages are also signed with the old secret for 24 hours, so they have two signatures, separated by a space.",
        {200: Answer("The new secret.", "WebhookSecret", {"rotated": _SECRET}, headers=("Cache-Control",))},
    ),
)

_HEADERS = {
    "webhook-id": "Id of the message, the same on every attempt. Ignore ids that you have processed.",
    "webhook-timestamp": "Time of the attempt, in seconds since 1970.",
    "webhook-signature": "Signatures of id, timestamp and body: `v1,` and base64, separated by spaces.",
}


def _message(operation_id: str, summary: str, description: str, schema: str, examples: Mapping[str, str]) -> Json:
    """Return the request that a receiver gets, with messages as examples."""
    return {
        "post": {
            "operationId": operation_id,
            "summary": summary,
            "description": description,
            "parameters": [
                {"name": name, "in": "header", "description": text, "required": True, "schema": {"type": "string"}}
                for name, text in _HEADERS.items()
            ],
            "requestBody": {
                "content": {
                    "application/json": {
                        "schema": ref(schema),
                        "examples": {name: {"value": json.loads(text)} for name, text in examples.items()},
                    }
                }
            },
            "responses": {
                "2XX": {"description": "The message is delivered, if this comes within 15 s."},
                "410": {"description": "The message is given up, without further attempts."},
                "default": {
                    "description": "The message is sent again after 5 s, 1 min, 5 min, 30 min, 2 h, 5 h, 10 h."
                },
            },
        }
    }


MESSAGES: Json = {
    "jobEvent": _message(
        "jobEvent",
        "A job has started or finished",
        "Sent to the URL of a job's webhook, as https://www.standardwebhooks.com specifies. Verify the signature with "
        "the secret of `getWebhookSecret`. Messages may arrive more than once and in any order. They have at most "
        "20 KB.",
        "WebhookMessage",
        {
            "succeeded": job_message(WebhookEvent.FINISHED, ANNOUNCED),
            "failed": job_message(WebhookEvent.FINISHED, FAILED),
            "started": job_message(WebhookEvent.STARTED, RUNNING),
        },
    ),
    "batchEvent": _message(
        "batchEvent",
        "A batch has ended",
        "Sent to the URL of a batch's webhook when all of its jobs have finished, like the messages about jobs.",
        "BatchMessage",
        {"succeeded": batch_message(BATCH_ANNOUNCED)},
    ),
}
"""The requests that receivers of webhooks get (OpenAPI 3.1, `webhooks`)."""
