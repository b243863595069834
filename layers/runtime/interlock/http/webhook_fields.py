"""The webhook that a request asks for."""

from collections.abc import Mapping
from typing import Any

from interlock.domain.problems import problem
from interlock.domain.webhook import Webhook, WebhookEvent
from interlock.domain.webhook_url import BadUrl, UrlRules
from interlock.http.requests import invalid_body


def requested_webhook(given: Mapping[str, Any] | None, rules: UrlRules) -> Webhook | None:
    """Return the webhook of a request. Raise `InvalidRequest` if its URL is not allowed."""
    if given is None:
        return None
    try:
        rules.check(given["url"])
    except BadUrl as error:
        raise invalid_body([problem(("webhook", "url"), str(error))]) from None
    events = given.get("events", [WebhookEvent.FINISHED])
    return Webhook(given["url"], tuple(event for event in WebhookEvent if event in events))
