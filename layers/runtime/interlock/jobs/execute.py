"""Execute a tool: run it now, or submit a job and wait for it; join the job of an earlier request with the same key."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from interlock.domain.access import Principal
from interlock.domain.deadline import MIN_TIMEOUT_S, Deadline
from interlock.domain.errors import IdempotencyMismatch, InterlockError
from interlock.domain.idempotency import KeyedRequest
from interlock.domain.job import Job
from interlock.jobs.runner import JobRunner
from interlock.jobs.service import JobService, NewJob
from interlock.jobs.uploads import Uploads
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.ports import KeyAlreadyUsed

SYNC_LIMIT_S = 25.0
"""The longest synchronous run."""

END_MARGIN_S = 3.5
"""Time kept of the invocation to stop a tool (2 s of grace) and to write the end of its job."""

ANSWER_MARGIN_S = 1.0
"""Time kept of the invocation to answer a caller that waits for a job."""

POLL_S = 0.1

RUN_LONGER = "Submit it with Prefer: respond-async to run longer."


@dataclass(frozen=True, slots=True)
class ExecuteCommand:
    """A request to execute a tool. `tool` None means the first tool of the plugin's manifest.

    `wait_s` is None for a synchronous run, or else how long the caller waits for the end of an asynchronous job.
    `received_at` is when the request was received (`time.monotonic`), `due` when it must be answered.
    """

    principal: Principal
    plugin: str
    tool: str | None
    input: Mapping[str, Any]
    timeout_s: float | None
    wait_s: int | None
    keyed: KeyedRequest | None
    received_at: float
    due: Deadline


@dataclass(frozen=True, slots=True)
class Execution:
    """The job of a request, finished or not.

    `result` is set if this process ran the tool, `replayed` if an earlier request with the same key made the job.
    """

    job: Job
    result: Any = None
    replayed: bool = False


class Execute:
    """The use case behind `POST /v1/execute`."""

    def __init__(self, registry: PluginRegistry, service: JobService, runner: JobRunner, uploads: Uploads) -> None:
        self._registry = registry
        self._service = service
        self._runner = runner
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
            call = self._registry.checked(*self._registry.find(command.plugin, command.tool), command.input)
            self._uploads.check(command.principal.tenant, call.uploads)
        limit_s = min(call.tool.timeout_s, command.timeout_s or call.tool.timeout_s)
        if command.wait_s is None:
            return self._run_now(command, call, limit_s)
        job = self._service.new(_new_job(command, call, limit_s))
        job = self._service.submit(job, command.input)
        return Execution(self._wait(job, command.wait_s, command))

    @contextmanager
    def _unless_claimed(self, keyed: KeyedRequest | None) -> Iterator[None]:
        """Raise `KeyAlreadyUsed` instead of a refusal if an earlier request with this key was accepted.

        Its job counts even if the plugin has changed or the uploads have expired since. Only a refusal costs the read.
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
        # The job states the limit that holds. What the gateway waited for the function to start is missing from it.
        deadline = command.due.earlier(END_MARGIN_S)
        limit_now_s = min(limit_s, SYNC_LIMIT_S, max(MIN_TIMEOUT_S, deadline.left_s))
        if limit_now_s < limit_s:
            deadline = deadline.advising(RUN_LONGER)
        job = self._service.new(_new_job(command, call, limit_now_s))
        finished = self._runner.run_now(job, call, deadline=deadline)
        return Execution(finished.job, finished.result)

    def _join(self, first: Job, command: ExecuteCommand) -> Execution:
        """Return the job of the first request with this key, and wait for it while it is unfinished."""
        if command.keyed is None or not command.keyed.matches(first):
            raise IdempotencyMismatch
        job = self._wait(
            self._service.settle_expired(first), SYNC_LIMIT_S if command.wait_s is None else command.wait_s, command
        )
        return Execution(job, replayed=True)

    def _wait(self, job: Job, wait_s: float, command: ExecuteCommand) -> Job:
        """Return the job as soon as it has finished, or as it is `wait_s` seconds after the request was received
        (RFC 7240, section 4.3)."""
        until = command.due.earlier(ANSWER_MARGIN_S).no_later_than(command.received_at + wait_s)
        while not job.finished and not until.passed:
            time.sleep(POLL_S)
            job = self._service.get(job.tenant, job.job_id)
        return job


def _new_job(command: ExecuteCommand, call: ToolCall, limit_s: float) -> NewJob:
    return NewJob(
        command.principal.tenant,
        call.plugin.name,
        call.tool.name,
        call.plugin.version,
        limit_s,
        key_id=command.principal.key_id,
        key_limit=command.principal.concurrency,
        keyed=command.keyed,
    )
