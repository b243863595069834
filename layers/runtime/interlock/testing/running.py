"""`run_tool`: one run of a tool through the ToolRunner, with what it reported."""

from __future__ import annotations

import base64
import inspect
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct, field
from pydantic import BaseModel
from ulid import ULID

from interlock.composition.sandbox import start_sandbox
from interlock.domain.client_input import METHODS
from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorInfo, InterlockError
from interlock.domain.events import TRACEBACK
from interlock.domain.job_status import JobStatus
from interlock.domain.manifest import PluginManifest, PluginSource
from interlock.domain.outcome import ClientInput
from interlock.plugins.audit import is_found
from interlock.plugins.describing import describe_class
from interlock.plugins.index import PluginIndex
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.sandbox import CancelToken, LogLine, Sandbox
from interlock.testing.in_process import InProcessSandbox
from interlock.tools.limits import LOAD_LIMIT_S
from interlock.tools.tool_runner import Observer, ToolRunner

if TYPE_CHECKING:
    from interlock.domain.lifecycle import RunState
    from interlock.domain.metrics import ExecutionMetrics
    from interlock.plugin import Plugin

TENANT = "test"


class ToolRun(Struct):
    """A run of a tool. `progress` has the reports (fraction, message), `log` the lines as `GET /v1/jobs/{id}/events`
    would show them. In process, `log` has only lines of loggers: output goes to standard output."""

    result: dict[str, Any] = field(default_factory=dict)
    execution_time_ms: float = 0.0
    progress: list[tuple[float, str]] = field(default_factory=list)
    log: list[LogLine] = field(default_factory=list)


class ToolFailed(AssertionError):
    """A run did not succeed. `type`, `code` and `details` are those of the error envelope, `status` is the job's, and
    `run` has what the tool reported. In process, `__cause__` is the tool's exception."""

    def __init__(self, error: ErrorInfo, status: JobStatus, run: ToolRun) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.type = error.type
        self.code = error.code.value
        self.message = error.message
        self.details = error.details
        self.status = status.value
        self.run = run


def run_tool(
    plugin: type[Plugin],
    tool: str | None = None,
    input: Mapping[str, Any] | BaseModel | None = None,
    *,
    sandbox: bool | Sandbox = False,
    timeout_s: float | None = None,
    cancel_at: float | None = None,
    cancel_after_s: float | None = None,
    settings: Mapping[str, Any] | None = None,
    input_responses: Mapping[str, Any] | None = None,
) -> ToolRun:
    """Run a tool on an input, which is validated like its result. None selects the first tool.

    In the input, `bytes` and `Path` are files. With `sandbox` the tool runs in a worker process with all its limits;
    pass a `Sandbox` to use one for several runs. `timeout_s` shortens the tool's limit. `cancel_at` cancels the job
    once it reports this fraction of its progress, `cancel_after_s` after this time. `settings` are the plugin's.
    `input_responses` are those of a client, by key, as MCP has them: `{"name": {"action": "accept", "content": {…}}}`;
    with None the client supports no requests.
    Raise `ToolFailed` if the job would not succeed, and TypeError if the plugin's declaration is not valid.
    """
    run = ToolRun()
    source = _source(plugin) if sandbox else PluginSource(plugin.__module__, plugin.__name__)
    registry, call = _checked_call(describe_class(plugin, source), tool, input or {}, run)
    if input_responses is not None:
        call = replace(call, client_input=ClientInput(METHODS, responses=input_responses))
    limit_s = min(call.tool.timeout_s, timeout_s or call.tool.timeout_s)
    observed = _observed(run, cancel_at, cancel_after_s)
    with _used(sandbox, plugin) as used, observed as (cancel, observer, tracebacks):
        runner = ToolRunner(registry, cast("Sandbox", used), lambda _: settings or {})
        due = Deadline.after(limit_s + LOAD_LIMIT_S).limited(limit_s)
        outcome = runner.run(call, tenant=TENANT, job_id=str(ULID()), deadline=due, cancel=cancel, observer=observer)
    run.execution_time_ms = outcome.execution_time_ms
    if outcome.error is not None:
        failed = ToolFailed(outcome.error, outcome.status, run)
        if isinstance(used, Sandbox) and tracebacks:
            failed.add_note("\n".join(tracebacks))
        raise failed from getattr(used, "error", None)
    run.result = outcome.result
    return run


def _checked_call(
    manifest: PluginManifest, tool: str | None, input: Mapping[str, Any] | BaseModel, run: ToolRun
) -> tuple[PluginRegistry, ToolCall]:
    """Return a registry and the call, whose input fits the tool's schema. Raise `ToolFailed` if it does not."""
    registry = PluginRegistry(PluginIndex(Path()), _NoHistory(), _NoMetrics())
    try:
        call = registry.checked(manifest, manifest.tool(tool), _as_json(input))
    except InterlockError as error:
        raise ToolFailed(error.info, JobStatus.FAILED, run) from None
    if call.uploads:
        raise ValueError("a test has no uploads: pass the file as bytes or Path")
    return registry, call


def _source(plugin: type[Plugin]) -> PluginSource:
    """Return where a worker process finds the class. Raises ValueError if it cannot."""
    if "." in plugin.__qualname__:
        raise ValueError(f"{plugin.__qualname__} must be defined at the top of its module to run in the sandbox")
    if is_found(plugin.__module__):
        return PluginSource(plugin.__module__, plugin.__name__)
    file = Path(inspect.getfile(plugin))
    return PluginSource(file.stem, plugin.__name__, str(file))


def _as_json(value: Any) -> Any:
    """Return an input as a caller would send it: files as base64 text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, Path):
        value = value.read_bytes()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: _as_json(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_as_json(inner) for inner in value]
    return value


@contextmanager
def _used(sandbox: bool | Sandbox, plugin: type[Plugin]) -> Iterator[Sandbox | InProcessSandbox]:
    if isinstance(sandbox, Sandbox):
        yield sandbox
    elif not sandbox:
        yield InProcessSandbox(plugin)
    else:
        started = start_sandbox()
        try:
            yield started
        finally:
            started.close()


@contextmanager
def _observed(
    run: ToolRun, cancel_at: float | None, cancel_after_s: float | None
) -> Iterator[tuple[CancelToken, Observer, list[str]]]:
    """Yield a token that is set at a fraction of the progress or after a time, callbacks that record the run, and the
    tracebacks that they receive."""
    cancel = CancelToken()
    tracebacks: list[str] = []

    def on_progress(fraction: float, message: str) -> None:
        run.progress.append((fraction, message))
        if cancel_at is not None and fraction >= cancel_at:
            cancel.set("cancelled by the test")

    def on_log(line: LogLine) -> None:
        if line.level == TRACEBACK:
            tracebacks.append(line.message)
        else:
            run.log.append(line)

    timer = threading.Timer(cancel_after_s or 0, cancel.set, ["cancelled by the test"])
    if cancel_after_s is not None:
        timer.start()
    try:
        yield cancel, Observer(on_progress, on_log), tracebacks
    finally:
        timer.cancel()
        cancel.close()


class _NoHistory:
    """The history of a plugin that has never run."""

    def metrics(self, plugin: str) -> dict[str, ExecutionMetrics]:  # noqa: ARG002
        return {}

    def states(self) -> Mapping[str, RunState]:
        return {}


class _NoMetrics:
    def execution(self, plugin: str, tool: str, status: JobStatus, elapsed_ms: float) -> None:
        """Publish nothing."""

    def wait(self, waited_ms: float) -> None:
        """Publish nothing."""
