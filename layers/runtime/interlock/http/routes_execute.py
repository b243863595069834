"""`POST /v1/execute`: run a tool now, or hand the job to the workflow."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from interlock.domain.access import Principal, Scope
from interlock.domain.errors import IdempotencyMismatch, InterlockError, InvalidRequest
from interlock.domain.idempotency import IdempotencyClaim, KeyedRequest
from interlock.domain.job import Job
from interlock.http.app import HttpApp, refused
from interlock.http.limits import RateLimits
from interlock.http.models import MIN_TIMEOUT_S, ExecuteRequest, finished_document, job_document
from interlock.http.requests import as_model, authorized, idempotency_key, json_document, preference
from interlock.http.responses import error_response, json_response
from interlock.http.results import presented
from interlock.http.routes_uploads import add_upload_route
from interlock.jobs.documents import Documents
from interlock.jobs.runner import JobRunner
from interlock.jobs.service import JobService, NewJob
from interlock.jobs.uploads import Uploads
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.ports import AlreadyClaimed

GATEWAY_TIMEOUT_S = 29.0
"""After this the gateway answers in our place (API Gateway's integration timeout)."""

SYNC_LIMIT_S = 25.0
"""The longest synchronous run."""

END_MARGIN_S = 3.5
"""What is kept of the invocation to stop a tool (2 s of grace) and to write the end."""

POLL_S = 0.1

RUN_LONGER = "Submit it with Prefer: respond-async to run longer."


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request with who sent it. `wait_s` is None for one that runs now. When the gateway took it (`arrived`) and when
    it has to be answered (`until`) are of `time.monotonic`."""

    principal: Principal
    body: ExecuteRequest
    wait_s: int | None
    keyed: KeyedRequest | None
    arrived: float
    until: float

    @property
    def left_s(self) -> float:
        """What is left for the job of one that runs now."""
        return self.until - time.monotonic() - END_MARGIN_S


class ExecuteRoute:
    """`POST /v1/execute`."""

    def __init__(
        self,
        registry: PluginRegistry,
        service: JobService,
        runner: JobRunner,
        documents: Documents,
        uploads: Uploads,
    ) -> None:
        self._registry = registry
        self._service = service
        self._runner = runner
        self._documents = documents
        self._uploads = uploads

    def __call__(self, event: APIGatewayProxyEvent, context: Any) -> Response[str]:
        """Answers a request; `context` is Lambda's, for what is left of the invocation."""
        arrived = _arrived(event)
        until = min(arrived + GATEWAY_TIMEOUT_S, time.monotonic() + context.get_remaining_time_in_millis() / 1000)
        principal = authorized(event, Scope.EXECUTE)
        wait_s, key = preference(event), idempotency_key(event)
        request = self._request(json_document(event), principal, key)
        keyed = KeyedRequest.of(principal.tenant, key, request.model_dump(exclude_unset=True)) if key else None
        asked = _Asked(principal, request, wait_s, keyed, arrived, until)
        try:
            return self._answer(asked)
        except AlreadyClaimed as error:
            return self._replayed(error.claim, asked)
        except InterlockError as error:
            return refused(error, **self._about(request))

    def _request(self, document: Any, principal: Principal, key: str | None) -> ExecuteRequest:
        """The body of a request. Raises `InvalidRequest`, but `IdempotencyMismatch` when its key was taken before: by
        another body, since this one is taken never."""
        try:
            return as_model(document, ExecuteRequest)
        except InvalidRequest:
            if key and self._service.claimed(KeyedRequest.of(principal.tenant, key, document)):
                raise IdempotencyMismatch from None
            raise

    def _answer(self, asked: _Asked) -> Response[str]:
        with self._unless_claimed(asked.keyed):
            call = self._registry.checked(*self._registry.find(asked.body.plugin, asked.body.tool), asked.body.input)
            self._uploads.check(asked.principal.tenant, call.uploads)
        limit_s = min(call.tool.timeout_s, asked.body.timeout_s or call.tool.timeout_s)
        if asked.wait_s is None:
            return self._run_now(asked, call, limit_s)
        job = self._service.new(_wanted(asked, call, limit_s))
        job = self._service.submit(job, asked.body.input, _claim(asked, job))
        return self._accepted(self._awaited(job, asked.wait_s, asked))

    @contextmanager
    def _unless_claimed(self, keyed: KeyedRequest | None) -> Iterator[None]:
        """Raises `AlreadyClaimed` in place of a refusal when a request was taken before under this key: its job stands,
        also when its plugin has changed or its uploads have expired since. Only a refusal costs the look."""
        try:
            yield
        except InterlockError:
            first = self._service.claimed(keyed) if keyed else None
            if first is None:
                raise
            raise AlreadyClaimed(first) from None

    def _about(self, request: ExecuteRequest) -> dict[str, str | None]:
        """What an envelope tells of a request: the tool also where the first one was meant."""
        tool = request.tool
        with suppress(InterlockError):
            tool = self._registry.find(request.plugin, request.tool)[1].name
        return {"plugin": request.plugin, "tool": tool}

    def _run_now(self, asked: _Asked, call: ToolCall, limit_s: float) -> Response[str]:
        # The job has the limit that holds: what the gateway has waited, for a function to start, is missing from it.
        limit_now_s = min(limit_s, SYNC_LIMIT_S, max(MIN_TIMEOUT_S, round(asked.left_s, 3)))
        job = self._service.new(_wanted(asked, call, limit_now_s))
        advice = RUN_LONGER if limit_now_s < limit_s else None
        finished = self._runner.run_now(job, call, limit_s=asked.left_s, once=_claim(asked, job), advice=advice)
        return self._ended(finished.job, finished.result)

    def _replayed(self, first: IdempotencyClaim, asked: _Asked) -> Response[str]:
        """The job of the first request under this key, joined while it is in flight."""
        if asked.keyed is None or not asked.keyed.made(first):
            return refused(IdempotencyMismatch(), **self._about(asked.body))
        job = self._service.get(first.tenant, first.job_id)
        job = self._awaited(job, SYNC_LIMIT_S if asked.wait_s is None else asked.wait_s, asked)
        answer = self._accepted(job, preferred=asked.wait_s is not None)
        answer.headers["Idempotency-Replayed"] = "true"
        return answer

    def _awaited(self, job: Job, wait_s: float, asked: _Asked) -> Job:
        """The job as soon as it has ended, or as it stands that many seconds after the request was received (RFC 7240,
        section 4.3)."""
        until = min(asked.until - 1, asked.arrived + wait_s)
        while not job.finished and time.monotonic() < until:
            time.sleep(POLL_S)
            job = self._service.get(job.tenant, job.job_id)
        return job

    def _accepted(self, job: Job, *, preferred: bool = True) -> Response[str]:
        if job.finished:
            return self._ended(job, None)
        applied = {"Preference-Applied": "respond-async"} if preferred else {}
        return json_response(202, job_document(job), {"Location": f"/v1/jobs/{job.job_id}", **applied})

    def _ended(self, job: Job, result: Any) -> Response[str]:
        if job.error is not None:
            return error_response(job.error, plugin=job.plugin, tool=job.tool, job_id=job.job_id, at=job.completed_at)
        return json_response(200, finished_document(job, presented(job, self._documents, result)))


def execute_app(route: ExecuteRoute, uploads: Uploads, limits: RateLimits) -> HttpApp:
    """The HTTP application of the execute function."""
    app = HttpApp(limits)

    @app.route("POST", "/v1/execute")
    def execute() -> Response[str]:
        return route(app.resolver.current_event, app.resolver.lambda_context)

    add_upload_route(app, uploads)
    return app.close_routes()


def _wanted(asked: _Asked, call: ToolCall, limit_s: float) -> NewJob:
    return NewJob(
        asked.principal.tenant,
        call.plugin.name,
        call.tool.name,
        call.plugin.version,
        limit_s,
        key_id=asked.principal.key_id,
        key_limit=asked.principal.concurrency,
    )


def _claim(asked: _Asked, job: Job) -> IdempotencyClaim | None:
    return asked.keyed.claim(job) if asked.keyed else None


def _arrived(event: APIGatewayProxyEvent) -> float:
    """When the gateway took this request. Its clock runs while a function is started, Lambda's does not. A request that
    is older than the gateway waits was kept and is being replayed: it has just come."""
    age = time.time() - float(event.request_context.get("requestTimeEpoch") or 0) / 1000
    return time.monotonic() - (age if 0 <= age < GATEWAY_TIMEOUT_S else 0)
