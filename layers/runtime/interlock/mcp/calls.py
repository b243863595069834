"""`tools/call` and the methods of tasks: the use cases of the HTTP API, with MCP's parameters and results."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from mcp_types import CallToolRequestParams, GetTaskRequestParams
from msgspec import Struct, field
from pydantic import BaseModel

from interlock.domain.access import Principal
from interlock.domain.errors import AlreadyFinished, InterlockError, InvalidInput, NotFound
from interlock.domain.events import EventType
from interlock.domain.job import Job, Source
from interlock.domain.json_text import as_text
from interlock.domain.manifest import PluginManifest, ToolManifest
from interlock.domain.outcome import NO_CLIENT_INPUT, ClientInput
from interlock.domain.parking import input_requests
from interlock.http.envelope import error_object
from interlock.http.requests import RequestTimes, job_id_of
from interlock.http.results import MAX_INLINE_BYTES, download, fits
from interlock.jobs.answering import Answering
from interlock.jobs.documents import Documents
from interlock.jobs.execute import SMALL_REQUEST_BYTES, SYNC_LIMIT_S, Execute, ExecuteCommand
from interlock.jobs.service import JobService, finished
from interlock.mcp import content
from interlock.mcp.asking import Asking, read_responses
from interlock.mcp.failures import as_protocol_error
from interlock.mcp.headers import Header, check_parameter_headers
from interlock.mcp.messages import read_params
from interlock.mcp.tasks import SERVICE_FAILURES, needs_task, task_document
from interlock.mcp.tools import split_name
from interlock.mcp.versions import TASKS, Request, missing_capability
from interlock.plugins.registry import PluginRegistry
from interlock.ports import Clock

_NEEDS_TASKS: Mapping[str, Any] = {"extensions": {TASKS: {}}}


class Arrival(Struct, frozen=True):
    """The circumstances of a request: caller, times, size of the body and headers.
    `notifications` are sent before the response."""

    principal: Principal
    times: RequestTimes
    size_bytes: int
    header: Header
    notifications: list[dict[str, Any]] = field(default_factory=list)


class Calls:
    """Calls tools, and reads and cancels the tasks that calls became."""

    def __init__(
        self,
        execute: Execute,
        service: JobService,
        registry: PluginRegistry,
        documents: Documents,
        *,
        asking: Asking,
        answering: Answering,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._execute = execute
        self._service = service
        self._registry = registry
        self._documents = documents
        self._asking = asking
        self._answering = answering

    def call(self, request: Request, arrival: Arrival) -> dict[str, Any]:
        """Run a tool, or make its call a task if the client supports tasks and the tool needs one. A call that lacks
        input from the client gets a result that requests the input."""
        params = read_params(request.message.params, CallToolRequestParams)
        arguments = params.arguments or {}
        plugin, tool = self._registry.find(*split_name(params.name))
        if request.modern:
            check_parameter_headers(tool.input_schema, arguments, arrival.header)
        if tool.task == "required" and not request.takes_tasks:
            raise missing_capability(_NEEDS_TASKS)
        given = self._asking.given(request, arrival.principal.tenant, params)
        require = partial(self._asking.required, arrival.principal.tenant, params, given)
        as_task = request.takes_tasks and needs_task(tool)
        command = _command(request, arrival, (plugin.name, tool.name), arguments, given, as_task=as_task)
        try:
            missing = self._missing(plugin, tool, command) if request.modern else {}
            if missing:
                return require(missing)
            execution = self._execute(command)
        except InvalidInput as error:
            return dumped(content.failure(error_object(error.info, **error.about)))
        if as_task:
            return {"resultType": "task", **task_document(execution.job)}
        requests = input_requests(execution.job.error)
        if requests and request.modern:
            return require(requests)
        arrival.notifications.extend(_progress(request, execution.job))
        return self._result(finished(execution.job), execution.result)

    def _missing(self, plugin: PluginManifest, tool: ToolManifest, command: ExecuteCommand) -> Mapping[str, Any]:
        """Return the input requests that a tool declares and the client has not responded to. Raise `InvalidInput`
        for invalid arguments, so that no person is asked for input to a call that cannot run."""
        given = command.client_input or NO_CLIENT_INPUT
        missing = {name: one for name, one in tool.input_requests.items() if name not in given.responses}
        if missing:
            try:
                self._registry.checked(plugin, tool, command.input)
            except InvalidInput as error:
                error.about = {"plugin": plugin.name, "tool": tool.name}
                raise
        return missing

    def get_task(self, request: Request, arrival: Arrival) -> dict[str, Any]:
        """Return a task, with its result or error once it has one."""
        job = self._task(request, arrival)
        task = task_document(job)
        if task["status"] == "failed" and job.error is not None:
            return {**task, "error": as_protocol_error(job.error, _about(job)).document()}
        if task["status"] != "completed":
            return task
        return {**task, "result": self._result(job, None)}

    def update_task(self, request: Request, arrival: Arrival) -> dict[str, Any]:
        """Store responses of the client in a task. Responses that are not outstanding are ignored."""
        job = self._task(request, arrival)
        self._answering(job, read_responses(request, job))
        return {}

    def cancel_task(self, request: Request, arrival: Arrival) -> dict[str, Any]:
        """Cancel a task. The response is the same if the task has already ended."""
        job = self._task(request, arrival)
        with suppress(AlreadyFinished):
            self._service.cancel(job.tenant, job.job_id, "tasks/cancel")
        return {}

    def _task(self, request: Request, arrival: Arrival) -> Job:
        """Return the job of a task. Raise `NotFound` if it is unknown, expired, or belongs to another tenant."""
        if not request.takes_tasks:
            raise missing_capability(_NEEDS_TASKS)
        task_id = read_params(request.message.params, GetTaskRequestParams).task_id
        job = self._service.get(arrival.principal.tenant, job_id_of(task_id))
        if job.expired(self._clock()):
            raise NotFound(f"There is no job {task_id!r}.")
        return job

    def _result(self, job: Job, result: Any) -> dict[str, Any]:
        """Return the result of a finished job. `result` is passed if it is in memory already."""
        if job.error is not None:
            if job.error.code in SERVICE_FAILURES:
                raise as_protocol_error(job.error, _about(job))
            return dumped(content.failure(error_object(job.error, **_about(job))))
        if job.result is None:  # only a job that succeeded has no error
            raise as_protocol_error(NotFound(f"The job {job.job_id} has no result.").info, _about(job))
        if job.result.size_bytes <= MAX_INLINE_BYTES:
            value = self._documents.read(job.result) if result is None else result
            whole = dumped(content.success(job, value, self._output_schema(job)))
            if fits(as_text(whole)):
                return whole
        return dumped(content.too_large(job, download(job.result, self._documents)))

    def _output_schema(self, job: Job) -> Mapping[str, Any]:
        """Return the schema of a job's result, an empty one if its tool no longer exists."""
        with suppress(InterlockError):
            return self._registry.find(job.plugin, job.tool)[1].output_schema
        return {}


def dumped(model: BaseModel) -> dict[str, Any]:
    """Return a model as JSON, with the field names of the protocol."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _command(
    request: Request,
    arrival: Arrival,
    tool: tuple[str, str],
    arguments: Mapping[str, Any],
    given: ClientInput,
    *,
    as_task: bool,
) -> ExecuteCommand:
    return ExecuteCommand(
        principal=arrival.principal,
        plugin=tool[0],
        tool=tool[1],
        input=arguments,
        timeout_s=None,
        deadline_s=None,
        keyed=None,
        asynchronous=as_task,
        until=arrival.times.waiting(0 if as_task else SYNC_LIMIT_S),
        due=arrival.times.due,
        small=arrival.size_bytes <= SMALL_REQUEST_BYTES,
        source=Source.MCP,
        client=request.client,
        client_input=given if given.methods else None,
    )


def _about(job: Job) -> Mapping[str, Any]:
    return {"plugin": job.plugin, "tool": job.tool, "job_id": job.job_id, "at": job.completed_at}


def _progress(request: Request, job: Job) -> Iterator[dict[str, Any]]:
    """Yield the progress of a run, if the client asked for it. A function cannot send it before its response."""
    meta = request.message.params.get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    latest = -1.0
    for event in job.events.events if isinstance(token, str | int) else ():
        if event.type is EventType.PROGRESS and event.fields["fraction"] > latest:  # it must increase
            latest = event.fields["fraction"]
            params = {"progressToken": token, "progress": latest, "total": 1, "message": event.fields["message"]}
            yield {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
