"""Execute a tool: run it now, or submit a job and wait for it; join the job of an earlier request with the same key."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from msgspec import Struct

from interlock.domain.access import Principal
from interlock.domain.deadline import MIN_TIMEOUT_S, Deadline
from interlock.domain.errors import (
    MAX_REQUEST_BYTES,
    IdempotencyMismatch,
    InputExpired,
    InterlockError,
    NotFound,
    PayloadTooLarge,
)
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Client, Job, Source, StoredJson
from interlock.domain.json_text import as_text
from interlock.domain.outcome import ClientInput
from interlock.domain.webhook import Webhook
from interlock.jobs.documents import Documents, merged
from interlock.jobs.runner import JobRunner
from interlock.jobs.service import JobService, NewJob
from interlock.jobs.uploads import Uploads
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.ports import KeyAlreadyUsed

SYNC_LIMIT_S = 25.0
"""The longest synchronous run."""

END_MARGIN_S = 3.5
"""Time of the invocation that is reserved to stop a tool (2 s of grace) and to write the end of its job."""

KEPT_INPUT_BYTES = 256
"""An input of up to this size is stored with a synchronous job too, so that the job can be rerun. The input fits into
the first KB of the job's item, so storing it costs nothing."""

SMALL_REQUEST_BYTES = 4 * KEPT_INPUT_BYTES
"""A larger request is not checked for an input of up to `KEPT_INPUT_BYTES`."""

_NOT_STORED = (
    f"The input of this job is not stored: it ran synchronously, with an input of over {KEPT_INPUT_BYTES} bytes. "
    "Execute the tool again with the whole input."
)
_EXPIRED = "The input of this job has expired. Execute the tool again with the whole input."

RUN_LONGER = "Submit it with Prefer: respond-async to run longer."


class ExecuteCommand(Struct, frozen=True):
    """A request to execute a tool. `tool` None means the first tool of the plugin's manifest.

    The caller waits for an asynchronous job until `until`. The response must be sent by `due`. `small` is true for a
    request of at most `SMALL_REQUEST_BYTES`. `original` is the job to run again: `input` is then a merge patch of its
    input. `source`, `client` and `client_input` are as in `Job`.
    """

    principal: Principal
    plugin: str
    tool: str | None
    input: Mapping[str, Any]
    timeout_s: float | None
    deadline_s: float | None
    keyed: KeyedRequest | None
    asynchronous: bool
    until: Deadline
    due: Deadline
    webhook: Webhook | None = None
    small: bool = False
    original: Job | None = None
    source: Source | None = None
    client: Client | None = None
    client_input: ClientInput | None = None


class Execution(Struct, frozen=True):
    """The job of a request, finished or not.

    `result` is set if this process ran the tool, `replayed` if an earlier request with the same key made the job.
    """

    job: Job
    result: Any = None
    replayed: bool = False


class Execute:
    """The use case behind `POST /v1/execute` and `POST /v1/jobs/{id}/rerun`."""

    def __init__(
        self, registry: PluginRegistry, service: JobService, runner: JobRunner, documents: Documents, uploads: Uploads
    ) -> None:
        self._registry = registry
        self._service = service
        self._runner = runner
        self._documents = documents
        self._uploads = uploads

    def __call__(self, command: ExecuteCommand) -> Execution:
        """Execute the command. Errors name the plugin and the tool of the request."""
        try:
            try:
                return self._execute(command)
            except KeyAlreadyUsed as error:
                return self._join(error.job, command)
        except InterlockError as error:
            error.about = {"plugin": command.plugin, "tool": self._tool_name(command), **error.about}
            raise

    def used_before(self, keyed: KeyedRequest) -> bool:
        """Return whether a job with the idempotency key exists already."""
        return self._service.first_job(keyed) is not None

    def _execute(self, command: ExecuteCommand) -> Execution:
        with self._unless_claimed(command.keyed):
            given = self._input(command)
            call = self._registry.checked(*self._registry.find(command.plugin, command.tool), given)
            self._uploads.check(command.principal.tenant, call.uploads)
        limit_s = min(call.tool.timeout_s, command.timeout_s or call.tool.timeout_s)
        if not command.asynchronous:
            return self._run_now(command, call, limit_s)
        job = self._service.new(_new_job(command, call, limit_s))
        job = self._service.submit(job, given)
        return Execution(self._wait(job, command.until))

    def _input(self, command: ExecuteCommand) -> Mapping[str, Any]:
        """Return the input of the run. Raise `InputExpired` if the original job's input is not stored, and
        `PayloadTooLarge` if the merged input is larger than a request may be: each rerun may add to it."""
        if command.original is None:
            return command.input
        stored = command.original.input
        if stored is None:
            raise _expired(command.original, _NOT_STORED)
        try:
            text = self._documents.text(stored)
        except NotFound:
            raise _expired(command.original, _EXPIRED) from None
        found: Mapping[str, Any] = merged(json.loads(text), command.input)
        if command.input and len(as_text(found)) > MAX_REQUEST_BYTES:
            raise PayloadTooLarge(limit_bytes=MAX_REQUEST_BYTES)
        return found

    @contextmanager
    def _unless_claimed(self, keyed: KeyedRequest | None) -> Iterator[None]:
        """Raise `KeyAlreadyUsed` instead of a refusal if an earlier request with this key was accepted.

        The job of that request is returned even if the plugin has changed or the uploads have expired since. The table
        is read only when a request is refused.
        """
        try:
            yield
        except InterlockError:
            first = self._service.first_job(keyed) if keyed else None
            if first is None:
                raise
            raise KeyAlreadyUsed(first) from None

    def _tool_name(self, command: ExecuteCommand) -> str | None:
        with suppress(InterlockError):
            return self._registry.find(command.plugin, command.tool)[1].name
        return command.tool

    def _run_now(self, command: ExecuteCommand, call: ToolCall, limit_s: float) -> Execution:
        # The job stores the limit that applies to its run. The limit is shorter if the gateway had to wait for the
        # function to start.
        deadline = command.due.earlier(END_MARGIN_S)
        limit_now_s = min(limit_s, SYNC_LIMIT_S, max(MIN_TIMEOUT_S, deadline.left_s))
        if limit_now_s < limit_s:
            deadline = deadline.advising(RUN_LONGER)
        job = self._service.new(_new_job(command, call, limit_now_s, _kept(command)))
        finished = self._runner.run_now(job, call, deadline=deadline)
        return Execution(finished.job, finished.result)

    def _join(self, first: Job, command: ExecuteCommand) -> Execution:
        """Return the job of the first request with this key, and wait for it while it is unfinished."""
        if command.keyed is None or not command.keyed.matches(first):
            raise IdempotencyMismatch
        job = self._wait(self._service.settle_expired(first), command.until)
        return Execution(job, replayed=True)

    def _wait(self, job: Job, until: Deadline) -> Job:
        """Return the job as soon as it has finished, or as it is at the deadline."""
        return self._service.wait(job, lambda now: now.finished, until)


def _kept(command: ExecuteCommand) -> StoredJson | None:
    """Return the input of a synchronous run as it is stored with the job, None if it is too large."""
    text = as_text(command.input) if command.small else ""
    return StoredJson(len(text), text=text) if 0 < len(text) <= KEPT_INPUT_BYTES else None


def _expired(job: Job, message: str) -> InputExpired:
    return InputExpired(message).of(plugin=job.plugin, tool=job.tool, job_id=job.job_id)


def _new_job(command: ExecuteCommand, call: ToolCall, limit_s: float, stored: StoredJson | None = None) -> NewJob:
    return NewJob(
        command.principal.tenant,
        call.plugin.name,
        call.tool.name,
        call.plugin.version,
        limit_s,
        key_id=command.principal.key_id,
        key_limit=command.principal.concurrency,
        keyed=command.keyed,
        deadline_s=command.deadline_s,
        rerun_of=command.original.job_id if command.original else None,
        source=command.source,
        client=command.client,
        client_input=command.client_input,
        webhook=command.webhook,
        input=stored,
    )
