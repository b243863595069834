"""`POST /v1/execute`: run a tool now, or hand the job to the workflow."""

import time
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from interlock.documents import Documents
from interlock.domain.access import Scope
from interlock.domain.errors import IdempotencyMismatch, InterlockError, InvalidInput, ServiceUnavailable
from interlock.domain.idempotency import IdempotencyClaim
from interlock.domain.job import Job
from interlock.http.app import HttpApp
from interlock.http.limits import RateLimits
from interlock.http.models import ExecuteRequest, finished_document, job_document
from interlock.http.requests import authorized, idempotency_key, json_body, preference
from interlock.http.responses import error_response, json_response
from interlock.http.results import presented
from interlock.http.routes_uploads import add_upload_route
from interlock.job_runner import JobRunner
from interlock.job_service import JobService, NewJob
from interlock.plugin_registry import PluginRegistry, ToolCall
from interlock.ports import AlreadyClaimed
from interlock.uploads import Uploads

GATEWAY_TIMEOUT_S = 29.0
"""After this the gateway answers in our place (API Gateway's integration timeout)."""

SYNC_LIMIT_S = 25.0
"""The longest synchronous run."""

END_MARGIN_S = 3.5
"""What is kept of the invocation to stop a tool (2 s of grace) and to write the end."""

POLL_S = 0.1


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
        until = _until(event, context)
        principal = authorized(event, Scope.EXECUTE)
        request = json_body(event, ExecuteRequest)
        wait_s = preference(event)
        tool_name = request.tool
        try:
            manifest, tool = self._registry.find(request.plugin, tool_name)
            tool_name = tool.name
            call = self._registry.checked(manifest, tool, request.input)
        except InterlockError as error:
            return error_response(error.info, plugin=request.plugin, tool=tool_name)
        timeout_s = min(tool.timeout_s, request.timeout_s or tool.timeout_s)
        if wait_s is None:
            timeout_s = min(timeout_s, SYNC_LIMIT_S)
        wanted = NewJob(
            principal.tenant,
            manifest.name,
            tool.name,
            manifest.version,
            timeout_s,
            key_id=principal.key_id,
            key_limit=principal.concurrency,
        )
        job = self._service.new(wanted)
        key = idempotency_key(event)
        once = self._service.claim(job, key, request.model_dump(exclude_unset=True)) if key else None
        try:
            self._check_uploads(job, call, once)
            if wait_s is None:
                return self._run_now(job, call, once, until)
            return self._accepted(self._awaited(self._service.submit(job, request.input, once), wait_s, until))
        except AlreadyClaimed as error:
            return self._replayed(error.claim, once, wait_s, until)
        except InvalidInput as error:
            return error_response(error.info, plugin=job.plugin, tool=job.tool)

    def _check_uploads(self, job: Job, call: ToolCall, once: IdempotencyClaim | None) -> None:
        """Raises `InvalidInput` for uploads that cannot be used, and `ServiceUnavailable`; but `AlreadyClaimed` for a
        request that was taken before under its key: its job stands, also when its uploads have expired since."""
        try:
            self._uploads.check(job.tenant, call.uploads)
        except (InvalidInput, ServiceUnavailable):
            first = self._service.claimed(once) if once is not None else None
            if first is None:
                raise
            raise AlreadyClaimed(first) from None

    def _run_now(self, job: Job, call: ToolCall, once: IdempotencyClaim | None, until: float) -> Response[str]:
        limit_s = until - time.monotonic() - END_MARGIN_S
        finished = self._runner.run_now(job, call, limit_s=limit_s, once=once)
        return self._ended(finished.job, finished.result)

    def _replayed(
        self, first: IdempotencyClaim, ours: IdempotencyClaim | None, wait_s: int | None, until: float
    ) -> Response[str]:
        """The job of the first request under this key, joined while it is in flight."""
        if ours is None or first.request_hash != ours.request_hash:
            raise IdempotencyMismatch
        job = self._service.get(first.tenant, first.job_id)
        job = self._awaited(job, SYNC_LIMIT_S if wait_s is None else wait_s, until)
        answer = self._accepted(job, preferred=wait_s is not None)
        answer.headers["Idempotency-Replayed"] = "true"
        return answer

    def _awaited(self, job: Job, wait_s: float, until: float) -> Job:
        """The job as soon as it has ended, or as it stands after that many seconds (RFC 7240, section 4.3)."""
        until = min(until - 1, time.monotonic() + wait_s)
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


def _until(event: APIGatewayProxyEvent, context: Any) -> float:
    """When this request has to be answered, by `time.monotonic`. The gateway's clock runs while a function is started,
    Lambda's does not. A request that is older than the gateway waits was kept and is being replayed."""
    left = float(context.get_remaining_time_in_millis()) / 1000
    age = time.time() - float(event.request_context.get("requestTimeEpoch") or 0) / 1000
    if 0 <= age < GATEWAY_TIMEOUT_S:
        left = min(left, GATEWAY_TIMEOUT_S - age)
    return time.monotonic() + left
