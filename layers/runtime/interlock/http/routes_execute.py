"""`POST /v1/execute`, `POST /v1/jobs/{id}/rerun` and `POST /mcp`: execute a tool, now or as an asynchronous job."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from msgspec import Struct

from interlock.domain.access import Principal, Scope
from interlock.domain.errors import IdempotencyMismatch, InvalidRequest
from interlock.domain.idempotency import KeyedRequest, comparable
from interlock.domain.job import Job
from interlock.domain.problems import problem
from interlock.domain.webhook_url import UrlRules
from interlock.http.app import MCP_PATH, HttpApp
from interlock.http.models import ExecuteRequest, RequestBody, RerunRequest
from interlock.http.powertools import Response
from interlock.http.presenters import finished_document, job_document
from interlock.http.requests import (
    Preferences,
    RequestTimes,
    as_body,
    authorized,
    idempotency_key,
    invalid_body,
    job_id_of,
    job_location,
    json_document,
    preferences,
)
from interlock.http.responses import ACCEPTED_HEADERS, error_response, json_response
from interlock.http.results import presented
from interlock.http.webhook_fields import requested_webhook
from interlock.jobs.deliveries import Deliveries
from interlock.jobs.documents import Documents
from interlock.jobs.execute import SMALL_REQUEST_BYTES, SYNC_LIMIT_S, Execute, ExecuteCommand, Execution
from interlock.jobs.service import JobService


class Shown(Struct, frozen=True):
    """The sources of those parts of a response that the job itself does not contain."""

    documents: Documents
    deliveries: Deliveries


def add_execute_route(app: HttpApp, execute: Execute, shown: Shown, rules: UrlRules, *, max_wait_s: int) -> None:
    """Register `/v1/execute`."""

    @app.route("POST", "/v1/execute")
    def execute_tool() -> Response[str]:
        event = app.resolver.current_event
        times = RequestTimes.of(event, app.resolver.lambda_context)
        principal = authorized(event, Scope.EXECUTE)
        preferred, key = preferences(event, max_wait_s=max_wait_s), idempotency_key(event)
        document = json_document(event)
        request = _request(document, ExecuteRequest, principal, key, execute)
        wait_s = preferred.execution_wait_s
        if wait_s is None:
            _check_synchronous(request)
        command = ExecuteCommand(
            principal=principal,
            plugin=request.plugin,
            tool=request.tool,
            input=request.input,
            timeout_s=_seconds(request.timeout_s),
            deadline_s=_seconds(request.deadline_s),
            keyed=KeyedRequest.of(principal.tenant, key, comparable(document)) if key else None,
            asynchronous=wait_s is not None,
            until=times.waiting(SYNC_LIMIT_S if wait_s is None else wait_s),
            due=times.due,
            webhook=requested_webhook(request.webhook, rules),
            small=len(event.get("body") or "") <= SMALL_REQUEST_BYTES,
        )
        return _response(event, execute(command), shown, preferred)


def add_rerun_route(
    app: HttpApp, execute: Execute, service: JobService, shown: Shown, rules: UrlRules, *, max_wait_s: int
) -> None:
    """Register `/v1/jobs/{id}/rerun`."""

    @app.route("POST", "/v1/jobs/<job_id>/rerun")
    def rerun_job(job_id: str) -> Response[str]:
        event = app.resolver.current_event
        times = RequestTimes.of(event, app.resolver.lambda_context)
        principal = authorized(event, Scope.EXECUTE)
        original = service.get(principal.tenant, job_id_of(job_id))
        preferred, key = preferences(event, max_wait_s=max_wait_s), idempotency_key(event)
        document = json_document(event, empty={})
        request = _request(document, RerunRequest, principal, key, execute)
        body = {"rerun_of": job_id, **comparable(document)}
        command = ExecuteCommand(
            principal=principal,
            plugin=original.plugin,
            tool=original.tool,
            input=request.input or {},
            timeout_s=_seconds(request.timeout_s),
            deadline_s=_seconds(request.deadline_s),
            keyed=KeyedRequest.of(principal.tenant, key, body) if key else None,
            asynchronous=True,
            until=times.waiting(preferred.execution_wait_s or 0),
            due=times.due,
            webhook=requested_webhook(request.webhook, rules),
            original=original,
        )
        return _response(event, execute(command), shown, preferred)


type McpServer = Callable[[APIGatewayProxyEvent, RequestTimes], Response[str]]


def add_mcp_route(app: HttpApp, server: Callable[[], McpServer]) -> None:
    """Register `/mcp`. `server` returns the MCP server, and imports it on the first call."""

    @app.route("POST", MCP_PATH)
    def mcp() -> Response[str]:
        event = app.resolver.current_event
        return server()(event, RequestTimes.of(event, app.resolver.lambda_context))


def _request[Body: RequestBody](
    document: Any, body: type[Body], principal: Principal, key: str | None, execute: Execute
) -> Body:
    """Return the body. Raise `InvalidRequest`, or `IdempotencyMismatch` if its idempotency key was used before: an
    invalid body always differs from the accepted one."""
    try:
        return as_body(document, body)
    except InvalidRequest:
        if key and execute.used_before(KeyedRequest.of(principal.tenant, key, document)):
            raise IdempotencyMismatch from None
        raise


def _check_synchronous(request: ExecuteRequest) -> None:
    """Raise `InvalidRequest` if the body has fields that need an asynchronous job."""
    needs = "needs an asynchronous job: send Prefer: respond-async"
    if request.deadline_s is not None:
        raise invalid_body([problem(("deadline_s",), f"{needs}, or timeout_s instead")])
    if request.webhook is not None:
        raise invalid_body([problem(("webhook",), needs)])


def _seconds(given: float | None) -> float | None:
    return None if given is None else float(given)


def _response(event: APIGatewayProxyEvent, execution: Execution, shown: Shown, preferred: Preferences) -> Response[str]:
    job = execution.job
    headers = {"Idempotency-Replayed": "true"} if execution.replayed else {}
    if not job.finished:
        location = {"Location": job_location(event, job.job_id)}
        document = job_document(job, shown.deliveries.of(job))
        return json_response(202, document, {**location, **ACCEPTED_HEADERS, **preferred.applied, **headers})
    if job.error is not None:
        return error_response(job.error, headers=headers, **_about(job))
    return json_response(200, finished_document(job, presented(job, shown.documents, execution.result)), headers)


def _about(job: Job) -> Mapping[str, Any]:
    return {"plugin": job.plugin, "tool": job.tool, "job_id": job.job_id, "at": job.completed_at}
