"""The only way to a plugin: invoke in a process of its own, validate its output, outcome, metrics.

The call that runs a plugin's code, `plugin.run(tool, input, context)`, stands in this module alone, in the half that
runs in the worker process (`serve`). That half imports nothing that talks to AWS.
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import sys
import threading
import time
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from interlock.domain.errors import ErrorCode, InterlockError
from interlock.domain.events import TRACEBACK
from interlock.domain.file_formats import StoredFile
from interlock.domain.job_status import JobStatus
from interlock.domain.manifest import PluginSource
from interlock.domain.outcome import Outcome
from interlock.plugins.loading import load_plugin_class
from interlock.sandbox import (
    Cancelled,
    CancelToken,
    Completed,
    Crashed,
    Limits,
    LogLine,
    MemoryExceeded,
    OutputTooLarge,
    Sandbox,
    TimedOut,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from interlock.domain.deadline import Deadline
    from interlock.domain.lifecycle import LifecycleState
    from interlock.plugins.registry import PluginRegistry, ToolCall
    from interlock.sandbox import Channel, Ending

logger = logging.getLogger(__name__)

TARGET = "interlock.tools.tool_runner:serve"
PRELOAD = ("interlock.plugin", "interlock.tools.tool_runner")
LOAD_LIMIT_S = 20.0
MAX_RESULT_BYTES = 64 * 1024 * 1024
RESULT_SHARE = 100
"""A result may have one hundredth of the function's memory. Parsed, it takes up to 48 times its size (measured with
lists nested 100 deep; `[[],[],...]` takes 22 times), and the tool's own process needs the rest."""

MAX_MESSAGE = 2000
MAX_NAME = 200
GIVEN_UP_AFTER = 3
"""So many failures in a row, and the process is not used again: it may be what an earlier run has left that fails."""

MAX_TRACEBACK_LINES = 200
MAX_ASIDES = 100
"""So many exceptions that nobody handles, and warnings, are told of one run."""

MAX_PROBLEMS = 20
MAX_PROBLEM_TEXT = 300


# --- In the Lambda process -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Observer:
    """Who hears of a run while it is on: its progress (fraction, message) and its log lines."""

    on_progress: Callable[[float, str], None]
    on_log: Callable[[LogLine], None]


type Fetch = Callable[[str], None]
"""Writes the uploads of a call into the run's directory. Raises `InterlockError`, which becomes the outcome."""


def no_files(_folder: str) -> None:
    """The fetch of a call without uploads."""


class ToolRunner:
    """Runs tools, one at a time, each under its limits, and turns every end of one into an `Outcome`."""

    def __init__(self, registry: PluginRegistry, sandbox: Sandbox) -> None:
        self._registry = registry
        self._sandbox = sandbox

    @property
    def unfit(self) -> bool:
        """Whether a tool has damaged this process, which is to be ended."""
        return self._sandbox.unfit

    def run(
        self,
        call: ToolCall,
        *,
        job_id: str,
        deadline: Deadline,
        cancel: CancelToken,
        observer: Observer,
        fetch: Fetch = no_files,
    ) -> Outcome:
        """Run a tool for at most the deadline's limit. The deadline also bounds loading the plugin and fetching files.

        Never raises for anything a plugin does.
        """
        previous = self._registry.run_started(call.plugin.name)
        began = time.perf_counter()
        outcome = Outcome.failed(ErrorCode.WORKER_LOST, "The execution was interrupted.")
        try:
            outcome = self._invoke(call, job_id, deadline, cancel=cancel, observer=observer, fetch=fetch)
        except InterlockError as error:
            outcome = Outcome(JobStatus.FAILED, error=error.info)
        finally:
            elapsed_ms = (time.perf_counter() - began) * 1000
            outcome = replace(outcome, execution_time_ms=round(elapsed_ms, 3))
            self.update_execution_metrics(call, previous, outcome)
        return outcome

    def update_execution_metrics(self, call: ToolCall, previous: LifecycleState, outcome: Outcome) -> None:
        """Moves the lifecycle and the metrics of this environment. Its own failure is logged and never hides the
        tool's outcome; the fleet's counters move with the job, in the transaction that ends it."""
        try:
            self._registry.record(call, previous, outcome)
        except Exception:
            logger.exception("metrics of %s.%s were not updated", call.plugin.name, call.tool.name)

    def _invoke(
        self,
        call: ToolCall,
        job_id: str,
        deadline: Deadline,
        *,
        cancel: CancelToken,
        observer: Observer,
        fetch: Fetch,
    ) -> Outcome:
        limits = _limits(call, deadline)
        request = {
            "source": asdict(call.plugin.source),
            "tool": call.tool.name,
            "input": call.input,
            "files": [[one.location, one.file] for one in call.uploads],
            "job_id": job_id,
        }
        ending = self._sandbox.run(
            call.plugin.name,
            json.dumps(request).encode(),
            limits,
            network=call.tool.network,
            cancel=cancel,
            on_progress=observer.on_progress,
            on_log=observer.on_log,
            fill=fetch,
        )
        return self._outcome(call, ending, limits, deadline)

    def _outcome(self, call: ToolCall, ending: Ending, limits: Limits, deadline: Deadline) -> Outcome:
        match ending:
            case Completed(payload=payload):
                outcome = self._completed(call, payload)
            case Crashed(exit_code=code, signal=signal, while_loading=True):
                outcome = _unavailable(call, f"its process {_how(code, signal)} while it was being loaded")
            case TimedOut(while_loading=True):
                outcome = _unavailable(
                    call, f"its import and setup() took over {min(limits.load_s, limits.total_s):g} s"
                )
            case Crashed(exit_code=code, signal=signal):
                outcome = _crashed(call, code, signal)
            case TimedOut(how=how):
                outcome = Outcome.timed_out(deadline, how)
            case Cancelled(how=how):
                outcome = Outcome.cancelled(how)
            case MemoryExceeded():
                outcome = _memory_exceeded(call)
            case OutputTooLarge(size_bytes=size):
                outcome = _output_too_large(call, size, limits.result_bytes)
            case WorkerLost():
                outcome = Outcome.failed(ErrorCode.WORKER_LOST, "The worker of this job vanished.")
        return outcome

    def _completed(self, call: ToolCall, payload: bytes) -> Outcome:
        """What the worker says, believed as far as it fits: its process is the plugin's to tamper with."""
        try:
            answer = _parsed(payload)
            verdict, said = answer["verdict"], answer["said"]
            return self._succeeded(call, said) if verdict == "succeeded" else _FAILURES[verdict](call, said)
        except (ValueError, KeyError, TypeError, RecursionError):
            return _invalid_output(call, "is not JSON")

    def _succeeded(self, call: ToolCall, result: Any) -> Outcome:
        problems = self._registry.output_problems(call, result)
        return _misfit(call, problems) if problems else Outcome.succeeded(result)


def _parsed(payload: bytes) -> Any:
    """JSON as RFC 8259 has it. Raises ValueError also for what Python's parser takes besides: NaN, numbers that are
    infinite as floats, halves of surrogate pairs."""
    text = payload.decode()
    value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    if "\\u" in text:  # the worker escapes control characters alone: this is seldom
        _encode(value).encode()
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:50]} is no number in JSON")
    return number


def _cut(text: str, length: int) -> str:
    """Text of the worker, in a length that the table takes and without halves of surrogate pairs."""
    return text[:length].encode("utf-8", "replace").decode()


def _limits(call: ToolCall, deadline: Deadline) -> Limits:
    left_s = deadline.left_s
    return Limits(
        wall_s=min(deadline.limit_s, left_s),
        load_s=LOAD_LIMIT_S,
        total_s=left_s,
        memory_mb=call.tool.memory_mb,
        result_bytes=result_limit(),
    )


def result_limit() -> int:
    """Return the maximum size of a result in bytes, by the memory of the Lambda function."""
    memory_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    return min(MAX_RESULT_BYTES, int(memory_mb) * 1024 * 1024 // RESULT_SHARE) if memory_mb else MAX_RESULT_BYTES


def _how(exit_code: int | None, signal: int | None) -> str:
    return f"was ended by signal {signal}" if signal else f"exited with code {exit_code}"


def _crashed(call: ToolCall, exit_code: int | None, signal: int | None) -> Outcome:
    details = {"signal": signal} if signal else {"exit_code": exit_code}
    message = f"The process of plugin {call.plugin.name!r} {_how(exit_code, signal)}."
    return Outcome.failed(ErrorCode.PLUGIN_CRASHED, message, **details)


def _memory_exceeded(call: ToolCall) -> Outcome:
    limit = call.tool.memory_mb
    message = f"The tool used more memory than its limit of {limit} MiB."
    return Outcome.failed(ErrorCode.MEMORY_EXCEEDED, message, memory_mb=limit)


def _output_too_large(call: ToolCall, size_bytes: int, limit_bytes: int) -> Outcome:
    message = f"The result of {call.plugin.name}.{call.tool.name} is over the limit of {limit_bytes} bytes."
    return Outcome.failed(ErrorCode.OUTPUT_TOO_LARGE, message, size_bytes=size_bytes, limit_bytes=limit_bytes)


def _misfit(call: ToolCall, problems: Sequence[Mapping[str, object]]) -> Outcome:
    message = f"The result of {call.plugin.name}.{call.tool.name} does not fit its output schema."
    return Outcome.failed(ErrorCode.INVALID_OUTPUT, message, errors=problems)


def _invalid_output(call: ToolCall, problem: str) -> Outcome:
    return _misfit(call, [{"path": "", "message": problem}])


def _problems(said: Any) -> list[dict[str, str]]:
    """A plugin's list of problems, as far as it has the form of one, in a size that an envelope has."""
    found = said[:MAX_PROBLEMS] if isinstance(said, list) else []
    return [
        {name: _cut(str(one[name]), MAX_PROBLEM_TEXT) for name in ("path", "message")}
        for one in found
        if isinstance(one, dict) and one.keys() >= {"path", "message"}
    ]


def _invalid_input(_: ToolCall, said: Any) -> Outcome:
    message = _cut(str(said["message"]), MAX_MESSAGE)
    return Outcome.failed(ErrorCode.INVALID_INPUT, message, errors=_problems(said["errors"]))


def _exception(_: ToolCall, said: Any) -> Outcome:
    message, name = _cut(str(said["message"]), MAX_MESSAGE), _cut(str(said["exception"]), MAX_NAME)
    return Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, message, exception=name)


def _unavailable(call: ToolCall, reason: str) -> Outcome:
    message = f"Plugin {call.plugin.name!r} could not be loaded: {reason}."
    return Outcome.failed(ErrorCode.PLUGIN_UNAVAILABLE, message, reason=reason)


_FAILURES: Mapping[str, Callable[[ToolCall, Any], Outcome]] = {
    "exception": _exception,
    "invalid_input": _invalid_input,
    "invalid_output": lambda call, said: _misfit(call, _problems(said)),
    "memory": lambda call, _: _memory_exceeded(call),
    "unavailable": lambda call, said: _unavailable(call, _cut(str(said), MAX_MESSAGE)),
}
"""Each verdict of the worker besides `succeeded`, as an outcome."""


# --- In the worker process -------------------------------------------------------------------------------------------


class _Encoder(json.JSONEncoder):
    """With methods of its own: a plugin may replace those of its base."""

    default, encode, iterencode = json.JSONEncoder.default, json.JSONEncoder.encode, json.JSONEncoder.iterencode


_encode = _Encoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode
_loaded: dict[tuple[str, str, str | None], Any] = {}
_failed_in_a_row: list[str] = []


class Answer(NamedTuple):
    """What the worker tells of a run: `said` is the result, or what the verdict needs to become an outcome."""

    verdict: str
    said: Any


def serve(request: bytes, channel: Channel) -> bytes:
    """Runs one request of the ToolRunner in the worker process: `{source, tool, input, files, job_id}` in, `{verdict,
    said}` out, both JSON. Whatever the plugin raises becomes a verdict."""
    asked = json.loads(request)
    _asides.listen(channel)
    try:
        plugin = _load(PluginSource(**asked["source"]))
    except BaseException as error:  # whatever an import or a setup() does is an outcome: the reason it is unavailable
        _tell_traceback(channel)
        channel.retire()
        return _encoded(Answer("unavailable", _why_unavailable(error)))
    channel.ready()
    answer = _run(plugin, asked, channel)
    _count_failures(answer.verdict, channel)
    return _encoded(answer)


def _count_failures(verdict: str, channel: Channel) -> None:
    if verdict == "succeeded":
        _failed_in_a_row.clear()
    elif verdict != "invalid_input":
        _failed_in_a_row.append(verdict)
    if len(_failed_in_a_row) >= GIVEN_UP_AFTER:
        channel.retire()


def _load(source: PluginSource) -> Any:
    key = (source.module, source.class_name, source.path)
    if key not in _loaded:
        plugin = load_plugin_class(source)()
        plugin.setup()
        _loaded[key] = plugin
    return _loaded[key]


def _run(plugin: Any, asked: Mapping[str, Any], channel: Channel) -> Answer:
    from interlock.plugin import Cancelled as Stop  # noqa: PLC0415 - pydantic is for the worker alone
    from interlock.plugin import InvalidOutput  # noqa: PLC0415

    context = WorkerContext(asked["job_id"], channel)
    try:
        channel.arm(Stop)
        given = _with_files(asked["input"], asked["files"], channel.temp_dir)
        result = plugin.run(asked["tool"], given, context)
        channel.disarm()
    except Stop as error:
        channel.interrupted()
        return Answer("exception", {"exception": _class_name(error), "message": _text(error)})
    except InterlockError as error:
        details = error.details if isinstance(error.details, dict) else {}
        return Answer("invalid_input", {"message": _text(error), "errors": _problems(details.get("errors"))})
    except InvalidOutput as error:
        return Answer("invalid_output", error.errors)
    except MemoryError:
        channel.retire()
        return Answer("memory", None)
    except BaseException as error:  # whatever a tool raises is an outcome
        _tell_traceback(channel)
        said = {"exception": _class_name(error), "message": _text(error)}
        if channel.cancelled:
            # It failed on its way out, or while it said why: that is how it was stopped.
            channel.interrupted()
        return Answer("exception", said)
    return Answer("succeeded", result)


def _with_files(input: Any, files: Sequence[tuple[list[str | int], str]], folder: Path) -> Any:
    """The input, each of its uploads replaced by the file that was fetched for it."""
    for location, name in files:
        at = input
        for part in location[:-1]:
            at = at[part]
        at[location[-1]] = StoredFile(folder / name)
    return input


def _encoded(answer: Answer) -> bytes:
    try:
        return _encode(answer._asdict()).encode()
    except (ValueError, TypeError, RecursionError) as error:
        # NaN, a cycle, half of a surrogate pair, a value that JSON has no form for.
        problem = {"path": "", "message": f"cannot be written as JSON: {_text(error)}"}
        return _encode(Answer("invalid_output", [problem])._asdict()).encode()


def _why_unavailable(error: BaseException) -> str:
    if type(error) is ModuleNotFoundError and isinstance(error.name, str):
        return f"needs {_cut(error.name, MAX_NAME)}: not installed"
    return f"{_class_name(error)}: {_text(error)}"


def _class_name(error: BaseException) -> str:
    """As the class was named, whatever its metaclass says."""
    return _cut(type.__dict__["__name__"].__get__(type(error)), MAX_NAME)


def _text(error: BaseException) -> str:
    """The exception's own text, bounded. One that cannot say what it is has none."""
    try:
        return _cut(str(error), MAX_MESSAGE)
    except BaseException as broken:  # interlock: allow ILK004 - of a plugin's __str__; the class name is reported
        return _unreadable(broken)


def _unreadable(error: BaseException) -> str:
    return f"(its text could not be read: {_class_name(error)})"


def _tell_traceback(channel: Channel, error: BaseException | None = None) -> None:
    """That of the exception, or of the one that is handled now. For the function's log, where the plugin's author
    looks; no caller sees it."""
    try:
        traceback.print_exception(error or sys.exception(), limit=50, file=_FunctionLog(channel))
    except Exception as broken:  # interlock: allow ILK004 - of a plugin's exception; only its traceback is lost
        channel.log(TRACEBACK, f"no traceback {_unreadable(broken)}")


class _Asides:
    """What the interpreter says by itself of a plugin's code: exceptions that end a thread or that nobody can handle,
    and warnings. It would write them to standard error, with paths and source lines, as if the plugin had. So a caller
    reads what happened, and where is told to the function's log.

    Installed once, before the process is looked at: the functions are the same in every run. To tell of one may bring
    about the next (a callback of the garbage collector that fails), so there is no telling while telling, and an end.
    """

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._left = 0
        self._telling = False

    def listen(self, channel: Channel) -> None:
        """From now on what is said belongs to this run."""
        if self._channel is None:
            threading.excepthook = self.thread_ended
            sys.unraisablehook = self.unraisable
            warnings.showwarning = cast("Any", self.warned)
        self._channel, self._left = channel, MAX_ASIDES

    def thread_ended(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            name = args.thread.name if args.thread is not None else "?"
            self._failed("error", f"thread {name} ended by ", args.exc_value)

    def unraisable(self, args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            self._failed("warning", "an exception was ignored: ", args.exc_value)

    def warned(self, message: Warning | str, category: type[Warning], *where: Any) -> None:
        """`where`: file name, line number, and what else `warnings.showwarning` takes."""
        with self._channel_to_tell() as channel:
            if channel is not None:
                channel.log("warning", f"{category.__name__}: {message}")
                _FunctionLog(channel).write(warnings.formatwarning(message, category, *where[:2]))

    def _failed(self, level: str, what: str, error: BaseException) -> None:
        with self._channel_to_tell() as channel:
            if channel is not None:
                channel.log(level, f"{what}{_class_name(error)}: {_text(error)}")
                _tell_traceback(channel, error)

    @contextmanager
    def _channel_to_tell(self) -> Iterator[Channel | None]:
        if self._telling or not self._left:
            yield None
            return
        self._telling, self._left = True, self._left - 1
        try:
            yield self._channel
        finally:
            self._telling = False


_asides = _Asides()


class _FunctionLog(io.TextIOBase):
    """Takes text for the function's log alone."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lines_left = MAX_TRACEBACK_LINES

    def write(self, text: str) -> int:
        for line in text.splitlines()[: self._lines_left]:
            self._channel.log(TRACEBACK, line)
            self._lines_left -= 1
        return len(text)


class WorkerContext:
    """The `interlock.plugin.ToolContext` of one run."""

    def __init__(self, job_id: str, channel: Channel) -> None:
        self._job_id = job_id
        self._channel = channel
        self._logger = logging.Logger(f"interlock.job.{job_id}", logging.DEBUG)
        self._logger.addHandler(_ChannelHandler(channel))

    @property
    def job_id(self) -> str:
        return self._job_id

    @property
    def deadline(self) -> datetime:
        return datetime.fromtimestamp(self._channel.deadline, UTC)

    @property
    def cancelled(self) -> bool:
        return self._channel.cancelled

    @property
    def temp_dir(self) -> Path:
        return self._channel.temp_dir

    @property
    def logger(self) -> logging.Logger:
        return self._logger

    def progress(self, fraction: float, message: str = "") -> None:
        self._channel.progress(min(1.0, max(0.0, float(fraction))), str(message)[:200])


def _given(message: object) -> str:
    return message if isinstance(message, str) else f"a {type(message).__name__}"


class _ChannelHandler(logging.Handler):
    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """A line that cannot be formatted is told as it was given: as everywhere in `logging`, it ends nothing."""
        try:
            message = record.getMessage()
        except Exception as broken:  # interlock: allow ILK004 - logging never ends a run; the line says so
            message = f"{_given(record.msg)} {_unreadable(broken)}"
        self._channel.log(record.levelname.lower(), message)
        if record.exc_info and record.exc_info[1] is not None:
            _tell_traceback(self._channel, record.exc_info[1])
