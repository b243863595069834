"""Outcomes of runs: the wording for each ending of a worker process and for each verdict that it returns."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interlock import sandbox
from interlock.domain.errors import ErrorCode
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.json_text import TOO_DEEP, as_text
from interlock.domain.outcome import Outcome
from interlock.tools.messages import MAX_MESSAGE, MAX_NAME, cut, parse_answer, problems_of

MIB = 1024 * 1024

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from interlock.domain.deadline import Deadline
    from interlock.plugins.registry import ToolCall
    from interlock.sandbox import Ending, Limits


def outcome_of_ending(call: ToolCall, ending: Ending, limits: Limits, deadline: Deadline) -> Outcome:
    """Return the outcome of a run whose worker process returned no answer."""
    match ending:
        case sandbox.Crashed(exit_code=code, signal=signal, while_loading=True):
            outcome = _unavailable(call, f"its process {_exit_text(code, signal)} while it was being loaded")
        case sandbox.TimedOut(how=how, past_deadline=True) if deadline.limit == "deadline":
            outcome = Outcome.past_deadline(how)
        case sandbox.TimedOut(while_loading=True, past_deadline=True):
            outcome = _unavailable(call, "its import and setup() took longer than the time that was left")
        case sandbox.TimedOut(while_loading=True):
            outcome = _unavailable(call, f"its import and setup() took over {limits.load_s:g} s")
        case sandbox.Crashed(exit_code=code, signal=signal):
            outcome = _crashed(call, code, signal)
        case sandbox.TimedOut(how=how):
            outcome = Outcome.timed_out(deadline, how)
        case sandbox.Cancelled(how=how):
            outcome = Outcome.cancelled(how)
        case sandbox.MemoryExceeded():
            outcome = _memory_exceeded(call)
        case sandbox.OutputTooLarge(size_bytes=size):
            outcome = _output_too_large(call, size, limits.result_bytes)
        case _:
            outcome = Outcome.failed(ErrorCode.WORKER_LOST, "The worker process of this job was lost.")
    return outcome


def outcome_of_answer(
    call: ToolCall, payload: bytes, output_problems: Callable[[ToolCall, Any], Sequence[Mapping[str, object]]]
) -> Outcome:
    """Return the outcome for an answer. Only well-formed answers are accepted, because a plugin may forge them."""
    try:
        verdict, detail = parse_answer(payload)
        if verdict != "succeeded":
            return _FAILURES[verdict](call, detail)
        problems = output_problems(call, detail)
        return invalid_output(call, problems) if problems else Outcome.succeeded(detail)
    except RecursionError:
        return invalid_output(call, [{"path": "", "message": TOO_DEEP}])
    except (ValueError, KeyError, TypeError):
        return invalid_output(call, [{"path": "", "message": "is not JSON"}])


def fork_finding(call: ToolCall, reason: str) -> ForkFinding:
    """Return the finding that each process has to load the plugin, and log it. The reason may be the plugin's text."""
    finding = ForkFinding(call.plugin.code_version, cut(reason, MAX_NAME))
    logger.warning("each worker process loads plugin %s itself: %s", call.plugin.name, finding.reason)
    return finding


def invalid_output(call: ToolCall, problems: Sequence[Mapping[str, object]]) -> Outcome:
    message = f"The result of {call.plugin.name}.{call.tool.name} does not fit its output schema."
    return Outcome.failed(ErrorCode.INVALID_OUTPUT, message, errors=problems)


def _unavailable(call: ToolCall, reason: str) -> Outcome:
    message = f"Plugin {call.plugin.name!r} could not be loaded: {reason}."
    return Outcome.failed(ErrorCode.PLUGIN_UNAVAILABLE, message, reason=reason)


def _exit_text(exit_code: int | None, signal: int | None) -> str:
    return f"was ended by signal {signal}" if signal else f"exited with code {exit_code}"


def _crashed(call: ToolCall, exit_code: int | None, signal: int | None) -> Outcome:
    details = {"signal": signal} if signal else {"exit_code": exit_code}
    message = f"The process of plugin {call.plugin.name!r} {_exit_text(exit_code, signal)}."
    return Outcome.failed(ErrorCode.PLUGIN_CRASHED, message, **details)


def _memory_exceeded(call: ToolCall) -> Outcome:
    limit = call.tool.memory_mb
    message = f"The tool used more memory than its limit of {limit} MiB."
    return Outcome.failed(ErrorCode.MEMORY_EXCEEDED, message, memory_mb=limit)


def _output_too_large(call: ToolCall, size_bytes: int, limit_bytes: int) -> Outcome:
    message = f"The result of {call.plugin.name}.{call.tool.name} is over the limit of {limit_bytes / MIB:.3g} MiB."
    return Outcome.failed(ErrorCode.OUTPUT_TOO_LARGE, message, size_bytes=size_bytes, limit_bytes=limit_bytes)


def _invalid_input(_: ToolCall, detail: Any) -> Outcome:
    message = cut(str(detail["message"]), MAX_MESSAGE)
    return Outcome.failed(ErrorCode.INVALID_INPUT, message, errors=problems_of(detail["errors"]))


def _exception(_: ToolCall, detail: Any) -> Outcome:
    message, name = cut(str(detail["message"]), MAX_MESSAGE), cut(str(detail["exception"]), MAX_NAME)
    return Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, message, exception=name)


def _input_required(call: ToolCall, detail: Any) -> Outcome:
    """Return the failure of a run that requested input. The job ends with it unless its client can respond."""
    from interlock.domain.client_input import MAX_REQUESTS_BYTES, are_input_requests  # noqa: PLC0415 - few tools do

    if not are_input_requests(detail) or len(as_text(detail)) > MAX_REQUESTS_BYTES:
        limit = f"is not a map of input requests of at most {MAX_REQUESTS_BYTES // 1024} KiB"
        return invalid_output(call, [{"path": "", "message": limit}])
    asked = "; ".join(f"{key} ({request['method']})" for key, request in detail.items())
    message = (
        f"The tool {call.plugin.name}.{call.tool.name} needs input from its client: {asked}. "
        "Call it with an MCP client that supports this."
    )
    return Outcome.failed(ErrorCode.INPUT_REQUIRED, cut(message, MAX_MESSAGE), input_requests=detail)


_FAILURES: Mapping[str, Callable[[ToolCall, Any], Outcome]] = {
    "exception": _exception,
    "input_required": _input_required,
    "invalid_input": _invalid_input,
    "invalid_output": lambda call, detail: invalid_output(call, problems_of(detail)),
    "memory": lambda call, _: _memory_exceeded(call),
    "unavailable": lambda call, detail: _unavailable(call, cut(str(detail), MAX_MESSAGE)),
}
