"""Run tools: `ToolRunner` in the Lambda process, `serve` in the worker process.

This module has the project's only call of plugin code, `plugin.run(tool, input, context)`, in the functions that run in
the worker process. They import nothing that calls AWS.
"""

from __future__ import annotations

import logging
import time
from copy import replace
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from interlock import sandbox
from interlock.domain.errors import ErrorCode, InterlockError
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.tools import worker_plugin
from interlock.tools.limits import limits_of
from interlock.tools.messages import (
    Answer,
    class_name,
    code_of,
    encode_answer,
    encode_request,
    exception_text,
    parse_request,
    parse_settings,
    problems_of,
)
from interlock.tools.outcomes import fork_finding, outcome_of_answer, outcome_of_ending
from interlock.tools.worker_context import WorkerContext, with_files
from interlock.tools.worker_diagnostics import log_traceback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from interlock.domain.deadline import Deadline
    from interlock.domain.lifecycle import LifecycleState
    from interlock.plugins.registry import PluginRegistry, ToolCall
    from interlock.sandbox import Alarm, CancelToken, Channel, LogLine, Sandbox

logger = logging.getLogger(__name__)

# --- In the Lambda process -------------------------------------------------------------------------------------------


class Observer(Struct, frozen=True):
    """Callbacks for a running tool: progress (fraction from 0 to 1, message), log lines, and an alarm at a fixed
    time."""

    on_progress: Callable[[float, str], None]
    on_log: Callable[[LogLine], None]
    alarm: Alarm | None = None


type SettingsOf = Callable[[str], Mapping[str, Any]]
"""Returns the settings of a plugin. Raises `InterlockError`, which becomes the outcome."""

type Fetch = Callable[[str], None]
"""Writes the uploads of a call into the run's directory. Raises `InterlockError`, which becomes the outcome."""


def no_files(_folder: str) -> None:
    """Do nothing: the call has no uploads to fetch."""


class ToolRunner:
    """Runs tools, one at a time, each under its limits, and turns every ending into an `Outcome`."""

    def __init__(self, registry: PluginRegistry, sandbox: Sandbox, settings: SettingsOf = lambda _plugin: {}) -> None:
        self._registry = registry
        self._sandbox = sandbox
        self._settings = settings

    @property
    def unfit(self) -> bool:
        """Whether this process must end, because a tool has damaged it."""
        return self._sandbox.unfit

    def run(
        self,
        call: ToolCall,
        *,
        tenant: str,
        job_id: str,
        deadline: Deadline,
        cancel: CancelToken,
        observer: Observer,
        fetch: Fetch = no_files,
    ) -> Outcome:
        """Run a tool for at most `deadline.limit_s`. The deadline also bounds loading the plugin and fetching files.
        The worker process serves no other tenant.

        Never raises for anything a plugin does.
        """
        previous = self._registry.start_run(call.plugin.name)
        began = time.perf_counter()
        outcome = Outcome.failed(ErrorCode.WORKER_LOST, "The execution was interrupted.")
        try:
            outcome = self._invoke(
                call, tenant, job_id, deadline=deadline, cancel=cancel, observer=observer, fetch=fetch
            )
        except InterlockError as error:
            outcome = Outcome(JobStatus.FAILED, error=error.info)
        finally:
            elapsed_ms = (time.perf_counter() - began) * 1000
            outcome = replace(outcome, execution_time_ms=round(elapsed_ms, 3))
            self.update_execution_metrics(call, previous, outcome)
        return outcome

    def update_execution_metrics(self, call: ToolCall, previous: LifecycleState, outcome: Outcome) -> None:
        """Update this environment's lifecycle state and metrics. A failure is logged and never hides the outcome.

        The counters of the fleet are derived from the table's stream.
        """
        try:
            self._registry.record(call, previous, outcome)
        except Exception:
            logger.exception("metrics of %s.%s were not updated", call.plugin.name, call.tool.name)

    def _invoke(
        self,
        call: ToolCall,
        tenant: str,
        job_id: str,
        *,
        deadline: Deadline,
        cancel: CancelToken,
        observer: Observer,
        fetch: Fetch,
    ) -> Outcome:
        limits = limits_of(call, deadline)
        unforkable: list[str] = []
        ending = self._sandbox.run(
            code_of(call, self._settings(call.plugin.name) if call.plugin.settings else None),
            tenant,
            encode_request(call, job_id),
            limits,
            once=call.tool.isolation == "run",
            cancel=cancel,
            alarm=observer.alarm,
            on_progress=observer.on_progress,
            on_log=observer.on_log,
            on_unforkable=unforkable.append,
            fill=fetch,
        )
        if isinstance(ending, sandbox.Completed):
            outcome = outcome_of_answer(call, ending.payload, self._registry.output_problems)
        else:
            outcome = outcome_of_ending(call, ending, limits, deadline)
        return replace(outcome, fork_finding=fork_finding(call, unforkable[0])) if unforkable else outcome


# --- In the worker process -------------------------------------------------------------------------------------------


def serve(request: bytes, channel: Channel) -> bytes:
    """Run one request in the worker process and return the answer. Every exception of a plugin becomes a verdict."""
    asked = parse_request(request)
    answer = _run(worker_plugin.loaded(channel), asked, channel)
    worker_plugin.retire_after_failures(answer.verdict, channel)
    return encode_answer(answer)


def serve_class(plugin: type[Any], code: bytes, request: bytes, channel: Channel) -> bytes:
    """Run one request on a new instance of the plugin in the calling process, and return the answer. For tests of
    plugins: the interpreter's hooks and the plugin of the process stay as they are."""
    ready = worker_plugin.set_up(lambda: plugin, parse_settings(code), channel)
    return encode_answer(ready if isinstance(ready, Answer) else _run(ready, parse_request(request), channel))


def _run(plugin: Any, asked: Mapping[str, Any], channel: Channel) -> Answer:
    # Only the worker process imports pydantic.
    from interlock.plugin import Cancelled, InputRequired, InvalidOutput  # noqa: PLC0415

    context = WorkerContext(asked["job_id"], channel, asked.get("methods", ()), asked.get("responses"))
    try:
        channel.arm(Cancelled)
        given = with_files(asked["input"], asked["files"], channel.temp_dir)
        result = plugin.run(asked["tool"], given, context)
        channel.disarm()
    except (Cancelled, InputRequired) as error:
        if channel.cancelled or isinstance(error, Cancelled):
            channel.mark_interrupted()
        return Answer("input_required", error.input_requests) if isinstance(error, InputRequired) else _exception(error)
    except InterlockError as error:
        details = error.details if isinstance(error.details, dict) else {}
        return Answer("invalid_input", {"message": exception_text(error), "errors": problems_of(details.get("errors"))})
    except InvalidOutput as error:
        return Answer("invalid_output", error.errors)
    except MemoryError:
        channel.retire()
        return Answer("memory", None)
    except BaseException as error:  # any exception of a tool is an outcome
        log_traceback(channel)
        answer = _exception(error)
        if channel.cancelled:  # it failed while it stopped, or while its exception was converted to text
            channel.mark_interrupted()
        return answer
    return Answer("succeeded", result)


def _exception(error: BaseException) -> Answer:
    return Answer("exception", {"exception": class_name(error), "message": exception_text(error)})
