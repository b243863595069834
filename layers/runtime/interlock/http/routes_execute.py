"""`POST /v1/execute`: execute a tool, now or as an asynchronous job."""

import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from interlock.domain.access import Principal, Scope
from interlock.domain.deadline import Deadline
from interlock.domain.errors import IdempotencyMismatch, InvalidRequest
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Job
from interlock.http.app import HttpApp
from interlock.http.models import ExecuteRequest
from interlock.http.powertools import Response
from interlock.http.presenters import finished_document, job_document
from interlock.http.requests import as_body, authorized, idempotency_key, json_document, preference
from interlock.http.responses import error_response, json_response
from interlock.http.results import presented
from interlock.jobs.documents import Documents
from interlock.jobs.execute import Execute, ExecuteCommand, Execution

GATEWAY_TIMEOUT_S = 29.0
"""After this time the gateway answers instead of the function (API Gateway's integration timeout)."""


def add_execute_route(app: HttpApp, execute: Execute, documents: Documents) -> None:
    """Register `/v1/execute`."""

    @app.route("POST", "/v1/execute")
    def execute_tool() -> Response[str]:
        command = _command(app.resolver.current_event, app.resolver.lambda_context, execute)
        return _response(execute(command), documents, preferred=command.wait_s is not None)


def _command(event: APIGatewayProxyEvent, context: Any, execute: Execute) -> ExecuteCommand:
    received_at = _received_at(event)
    invocation = Deadline.after(context.get_remaining_time_in_millis() / 1000)
    principal = authorized(event, Scope.EXECUTE)
    wait_s, key = preference(event), idempotency_key(event)
    document = json_document(event)
    request = _request(document, principal, key, execute)
    return ExecuteCommand(
        principal=principal,
        plugin=request.plugin,
        tool=request.tool,
        input=request.input,
        timeout_s=None if request.timeout_s is None else float(request.timeout_s),
        wait_s=wait_s,
        keyed=KeyedRequest.of(principal.tenant, key, _comparable(document)) if key else None,
        received_at=received_at,
        due=invocation.no_later_than(received_at + GATEWAY_TIMEOUT_S),
    )


def _request(document: Any, principal: Principal, key: str | None, execute: Execute) -> ExecuteRequest:
    """Return the body. Raises `InvalidRequest`, or `IdempotencyMismatch` if its idempotency key
    was used before: an invalid body always differs from the accepted one."""
    try:
        return as_body(document, ExecuteRequest)
    except InvalidRequest:
        if key and execute.used_before(KeyedRequest.of(principal.tenant, key, document)):
            raise IdempotencyMismatch from None
        raise


def _comparable(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a body in the form in which two requests are compared: 20 and 20.0 are the same time limit."""
    limit = document.get("timeout_s")
    return document if limit is None else {**document, "timeout_s": float(limit)}


def _received_at(event: APIGatewayProxyEvent) -> float:
    """Return when the gateway received the request, on the monotonic clock.

    The gateway's clock also counts the time that a function takes to start. A request older than the gateway's timeout
    is a replay of a stored event: it counts as received now.
    """
    age = time.time() - float(event.request_context.get("requestTimeEpoch") or 0) / 1000
    return time.monotonic() - (age if 0 <= age < GATEWAY_TIMEOUT_S else 0)


def _response(execution: Execution, documents: Documents, *, preferred: bool) -> Response[str]:
    job = execution.job
    headers = {"Idempotency-Replayed": "true"} if execution.replayed else {}
    if not job.finished:
        applied = {"Preference-Applied": "respond-async"} if preferred else {}
        return json_response(202, job_document(job), {"Location": f"/v1/jobs/{job.job_id}", **applied, **headers})
    if job.error is not None:
        return error_response(job.error, headers=headers, **_about(job))
    return json_response(200, finished_document(job, presented(job, documents, execution.result)), headers)


def _about(job: Job) -> Mapping[str, Any]:
    return {"plugin": job.plugin, "tool": job.tool, "job_id": job.job_id, "at": job.completed_at}
