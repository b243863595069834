"""The task of the workflow of deliveries: sends the message of a webhook once."""

from typing import Any

from interlock.composition.core import Core
from interlock.composition.send_webhook import send_webhook_task

send_webhook = send_webhook_task(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return send_webhook(event)
