"""The cases of webhooks, by operation, status and circumstances."""

from collections.abc import Callable, Mapping

from tests.service.openapi_service import UNKNOWN_JOB, Answer, Service

_WEBHOOK = {"url": "https://example.com/hooks", "events": ["started", "finished"]}


def _with_webhook(service: Service, *, prefer: str) -> Answer:
    body = {"plugin": "specimen", "tool": "say", "input": {}, "webhook": _WEBHOOK}
    return service.call("execute", body, headers={"Prefer": prefer})


def _announced(service: Service, *, finished: bool = True) -> str:
    """Return the id of a job with a webhook."""
    answer = _with_webhook(service, prefer="respond-async")
    if finished:
        service.run(str(answer.body["job_id"]))
    return str(answer.body["job_id"])


def _list_with_webhook(service: Service) -> Answer:
    _announced(service)
    return service.call("listJobs", query={"limit": ["1"]})


WEBHOOKS: Mapping[tuple[str, int, str], Callable[[Service], Answer]] = {
    ("execute", 202, "with a webhook"): lambda service: _with_webhook(service, prefer="respond-async"),
    ("execute", 400, "invalid_request webhook"): lambda service: _with_webhook(service, prefer=""),
    ("getJob", 200, "with a webhook"): lambda service: service.call("getJob", job_id=_announced(service)),
    ("listJobs", 200, "with a webhook"): _list_with_webhook,
    ("redeliverWebhook", 202, "finished"): lambda service: service.call(
        "redeliverWebhook", {"event": "finished"}, job_id=_announced(service)
    ),
    ("redeliverWebhook", 400, "unknown event"): lambda service: service.call(
        "redeliverWebhook", {"event": "begun"}, job_id=_announced(service)
    ),
    ("redeliverWebhook", 404, "unknown"): lambda service: service.call("redeliverWebhook", job_id=UNKNOWN_JOB),
    ("redeliverWebhook", 404, "no webhook"): lambda service: service.call(
        "redeliverWebhook", job_id=service.finished()
    ),
    ("redeliverWebhook", 409, "not_finished"): lambda service: service.call(
        "redeliverWebhook", job_id=_announced(service, finished=False)
    ),
    ("getWebhookSecret", 200, "new"): lambda service: service.call("getWebhookSecret"),
    ("getWebhookSecret", 400, "unknown parameter"): lambda service: service.call(
        "getWebhookSecret", query={"page": ["2"]}
    ),
    ("rotateWebhookSecret", 200, "rotated"): lambda service: service.call("rotateWebhookSecret"),
}
